"""Migrations: the schema of the database, step by step; the steps lie in `migrations/versions`."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

STEPS = Path(__file__).parents[2] / "migrations"


def _config(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(STEPS))
    config.attributes["engine"] = engine
    return config


def upgrade(engine: Engine, to: str = "head") -> None:
    """Bring the schema up to date, or up to the step *to*; safe to repeat.

    A schema that is ahead of this release stays: the next release was here, and was taken back.
    """
    if to != "head" or not is_current(engine):
        command.upgrade(_config(engine), to)


def downgrade(engine: Engine, to: str) -> None:
    """Take the schema back to the step *to* (`base`: to nothing)."""
    command.downgrade(_config(engine), to)


def revision(connection: Connection) -> str | None:
    """The newest step that this database has taken; None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def knows(engine: Engine, step: str) -> bool:
    """Is that a step of this release?"""
    return step in {known.revision for known in ScriptDirectory.from_config(_config(engine)).walk_revisions()}


def is_current(engine: Engine) -> bool:
    """Is every step taken that this release knows?

    A database that is ahead of it counts: while a deployment rolls, the present release serves on beside the next.
    """
    steps = ScriptDirectory.from_config(_config(engine))
    with engine.connect() as connection:
        last = revision(connection)
    behind = {None, *(step.revision for step in steps.walk_revisions())} - {steps.get_current_head()}
    return last not in behind
