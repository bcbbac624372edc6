"""Which guesses are in everybody's score: those of readers, and none that was about a stand-in."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("guesses", sa.Column("counted", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(
        "UPDATE guesses SET counted = true WHERE visitor_id IN (SELECT id FROM visitors WHERE returned IS NOT NULL)"
    )


def downgrade() -> None:
    op.drop_column("guesses", "counted")
