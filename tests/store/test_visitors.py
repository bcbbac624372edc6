"""Visitors: anonymous, known by a cookie, and forgotten when it never came back."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from app.domain.visitor import READERS_PER_ADDRESS
from app.store.poems import Poems
from app.store.ticks import Ticks
from app.store.visitors import Visitors
from tests.support.world import World


def counts(world: World, *tables: str) -> list[int]:
    """Rows in each of *tables*."""
    with world.reading() as session:
        return [session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() for table in tables]


def sweep(world: World) -> int:
    """Forget whoever came more than a day ago and never came back."""
    with world.transaction() as session:
        return Visitors(session).sweep(before=world.clock.now - timedelta(days=1))


def test_a_visitor_returns_once(world: World) -> None:
    """The first time his cookie comes back is kept; greeting him again changes nothing."""
    ann = world.visitor("ann", returned=False)
    with world.reading() as session:
        assert not Visitors(session).has_returned(ann)
        assert not Visitors(session).has_returned("nobody")

    for _ in range(2):
        world.visitor(ann)
        with world.reading() as session:
            assert Visitors(session).has_returned(ann)
    world.visitor(ann, returned=False)
    with world.reading() as session:
        assert Visitors(session).has_returned(ann)
    assert counts(world, "visitors") == [1]


def test_crawlers_are_swept_with_their_poems(world: World) -> None:
    """Nobody ever read them; readers' poems stay, and so do yesterday's newcomers."""
    version = world.voice()
    ghost, ann = world.visitor("ghost", returned=False), world.visitor("ann")
    world.poem(ghost, version)
    kept = world.poem(ann, version)
    world.clock.forward(hours=20)
    newcomer = world.visitor("newcomer", returned=False)
    world.poem(newcomer, version)
    world.clock.forward(hours=10)

    assert sweep(world) == 1

    assert counts(world, "visitors", "poems", "lines", "impressions", "poem_lines") == [2, 2, 10, 10, 10]
    with world.reading() as session:
        assert len(Poems(session).one(kept, ann).lines) == 5
    assert sweep(world) == 0


def test_a_flood_is_swept_bit_by_bit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """No sweep takes more than a statement can name, however long nobody has swept; in the end all are gone."""
    monkeypatch.setattr("app.store.visitors.BATCH", 2)
    version = world.voice()
    for n in range(5):
        world.poem(world.visitor(f"ghost {n}", returned=False), version)
    world.clock.forward(hours=30)

    assert [sweep(world) for _ in range(4)] == [2, 2, 1, 0]
    assert counts(world, "visitors", "poems", "lines", "impressions", "poem_lines") == [0, 0, 0, 0, 0]


def test_what_others_read_or_quoted_is_not_swept(world: World) -> None:
    """A ghost's poem whose address was passed on is somebody's memory by now, and so are its ticks."""
    version = world.voice()
    ghost, ann = world.visitor("ghost", returned=False), world.visitor("ann")
    shared, alone = world.poem(ghost, version), world.poem(ghost, version)
    with world.transaction() as session:
        Poems(session).show(shared, ann, counted=True, now=world.clock.now)
    kept = world.lines(shared)[0]
    with world.transaction() as session:
        Ticks(session).set(kept, ann, on=True, address="", now=world.clock.now)
    quoting = world.poem(ann, version, texts=("봄비가 온다", "새 행"), quoted={0: kept})
    world.clock.forward(hours=30)

    assert sweep(world) == 1

    with world.reading() as session:
        assert Poems(session).one(shared, ann).lines[0].ticked
        assert Poems(session).one(quoting, ann).lines[0].id == kept
        assert Poems(session).quotations([kept], ann)[0].line == kept
        assert alone not in {p.id for p in Poems(session).page("sibot", cursor=None)[0]}


def test_no_two_take_the_same_place(world: World) -> None:
    """However many ask at the same moment: each place is one row, and who was refused is refused again."""

    def ask(visitor: str) -> bool:
        with world.transaction() as session:
            return Visitors(session).counts(visitor, address="one", now=world.clock.now)

    crowd = [world.visitor(f"x{n}") for n in range(12)]
    with ThreadPoolExecutor(6) as pool:
        first, again = list(pool.map(ask, crowd)), list(pool.map(ask, crowd))

    assert first.count(True) == READERS_PER_ADDRESS
    assert again == first
