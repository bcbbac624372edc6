"""Migrations of the database schema, by Alembic; the migration scripts are in `migrations/versions`."""

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
    """Upgrade the schema to the revision *to*; safe to repeat.

    A schema that is newer than this release stays as it is: the deployment was downgraded.
    """
    if to != "head" or not is_current(engine):
        command.upgrade(_config(engine), to)


def downgrade(engine: Engine, to: str) -> None:
    """Downgrade the schema to the revision *to* (`base`: no tables)."""
    command.downgrade(_config(engine), to)


def revision(connection: Connection) -> str | None:
    """The schema revision of this database; None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def knows(engine: Engine, step: str) -> bool:
    """Does this release have that revision?"""
    return step in {known.revision for known in ScriptDirectory.from_config(_config(engine)).walk_revisions()}


def is_current(engine: Engine) -> bool:
    """Has the database every migration of this release?

    A newer schema counts as current: during a rolling deployment the old release runs on it beside the new one.
    """
    steps = ScriptDirectory.from_config(_config(engine))
    with engine.connect() as connection:
        last = revision(connection)
    behind = {None, *(step.revision for step in steps.walk_revisions())} - {steps.get_current_head()}
    return last not in behind
