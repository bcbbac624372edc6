"""Migrations of the database schema, by Alembic; the migration scripts are in `migrations/versions`.

Every command asks if the schema is current. That is answered without Alembic, whose import takes a tenth of a second.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

if TYPE_CHECKING:
    from alembic.config import Config

STEPS = Path(__file__).parents[2] / "migrations"


def _config(engine: Engine) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(STEPS))
    config.attributes["engine"] = engine
    return config


def upgrade(engine: Engine, to: str = "head") -> None:
    """Upgrade the schema to the revision *to*; safe to repeat.

    A schema that is newer than this release stays as it is: the deployment was downgraded.
    """
    if to == "head" and is_current(engine):
        return
    from alembic import command

    command.upgrade(_config(engine), to)


def downgrade(engine: Engine, to: str) -> None:
    """Downgrade the schema to the revision *to* (`base`: no tables)."""
    from alembic import command

    command.downgrade(_config(engine), to)


def revision(connection: Connection) -> str | None:
    """The schema revision of this database; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    last: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return last


def revisions() -> list[str]:
    """All revisions of this release, in their order: the name of a migration's file begins with its revision."""
    return sorted(file.stem.partition("_")[0] for file in (STEPS / "versions").glob("*.py"))


def knows(step: str) -> bool:
    """Does this release have that revision?"""
    return step in revisions()


def is_current(engine: Engine) -> bool:
    """Has the database every migration of this release?

    A newer schema counts as current: during a rolling deployment the old release runs on it beside the new one.
    """
    with engine.connect() as connection:
        last = revision(connection)
    return last is not None and last not in revisions()[:-1]
