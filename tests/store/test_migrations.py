"""Migrations: the schema in the database is the one in the code, and every step can be taken back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import BigInteger, Engine, inspect, text

from app.store import migrations
from app.store.lessons import FeedbackStore
from app.store.session import open_database
from app.store.tables import LineRow, metadata
from app.store.ticks import Ticks
from tests.support.databases import Databases, Scale, drift
from tests.support.world import World

LAST = 2**31 - 1
"""The last number of 32 bits."""


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
    assert not migrations.is_current(empty)

    migrations.upgrade(empty)
    assert tables(empty) == set(metadata.tables)
    assert migrations.is_current(empty)

    migrations.downgrade(empty, "base")
    assert tables(empty) == set()
    assert not migrations.is_current(empty)

    migrations.upgrade(empty)
    assert tables(empty) == set(metadata.tables)


def test_a_file_is_named_by_its_revision() -> None:
    """So that a command learns without Alembic if the schema is current."""
    config = Config()
    config.set_main_option("script_location", str(migrations.STEPS))
    steps = [step.revision for step in ScriptDirectory.from_config(config).walk_revisions()]  # the newest first

    assert migrations.revisions() == steps[::-1]
    assert migrations.knows(steps[0])
    assert not migrations.knows("9999")


def test_a_newer_schema_is_current(empty: Engine) -> None:
    """The old release runs on it beside the new one; an older schema is not."""
    migrations.upgrade(empty)
    with empty.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert migrations.is_current(empty)

    with empty.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    assert not migrations.is_current(empty)


def test_autogenerate_finds_nothing(empty: Engine) -> None:
    """The steps together make exactly the tables of the code."""
    migrations.upgrade(empty)

    assert drift(empty) == []


def test_autogenerate_would_find_something(empty: Engine) -> None:
    """Else the test above would prove nothing: a table too many is seen."""
    migrations.upgrade(empty)
    with empty.begin() as connection:
        connection.execute(text("CREATE TABLE stray (id INTEGER)"))

    assert drift(empty) != []


def test_upgrading_twice_is_upgrading_once(empty: Engine) -> None:
    """`poembot serve` upgrades at every start."""
    migrations.upgrade(empty)
    migrations.upgrade(empty)

    assert migrations.is_current(empty)


def test_lines_are_counted_beyond_32_bits(world: World) -> None:
    """A million readers a day write the last line of 32 bits after 107 days; what refers to it follows."""
    version, ann = world.voice(), world.visitor("ann")
    poem = world.poem(ann, version)
    with world.transaction() as session:
        session.add(LineRow(id=LAST, poem_id=poem, version_id=version, text="", logprob=0, chance=1, primed=False))
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text(f"SELECT setval('lines_id_seq', {LAST})"))

    line, *_ = world.lines(world.poem(ann, version))
    with world.transaction() as session:
        Ticks(session).set(line, ann, on=True, address="", now=world.clock.now)
    taught, _ = world.version(folder="sibot/1", items=[("line", line, 1.0)])

    assert line == LAST + 1
    with world.reading() as session:
        (tick,) = FeedbackStore(session).of("sibot").ticks
        assert tick.source == line
        assert FeedbackStore(session).taught(taught) == {line}


def test_what_refers_to_a_growing_table_is_as_wide() -> None:
    """A column of 32 bits beside one of 64 would be the next to run over."""
    narrow = [
        str(column)
        for table in metadata.tables.values()
        for column in table.columns
        for key in column.foreign_keys
        if isinstance(key.column.type, BigInteger) and not isinstance(column.type, BigInteger)
    ]
    assert narrow == []
