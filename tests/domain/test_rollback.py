"""The way back: along the moves that brought something newer, one step each time; and what came before a version."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.rollback import RECENT, ROLLBACKS, Move, came_from, compared_with, doomed, needed, way_back

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=9)


def moved(*versions: int) -> list[Move]:
    """The history of a pointer that stood at each of *versions*, newest first."""
    return [Move(version, was, LONG_AGO) for was, version in zip((None, *versions), versions, strict=False)][::-1]


def rolled_back(versions: list[int], times: int) -> list[int]:
    """Where the pointer stands after each of so many rollbacks."""
    stands = list(versions)
    for _ in range(times):
        before = came_from(moved(*stands), stands[-1])
        if before is None:
            break
        stands.append(before)
    return stands[len(versions) :]


def test_a_rollback_is_not_undone_by_the_next() -> None:
    """From 3 to 2 to 1, not to 2 and to 3 again."""
    assert rolled_back([1, 2, 3], times=5) == [2, 1]


def test_what_was_skipped_stays_skipped() -> None:
    """4 came when 2 served, since 3 had been taken back: the way leads from 4 to 2."""
    assert way_back(moved(1, 2, 3, 2, 4), 4, steps=2) == [4, 2, 1]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(0, 4))
def test_the_way_back_is_what_rollbacks_do(versions: list[int], steps: int) -> None:
    """Retention keeps exactly the versions that so many rollbacks would lead to; each is older than the one before."""
    stood = [version for was, version in zip([0, *versions], versions, strict=False) if version != was]

    way = way_back(moved(*stood), stood[-1], steps=steps)

    assert way == [stood[-1], *rolled_back(stood, times=steps)]
    assert way == sorted(set(way), reverse=True)


@pytest.mark.parametrize(
    ("stood", "version", "before"),
    [
        ((1, 2, 4), 4, 2),
        ((1, 2, 1, 2), 1, None),
        ((1, 3, 1, 2, 3), 3, 1),
        ((1, 4, 2), 2, 4),
        ((1, 3), 4, 3),
        ((1, 3), 2, 1),
    ],
    ids=["served", "base-again", "first-not-last", "older-came-late", "never-served", "passed-over"],
)
def test_a_version_is_compared_with_what_readers_knew(stood: tuple[int, ...], version: int, before: int | None) -> None:
    """Whatever it took over from when they first met it; before they have, what it would take over from."""
    assert compared_with(moved(*stood), version, champion=stood[-1], of_base=range(1, 5)) == before


def test_versions_of_another_base_are_not_compared() -> None:
    """The new base took over from 3, and has nothing before it; 6 never served, and 5 does."""
    moves, of_base = moved(1, 3, 4, 5), range(4, 7)

    assert [compared_with(moves, version, champion=5, of_base=of_base) for version in of_base] == [None, 4, 5]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(1, 9), st.integers(1, 9))
def test_only_the_base_stands_alone(versions: list[int], version: int, base: int) -> None:
    """Every other version of the base is compared with one of them, and never with itself."""
    stood = [one for was, one in zip([0, *versions], versions, strict=False) if one != was]
    of_base = range(min(base, stood[-1], version), 10)

    before = compared_with(moved(*stood), version, champion=stood[-1], of_base=of_base)

    assert before != version
    assert before in of_base or (before, version) == (None, of_base[0])


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=12),
    st.integers(0, 5),
    st.sets(st.integers(1, 9)),
    st.integers(0, 11),
)
def test_nothing_that_is_needed_is_pruned(versions: list[int], keep: int, live: set[int], lately: int) -> None:
    """Neither the champion, nor its way back, nor what served within the hour, nor the newest."""
    moves = moved(*versions)
    moves = [Move(m.version, m.was, NOW - RECENT / 2 if i < lately else m.at) for i, m in enumerate(moves)]
    shelved = sorted(range(1, 10), reverse=True)

    wanted = needed(versions[-1], moves, now=NOW) | live
    gone = doomed(shelved, keep=keep, needed=wanted)

    assert not set(gone) & {versions[-1], *live, *way_back(moves, versions[-1], steps=ROLLBACKS), *shelved[:keep]}
    assert not set(gone) & {id for move in moves[:lately] for id in (move.version, move.was)}
    assert keep == 0 or set(shelved) - wanted - set(shelved[:keep]) == set(gone)
