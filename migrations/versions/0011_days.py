"""오늘의 시: which poem is whose day's."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "days",
        sa.Column("voice", sa.String(length=40), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("poem_id", sa.String(length=16), nullable=False),
        sa.Column("readers", sa.Integer(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["poem_id"], ["poems.id"], name=op.f("fk_days_poem_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["voice"], ["voices.slug"], name=op.f("fk_days_voice")),
        sa.PrimaryKeyConstraint("voice", "day", name=op.f("pk_days")),
    )
    op.create_index("ix_days_poem_id", "days", ["poem_id"])


def downgrade() -> None:
    op.drop_table("days")
