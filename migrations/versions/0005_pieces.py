"""Pieces woven of ticked lines; guesses whether a line is a human's, and which submissions may be guessed at."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "pieces",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("voice", sa.String(length=40), nullable=False),
        sa.Column("visitor_id", sa.String(length=32), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("author", sa.String(length=200), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(length=60), nullable=True),
        sa.ForeignKeyConstraint(["visitor_id"], ["visitors.id"], name=op.f("fk_pieces_visitor_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["voice"], ["voices.slug"], name=op.f("fk_pieces_voice")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pieces")),
    )
    op.create_index("pieces_queue", "pieces", ["status", "created"])
    op.create_index("ix_pieces_visitor_id", "pieces", ["visitor_id"])
    op.create_table(
        "piece_lines",
        sa.Column("piece_id", sa.String(length=16), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("line_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["line_id"], ["lines.id"], name=op.f("fk_piece_lines_line_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["piece_id"], ["pieces.id"], name=op.f("fk_piece_lines_piece_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("piece_id", "slot", name=op.f("pk_piece_lines")),
    )
    op.create_index("ix_piece_lines_line_id", "piece_lines", ["line_id"])
    op.create_table(
        "quotables",
        sa.Column("submission_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submissions.id"], name=op.f("fk_quotables_submission_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("submission_id", name=op.f("pk_quotables")),
    )
    op.create_table(
        "guesses",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("visitor_id", sa.String(length=32), nullable=False),
        sa.Column("voice", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(length=200), nullable=False),
        sa.Column("human", sa.Boolean(), nullable=False),
        sa.Column("said_human", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["visitor_id"], ["visitors.id"], name=op.f("fk_guesses_visitor_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["voice"], ["voices.slug"], name=op.f("fk_guesses_voice")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guesses")),
        sa.UniqueConstraint(
            "visitor_id", "kind", "source_id", "row", name=op.f("uq_guesses_visitor_id_kind_source_id_row")
        ),
    )
    op.create_index("ix_guesses_voice", "guesses", ["voice"])


def downgrade() -> None:
    op.drop_table("guesses")
    op.drop_table("quotables")
    op.drop_table("piece_lines")
    op.drop_table("pieces")
