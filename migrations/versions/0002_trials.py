"""Trials, what a version made of each text it learned, its poems to compare, and verdicts of runs without a version."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

RUNNING = sa.text("state = 'running'")


def upgrade() -> None:
    op.create_table(
        "trials",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("voice", sa.String(length=40), nullable=False),
        sa.Column("challenger_id", sa.Integer(), nullable=False),
        sa.Column("champion_id", sa.Integer(), nullable=False),
        sa.Column("share", sa.Double(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=24), nullable=True),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["challenger_id"], ["versions.id"], name=op.f("fk_trials_challenger_id")),
        sa.ForeignKeyConstraint(["champion_id"], ["versions.id"], name=op.f("fk_trials_champion_id")),
        sa.ForeignKeyConstraint(["voice"], ["voices.slug"], name=op.f("fk_trials_voice")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trials")),
    )
    op.create_index("ix_trials_voice", "trials", ["voice"])
    op.create_index(
        "one_running_trial_a_voice",
        "trials",
        ["voice"],
        unique=True,
        sqlite_where=RUNNING,
        postgresql_where=RUNNING,
    )
    op.add_column("poems", sa.Column("trial_id", sa.Integer(), nullable=True))
    op.create_index("ix_poems_trial_id", "poems", ["trial_id"])
    op.add_column("lesson_items", sa.Column("gain", sa.Double(), nullable=True))
    op.add_column("versions", sa.Column("samples", sa.JSON(), nullable=True))
    op.add_column("runs", sa.Column("verdict", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("runs", "verdict")
    op.drop_column("versions", "samples")
    op.drop_column("lesson_items", "gain")
    op.drop_index("ix_poems_trial_id", "poems")
    op.drop_column("poems", "trial_id")
    op.drop_index("one_running_trial_a_voice", "trials")
    op.drop_index("ix_trials_voice", "trials")
    op.drop_table("trials")
