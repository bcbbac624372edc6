"""All tables, as of the first release. Names of keys and indexes follow the convention in `app/store/tables.py`."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import JSON, Boolean, Column, Double, ForeignKey, Integer, String, Text

revision = "0012"
down_revision = None

BIG = sa.BigInteger().with_variant(Integer(), "sqlite")
"""Ids in tables that grow with readers: at a million readers a day, 32 bits last for 107 days."""
TIME = sa.DateTime(timezone=True)
TABLES = (
    "voices", "runs", "run_logs", "versions", "history", "lesson_items", "trials", "tastes",
    "visitors", "places", "poems", "lines", "poem_lines", "impressions", "ticks", "submissions", "sketches",
    "pieces", "piece_lines", "days", "quotables", "guesses",
    "admins", "keys", "audit", "pulses",
)  # fmt: skip
"""In the order in which they are created."""


def upgrade() -> None:
    _voices_and_runs()
    _readers()
    _admins()


def downgrade() -> None:
    with op.batch_alter_table("voices") as voices:
        voices.drop_constraint("fk_voices_champion_id", type_="foreignkey")
    for table in reversed(TABLES):
        op.drop_table(table)


def _voices_and_runs() -> None:
    op.create_table(
        "voices",
        Column("slug", String(40), primary_key=True),
        Column("title", String(100), nullable=False),
        Column("language", String(16), nullable=False),
        Column("base", String(80), nullable=False),
        Column("champion_id", Integer),
        Column("created", TIME, nullable=False),
    )
    op.create_table(
        "runs",
        Column("id", Integer, primary_key=True),
        Column("voice", String(40), ForeignKey("voices.slug"), nullable=False, index=True),
        Column("state", String(16), nullable=False, index=True),
        Column("phase", String(16)),
        Column("cause", String(16), nullable=False),
        Column("fence", Integer, nullable=False),
        Column("attempt", Integer, nullable=False),
        Column("stalled", Integer, nullable=False, server_default="0"),
        Column("leased_until", TIME),
        Column("cancelling", Boolean, nullable=False),
        Column("step", Integer, nullable=False),
        Column("steps", Integer, nullable=False),
        Column("loss", Double),
        Column("seconds_left", Double),
        Column("error", Text),
        Column("verdict", JSON),
        Column("created", TIME, nullable=False),
        Column("started", TIME),
        Column("ended", TIME),
    )
    _one_a_voice("one_active_run_a_voice", "runs", "state IN ('queued', 'running')")
    op.create_table(
        "run_logs",
        Column("id", BIG, primary_key=True),
        Column("run_id", Integer, ForeignKey("runs.id"), nullable=False, index=True),
        Column("at", TIME, nullable=False),
        Column("text", Text, nullable=False),
    )
    op.create_table(
        "versions",
        Column("id", Integer, primary_key=True),
        Column("voice", String(40), ForeignKey("voices.slug"), nullable=False),
        Column("base", String(80), nullable=False),
        Column("number", Integer, nullable=False),
        Column("status", String(16), nullable=False),
        Column("folder", String(200), nullable=False, unique=True),
        Column("lesson", JSON, nullable=False),
        Column("metrics", JSON, nullable=False),
        Column("verdict", JSON),
        Column("samples", JSON),
        Column("run_id", Integer, ForeignKey("runs.id")),
        Column("created", TIME, nullable=False),
        sa.UniqueConstraint("voice", "base", "number"),
    )
    with op.batch_alter_table("voices") as voices:
        voices.create_foreign_key("fk_voices_champion_id", "versions", ["champion_id"], ["id"])
    op.create_table(
        "history",
        Column("id", Integer, primary_key=True),
        Column("voice", String(40), ForeignKey("voices.slug"), nullable=False, index=True),
        Column("version_id", Integer, ForeignKey("versions.id"), nullable=False),
        Column("was_id", Integer, ForeignKey("versions.id")),
        Column("at", TIME, nullable=False),
        Column("by", String(60), nullable=False),
        Column("reason", Text, nullable=False),
    )
    op.create_table(
        "lesson_items",
        Column("version_id", Integer, ForeignKey("versions.id"), primary_key=True),
        Column("kind", String(8), primary_key=True),
        Column("source_id", BIG, primary_key=True),
        Column("weight", Double, nullable=False),
        Column("gain", Double),
    )
    op.create_table(
        "trials",
        Column("id", Integer, primary_key=True),
        Column("voice", String(40), ForeignKey("voices.slug"), nullable=False, index=True),
        Column("challenger_id", Integer, ForeignKey("versions.id"), nullable=False),
        Column("champion_id", Integer, ForeignKey("versions.id"), nullable=False),
        Column("share", Double, nullable=False),
        Column("state", String(16), nullable=False),
        Column("reason", String(24)),
        Column("evidence", JSON, nullable=False),
        Column("started", TIME, nullable=False),
        Column("ended", TIME),
    )
    _one_a_voice("one_running_trial_a_voice", "trials", "state = 'running'")
    op.create_table(
        "tastes",
        Column("id", Integer, primary_key=True),
        Column("voice", String(40), ForeignKey("voices.slug"), nullable=False, index=True),
        Column("base", String(80), nullable=False),
        Column("serves", Boolean, nullable=False),
        Column("content", JSON, nullable=False),
        Column("created", TIME, nullable=False),
    )


def _readers() -> None:
    op.create_table(
        "visitors",
        Column("id", String(32), primary_key=True),
        Column("created", TIME, nullable=False),
        Column("returned", TIME),
        Column("address", String(64), nullable=False),
    )
    op.create_table(
        "places",
        Column("address", String(64), primary_key=True),
        Column("place", Integer, primary_key=True),
        Column("visitor_id", String(32), ForeignKey("visitors.id", ondelete="SET NULL"), index=True),
        Column("at", TIME, nullable=False),
    )
    op.create_table(
        "poems",
        Column("id", String(16), primary_key=True),
        Column("voice", String(40), ForeignKey("voices.slug"), nullable=False),
        Column("visitor_id", String(32), ForeignKey("visitors.id"), nullable=False),
        Column("version_id", Integer, ForeignKey("versions.id"), nullable=False, index=True),
        Column("seed", sa.BigInteger, nullable=False),
        Column("fixed_seed", Boolean, nullable=False),
        Column("temperature", Double, nullable=False),
        Column("prime", Text, nullable=False),
        Column("trial_id", Integer, index=True),
        Column("network", String(8)),
        Column("taste_id", Integer),
        Column("created", TIME, nullable=False),
        sa.Index("poems_newest", "voice", "created"),
        sa.Index("poems_of_visitor", "visitor_id", "voice", "created"),
    )
    op.create_table(
        "lines",
        Column("id", BIG, primary_key=True),
        Column("poem_id", String(16), ForeignKey("poems.id"), nullable=False, index=True),
        Column("version_id", Integer, ForeignKey("versions.id"), nullable=False, index=True),
        Column("text", Text, nullable=False),
        Column("logprob", Double, nullable=False),
        Column("chance", Double, nullable=False),
        Column("liking", Double),
        Column("primed", Boolean, nullable=False),
    )
    op.create_table(
        "poem_lines",
        Column("poem_id", String(16), ForeignKey("poems.id"), primary_key=True),
        Column("slot", Integer, primary_key=True),
        Column("line_id", BIG, ForeignKey("lines.id"), nullable=False, index=True),
    )
    op.create_table(
        "impressions",
        Column("line_id", BIG, ForeignKey("lines.id"), primary_key=True),
        Column("visitor_id", String(32), ForeignKey("visitors.id"), primary_key=True, index=True),
        Column("voice", String(40), ForeignKey("voices.slug"), nullable=False),
        Column("version_id", Integer, ForeignKey("versions.id"), nullable=False, index=True),
        Column("slot", Integer, nullable=False),
        Column("logprob", Double, nullable=False),
        Column("chance", Double, nullable=False),
        Column("liking", Double),
        Column("counted", Boolean, nullable=False, server_default=sa.false()),
        Column("at", TIME, nullable=False),
    )
    op.create_table(
        "ticks",
        Column("line_id", BIG, ForeignKey("lines.id"), primary_key=True),
        Column("visitor_id", String(32), ForeignKey("visitors.id"), primary_key=True, index=True),
        Column("address", String(64), nullable=False),
        Column("at", TIME, nullable=False, index=True),
        Column("taken_back", Boolean, nullable=False),
    )
    op.create_table(
        "submissions",
        Column("id", BIG, primary_key=True),
        Column("token", String(40), nullable=False, unique=True),
        Column("voice", String(40), ForeignKey("voices.slug"), nullable=False),
        Column("visitor_id", String(32), ForeignKey("visitors.id"), nullable=False, index=True),
        Column("address", String(64), nullable=False),
        Column("text", Text, nullable=False),
        Column("title", String(200)),
        Column("author", String(200)),
        Column("fingerprint", String(64), nullable=False),
        Column("status", String(16), nullable=False),
        Column("flags", JSON, nullable=False, server_default="[]"),
        Column("created", TIME, nullable=False),
        Column("decided", TIME),
        Column("decided_by", String(60)),
        sa.Index("submissions_fingerprint", "voice", "fingerprint"),
        sa.Index("submissions_queue", "status", "created"),
    )
    op.create_table(
        "sketches",
        Column("submission_id", BIG, ForeignKey("submissions.id"), primary_key=True),
        Column("hash", Integer, primary_key=True, index=True),
    )
    op.create_table(
        "pieces",
        Column("id", String(16), primary_key=True),
        Column("voice", String(40), ForeignKey("voices.slug"), nullable=False),
        Column("visitor_id", String(32), ForeignKey("visitors.id", ondelete="CASCADE"), nullable=False, index=True),
        Column("title", String(200), nullable=False),
        Column("author", String(200)),
        Column("status", String(16), nullable=False),
        Column("created", TIME, nullable=False),
        Column("decided", TIME),
        Column("decided_by", String(60)),
        sa.Index("pieces_queue", "status", "created"),
    )
    op.create_table(
        "piece_lines",
        Column("piece_id", String(16), ForeignKey("pieces.id", ondelete="CASCADE"), primary_key=True),
        Column("slot", Integer, primary_key=True),
        Column("line_id", BIG, ForeignKey("lines.id", ondelete="CASCADE"), nullable=False, index=True),
    )
    op.create_table(
        "days",
        Column("voice", String(40), ForeignKey("voices.slug"), primary_key=True),
        Column("day", String(10), primary_key=True),
        Column("poem_id", String(16), ForeignKey("poems.id", ondelete="CASCADE"), nullable=False, index=True),
        Column("readers", Integer, nullable=False),
        Column("created", TIME, nullable=False),
    )
    op.create_table(
        "quotables",
        Column("submission_id", BIG, ForeignKey("submissions.id", ondelete="CASCADE"), primary_key=True),
    )
    op.create_table(
        "guesses",
        Column("id", BIG, primary_key=True),
        Column("visitor_id", String(32), ForeignKey("visitors.id", ondelete="CASCADE"), nullable=False),
        Column("voice", String(40), ForeignKey("voices.slug"), nullable=False, index=True),
        Column("kind", String(8), nullable=False),
        Column("source_id", BIG, nullable=False),
        Column("row", Integer, nullable=False),
        Column("text", String(200), nullable=False),
        Column("human", Boolean, nullable=False),
        Column("said_human", Boolean, nullable=False),
        Column("counted", Boolean, nullable=False, server_default=sa.false()),
        Column("at", TIME, nullable=False),
        sa.UniqueConstraint("visitor_id", "kind", "source_id", "row"),
    )


def _admins() -> None:
    op.create_table(
        "admins",
        Column("name", String(60), primary_key=True),
        Column("password", String(200), nullable=False),
        Column("created", TIME, nullable=False),
    )
    op.create_table(
        "keys",
        Column("hash", String(64), primary_key=True),
        Column("kind", String(8), nullable=False),
        Column("scope", String(8), nullable=False, server_default="all"),
        Column("admin", String(60), ForeignKey("admins.name"), nullable=False, index=True),
        Column("created", TIME, nullable=False),
        Column("expires", TIME),
        Column("revoked", TIME),
    )
    op.create_table(
        "audit",
        Column("id", BIG, primary_key=True),
        Column("at", TIME, nullable=False, index=True),
        Column("who", String(60), nullable=False),
        Column("deed", String(40), nullable=False),
        Column("subject", String(100), nullable=False),
        Column("detail", Text, nullable=False),
    )
    op.create_table(
        "pulses",
        Column("name", String(100), primary_key=True),
        Column("kind", String(16), nullable=False),
        Column("at", TIME, nullable=False),
        Column("detail", JSON, nullable=False),
    )


def _one_a_voice(name: str, table: str, where: str) -> None:
    """A partial unique index: at most one row of a voice for which *where* holds."""
    op.create_index(name, table, ["voice"], unique=True, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
