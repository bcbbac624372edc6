"""Numbers of 64 bits for what grows with readers: at a million readers a day 32 bits last 107 days.

SQLite's INTEGER has 64 bits already. Postgres writes each of these tables anew and locks it meanwhile: with many
millions of lines, plan minutes without the site.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

COUNTED = ("lines", "run_logs", "submissions", "guesses", "audit")
"""Their `id` is given by a sequence."""
COLUMNS = (
    *((table, "id") for table in COUNTED),
    ("poem_lines", "line_id"),
    ("impressions", "line_id"),
    ("ticks", "line_id"),
    ("piece_lines", "line_id"),
    ("sketches", "submission_id"),
    ("quotables", "submission_id"),
    ("lesson_items", "source_id"),
    ("guesses", "source_id"),
)


def upgrade() -> None:
    _retype(sa.BigInteger())


def downgrade() -> None:
    _retype(sa.Integer())


def _retype(kind: sa.types.TypeEngine[int]) -> None:
    if op.get_bind().dialect.name == "sqlite":
        return
    for table, column in COLUMNS:
        op.alter_column(table, column, type_=kind)
    for table in COUNTED:
        op.execute(f"ALTER SEQUENCE {table}_id_seq AS {kind.compile()}")
