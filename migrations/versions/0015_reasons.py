"""The reason for rejecting a submission or a piece, which its author can read."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0012"


def upgrade() -> None:
    for table in ("submissions", "pieces"):
        op.add_column(table, sa.Column("reason", sa.String(200)))


def downgrade() -> None:
    for table in ("submissions", "pieces"):
        op.drop_column(table, "reason")
