"""What the screen found in a submission, sketches that find its twins, and what a key may open."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("submissions", sa.Column("flags", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("keys", sa.Column("scope", sa.String(length=8), nullable=False, server_default="all"))
    op.create_table(
        "sketches",
        sa.Column("submission_id", sa.Integer(), nullable=False),
        sa.Column("hash", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["submission_id"], ["submissions.id"], name=op.f("fk_sketches_submission_id")),
        sa.PrimaryKeyConstraint("submission_id", "hash", name=op.f("pk_sketches")),
    )
    op.create_index("ix_sketches_hash", "sketches", ["hash"])


def downgrade() -> None:
    op.drop_index("ix_sketches_hash", "sketches")
    op.drop_table("sketches")
    op.drop_column("keys", "scope")
    op.drop_column("submissions", "flags")
