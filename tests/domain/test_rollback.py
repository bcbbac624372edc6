"""The way back: along the moves that brought something newer, one step each time."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.domain.version import RECENT, ROLLBACKS, Move, came_from, doomed, needed, way_back

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
