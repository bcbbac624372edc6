"""Ticks: a mark needs an impression, can be taken back, and is one however often it is said."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.errors import UnknownLine, UnknownPoem
from app.store.poems import Poems
from app.store.ticks import Ticks
from tests.support.world import World


def ticked(world: World, poem: str, visitor: str) -> set[int]:
    """Slots of the lines that *visitor* has ticked."""
    with world.reading() as session:
        return {line.slot for line in Poems(session).one(poem, visitor).lines if line.ticked}


def test_a_tick_is_kept_and_taken_back(world: World) -> None:
    """On, off and on again; saying it twice changes nothing."""
    ann = world.visitor("ann")
    poem = world.poem(ann, world.voice())
    line = world.lines(poem)[2]

    for on, expected in [(False, set()), (True, {2}), (True, {2}), (False, set()), (False, set()), (True, {2})]:
        with world.transaction() as session:
            Ticks(session).set(line, ann, on=on, address="", now=world.clock.now)
        assert ticked(world, poem, ann) == expected


def test_a_tick_is_ones_own(world: World) -> None:
    """Two readers of one poem each see their own marks."""
    ann, bob = world.visitor("ann"), world.visitor("bob")
    poem = world.poem(ann, world.voice())
    with world.transaction() as session:
        Poems(session).show(poem, bob, counted=True, now=world.clock.now)
        Ticks(session).set(Poems(session).one(poem, bob).lines[4].id, bob, on=True, address="", now=world.clock.now)

    assert ticked(world, poem, ann) == set()
    assert ticked(world, poem, bob) == {4}


def test_a_line_one_was_not_shown_cannot_be_ticked(world: World) -> None:
    """Neither somebody else's, nor a primed one, nor one that does not exist."""
    version, ann, bob = world.voice(), world.visitor("ann"), world.visitor("bob")
    hers, primed = world.poem(ann, version), world.poem(bob, version, prime="봄비")

    for line in (world.lines(hers)[0], world.lines(primed)[0], 2**31 - 1, -1):
        with pytest.raises(UnknownLine), world.transaction() as session:
            Ticks(session).set(line, bob, on=True, address="", now=world.clock.now)


def test_a_form_replaces_the_whole_set(world: World) -> None:
    """The boxes that are checked are the ticks there are; the answer says how many changed."""
    ann = world.visitor("ann")
    poem = world.poem(ann, world.voice())
    lines = world.lines(poem)

    for wanted, changed in [({0, 1}, 2), ({0, 1}, 0), ({1, 2}, 2), (set(), 2)]:
        with world.transaction() as session:
            asked = {lines[slot] for slot in wanted}
            assert Ticks(session).replace(poem, ann, asked, address="", now=world.clock.now) == changed
        assert ticked(world, poem, ann) == wanted


def test_a_form_with_a_foreign_line_changes_nothing(world: World) -> None:
    """All or nothing: the good line beside the bad one is not ticked either."""
    version, ann, bob = world.voice(), world.visitor("ann"), world.visitor("bob")
    hers, his = world.poem(ann, version), world.poem(bob, version)

    with pytest.raises(UnknownLine), world.transaction() as session:
        asked = {world.lines(hers)[0], world.lines(his)[0]}
        Ticks(session).replace(hers, ann, asked, address="", now=world.clock.now)

    assert ticked(world, hers, ann) == set()


def test_a_form_leaves_other_poems_alone(world: World) -> None:
    """Unchecking here does not untick there."""
    version, ann = world.voice(), world.visitor("ann")
    first, second = world.poem(ann, version), world.poem(ann, version)
    with world.transaction() as session:
        Ticks(session).set(world.lines(first)[0], ann, on=True, address="", now=world.clock.now)
        Ticks(session).replace(second, ann, set(), address="", now=world.clock.now)

    assert ticked(world, first, ann) == {0}


def test_a_form_for_an_unknown_poem_is_said_so(world: World) -> None:
    """The poem was swept, or never was."""
    with pytest.raises(UnknownPoem), world.transaction() as session:
        Ticks(session).replace("nosuchpoem", "ann", set(), address="", now=world.clock.now)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=12))
def test_the_last_word_counts(world: World, moves: list[tuple[int, bool]]) -> None:
    """After any clicks in any order, a line is ticked exactly when its last click said so."""
    ann, voice = world.visitor("ann"), f"voice-{world.clock.forward(seconds=1):%H%M%S}"  # a new voice an example
    poem = world.poem(ann, world.voice(voice), voice=voice)
    lines, expected = world.lines(poem), dict[int, bool]()
    for slot, on in moves:
        expected[slot] = on
        with world.transaction() as session:
            Ticks(session).set(lines[slot], ann, on=on, address="", now=world.clock.now)

    assert ticked(world, poem, ann) == {slot for slot, on in expected.items() if on}
