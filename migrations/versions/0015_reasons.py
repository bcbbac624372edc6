"""Why a poem, or a piece, was declined: its author reads it."""

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
