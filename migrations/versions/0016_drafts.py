"""The drawer: drafts by version, and which draft a poem was."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "drafts",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("temperature", sa.Double(), nullable=False),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.Column("marks", sa.JSON(), nullable=False),
        sa.Column("handed_out", sa.Integer(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], name="fk_drafts_version_id"),
        sa.PrimaryKeyConstraint("id", name="pk_drafts"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_drafts_version_id", "drafts", ["version_id"])
    op.create_table(
        "drawers",
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("written", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], name="fk_drawers_version_id"),
        sa.PrimaryKeyConstraint("version_id", name="pk_drawers"),
    )
    op.add_column("poems", sa.Column("draft_id", BIG_ID))
    op.create_index("one_draft_a_visitor", "poems", ["visitor_id", "draft_id"], unique=True)


def downgrade() -> None:
    op.drop_index("one_draft_a_visitor", "poems")
    op.drop_column("poems", "draft_id")
    op.drop_table("drawers")
    op.drop_table("drafts")
