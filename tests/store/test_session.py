"""The unit of work: kept whole or not at all, and only what was kept is announced."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta, timezone
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from app.store.poems import Poems
from app.store.session import TO_ANNOUNCE, open_database, transaction
from app.store.tables import TickRow, VisitorRow
from app.store.ticks import Ticks
from app.store.visitors import Visitors
from app.store.voices import Voices
from tests.support.world import World


class Broken(Exception):
    """Something went wrong half-way."""


def test_half_a_unit_of_work_is_none(world: World) -> None:
    """What was done before the error is undone with it, and nothing is announced."""
    with pytest.raises(Broken), world.transaction() as session:
        Voices(session).add("sibot", title="시봇", language="ko", base="b", now=world.clock.now)
        session.info[TO_ANNOUNCE] = {"sibot"}
        raise Broken

    assert world.announced == []
    with world.reading() as session:
        assert session.execute(text("SELECT count(*) FROM voices")).scalar() == 0


def test_a_question_sees_what_its_own_unit_of_work_has_not_sent(world: World) -> None:
    """Rows that come straight from the connection are asked for after what the session holds back."""
    with world.transaction() as session:
        session.add(VisitorRow(id="ann", created=world.clock.now, returned=world.clock.now))
        assert Visitors(session).has_returned("ann")


def test_runs_are_announced_after_the_commit(world: World) -> None:
    """Whoever hears of it finds the row, even on another connection."""
    seen: list[bool] = []

    def announce(_: str) -> None:
        with world.reading() as session:
            seen.append(session.execute(text("SELECT count(*) FROM voices")).scalar() == 1)

    with transaction(world.sessions, announce) as session:
        Voices(session).add("sibot", title="시봇", language="ko", base="b", now=world.clock.now)
        session.info[TO_ANNOUNCE] = {"sibot"}

    assert seen == [True]


def test_a_look_keeps_nothing(world: World) -> None:
    """Whatever is changed while only reading is gone."""
    with world.reading() as session:
        Visitors(session).greet("ann", cookie_came_back=True, address="", now=world.clock.now)

    with world.reading() as session:
        assert not Visitors(session).has_returned("ann")


def test_many_write_at_once(world: World) -> None:
    """Sixteen readers tick at the same moment: none is refused, none is lost."""
    version = world.voice()
    poems = [(f"reader {n}", world.poem(world.visitor(f"reader {n}"), version)) for n in range(16)]
    lines = {who: world.lines(poem) for who, poem in poems}
    together = Barrier(16)

    def click(who: str) -> None:
        together.wait()
        for line in lines[who]:
            with world.transaction() as session:
                Ticks(session).set(line, who, on=True, address="", now=world.clock.now)

    with ThreadPoolExecutor(16) as readers:
        list(readers.map(click, lines))

    with world.reading() as session:
        assert session.query(TickRow).count() == 16 * 5


def test_writers_in_line_leave_the_connections_to_others(world: World) -> None:
    """Sixty wait for one that takes its time; a page is read meanwhile, and then all of them write."""
    version = world.voice()
    poem = world.poem(world.visitor("ann"), version)

    def greet(n: int) -> None:
        with world.transaction() as session:
            Visitors(session).greet(f"reader {n}", cookie_came_back=True, address="", now=world.clock.now)

    with ThreadPoolExecutor(60) as writers:
        with world.transaction():
            waiting = [writers.submit(greet, n) for n in range(60)]
            time.sleep(0.2)
            with world.reading() as session:
                assert Poems(session).one(poem, "ann").id == poem
        for one in waiting:
            one.result()


def test_a_look_does_not_wait_for_a_writer(world: World) -> None:
    """A page is read while somebody else's work is under way, and shows what was kept before."""
    world.voice()
    with world.transaction() as writing:
        Visitors(writing).greet("ann", cookie_came_back=True, address="", now=world.clock.now)
        with world.reading() as session:
            assert not Visitors(session).has_returned("ann")

    with world.reading() as session:
        assert Visitors(session).has_returned("ann")


def test_the_database_refuses_what_points_nowhere(world: World) -> None:
    """Foreign keys hold on SQLite too."""
    with pytest.raises(IntegrityError), world.transaction() as session:
        session.add(TickRow(line_id=1, visitor_id="nobody", at=world.clock.now))


def test_times_keep_their_zone(world: World) -> None:
    """What is stored in Seoul's time comes back as the same moment, on a database without zones too."""
    version, ann = world.voice(), world.visitor("ann")
    moment = world.clock.now
    world.clock.now = moment.astimezone(timezone(timedelta(hours=9)))
    poem = world.poem(ann, version)

    with world.reading() as session:
        shown = Poems(session).one(poem, ann).created
    assert shown == moment
    assert shown.utcoffset() == timedelta(0)


def test_sqlite_is_opened_for_many_readers(tmp_path: Path) -> None:
    """WAL, so that readers and the writer don't wait for each other, and every commit reaches the disk."""
    engine = open_database(f"sqlite:///{tmp_path / 'poembot.db'}")
    with engine.connect() as connection:
        names = ("journal_mode", "foreign_keys", "synchronous")
        pragmas = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names}
    engine.dispose()

    assert pragmas == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 2}


def test_a_database_that_is_away_is_said_so() -> None:
    """An error of the driver's, at once, not a hang."""
    engine = open_database("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    with pytest.raises(OperationalError):
        engine.connect()
