"""Migrations: the schema in the database is the one in the code, and every step can be taken back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text

from app.store import migrate
from app.store.session import open_database
from app.store.tables import metadata
from tests.support.databases import Databases, Scale


@pytest.fixture
def empty(scale: Scale, databases: Databases, tmp_path: Path) -> Iterator[Engine]:
    """A database without a table."""
    with databases.settings(scale, tmp_path, empty=True) as settings:
        engine = open_database(settings.database)
        yield engine
        engine.dispose()


def tables(engine: Engine) -> set[str]:
    """Names of the tables there are."""
    return set(inspect(engine).get_table_names()) - {"alembic_version"}


def test_up_down_and_up_again(empty: Engine) -> None:
    """Upgrade makes every table, downgrade leaves none, and upgrade works again after it."""
    assert not migrate.is_current(empty)

    migrate.upgrade(empty)
    assert tables(empty) == set(metadata.tables)
    assert migrate.is_current(empty)

    migrate.downgrade(empty, "base")
    assert tables(empty) == set()
    assert not migrate.is_current(empty)

    migrate.upgrade(empty)
    assert tables(empty) == set(metadata.tables)


def test_autogenerate_finds_nothing(empty: Engine) -> None:
    """The steps together make exactly the tables of the code."""
    migrate.upgrade(empty)

    assert migrate.drift(empty) == []


def test_autogenerate_would_find_something(empty: Engine) -> None:
    """Else the test above would prove nothing: a table too many is seen."""
    migrate.upgrade(empty)
    with empty.begin() as connection:
        connection.execute(text("CREATE TABLE stray (id INTEGER)"))

    assert migrate.drift(empty) != []


def test_upgrading_twice_is_upgrading_once(empty: Engine) -> None:
    """`poembot serve` upgrades at every start."""
    migrate.upgrade(empty)
    migrate.upgrade(empty)

    assert migrate.is_current(empty)
