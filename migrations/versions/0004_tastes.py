"""Tastes; and of each line, what a taste foretold of it, and which one chose it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "tastes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("voice", sa.String(length=40), nullable=False),
        sa.Column("base", sa.String(length=80), nullable=False),
        sa.Column("serves", sa.Boolean(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["voice"], ["voices.slug"], name=op.f("fk_tastes_voice")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tastes")),
    )
    op.create_index("ix_tastes_voice", "tastes", ["voice"])
    op.add_column("poems", sa.Column("taste_id", sa.Integer(), nullable=True))
    op.add_column("lines", sa.Column("liking", sa.Double(), nullable=True))
    op.add_column("impressions", sa.Column("liking", sa.Double(), nullable=True))


def downgrade() -> None:
    op.drop_column("impressions", "liking")
    op.drop_column("lines", "liking")
    op.drop_column("poems", "taste_id")
    op.drop_index("ix_tastes_voice", "tastes")
    op.drop_table("tastes")
