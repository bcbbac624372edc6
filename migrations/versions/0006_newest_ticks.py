"""An index on when a line was ticked: the sweep counts what is new every few seconds."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_index("ix_ticks_at", "ticks", ["at"])


def downgrade() -> None:
    op.drop_index("ix_ticks_at", "ticks")
