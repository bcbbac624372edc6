"""Tastes: what they are learned from, which of them serves, and when another is due."""

from app.domain.poem import Writing, WrittenLine
from app.domain.taste import Judged
from app.domain.version import VersionStatus
from app.store.poems import Poems
from app.store.tastes import KEPT, Tastes
from app.store.ticks import Ticks
from tests.support.world import LINES, World


def tick(world: World, line: int, visitor: str, *, on: bool = True) -> None:
    """A visitor's mark."""
    with world.transaction() as session:
        Ticks(session).set(line, visitor, on=on, address="there", now=world.clock.forward(seconds=1))


def learned(world: World, *, serves: bool = True, voice: str = "sibot") -> int:
    """A new taste."""
    with world.transaction() as session:
        return Tastes(session).add(voice, {"auc": 0.6}, serves=serves, now=world.clock.forward(seconds=1))


def test_every_line_shown_was_judged(world: World) -> None:
    """Ticked or not, in which slot, by whom and from where; a tick taken back is none, and a crawler is nobody."""
    version = world.voice()
    ann, ghost = world.visitor("ann", address="here"), world.visitor("ghost", returned=False)
    poem = world.poem(ann, version)
    world.poem(ghost, version)
    lines = world.lines(poem)
    tick(world, lines[1], ann)
    tick(world, lines[2], ann)
    tick(world, lines[2], ann, on=False)

    with world.reading() as session:
        judged = Tastes(session).judged("sibot")

    assert [(j.line, j.text, j.slot) for j in judged] == [(lines[i], LINES[i], i) for i in range(5)]
    assert [j.ticked for j in judged] == [False, True, False, False, False]
    assert judged[0] == Judged(lines[0], LINES[0], 0, ticked=False, visitor="ann", address="here", liking=None)
    assert judged[1].address == "there"


def test_what_taste_foretold_is_kept_with_the_impression(world: World) -> None:
    """The chance of choice and the liking are those of the day it was written."""
    version, ann = world.voice(), world.visitor("ann")
    lines = (WrittenLine(0, "꽃이 핀다", -9.0, 0.25, liking=0.5), WrittenLine(1, "문을 연다", -8.0, 0.5, liking=-1.5))
    writing = Writing("sibot", version, 7, 0.9, lines, taste=3)
    with world.transaction() as session:
        Poems(session).add(writing, ann, prime="", fixed_seed=False, counted=True, now=world.clock.now)

    with world.reading() as session:
        judged = Tastes(session).judged("sibot")
    assert [(j.liking, j.logprob) for j in judged] == [(0.5, -9.0), (-1.5, -8.0)]


def test_the_newest_serves_if_it_knows_anything(world: World) -> None:
    """One that is no better than a coin retires the one before it too: readers have changed."""
    world.voice()
    world.voice("bard", base="bard-1")
    learned(world)
    second, other = learned(world), learned(world, voice="bard")
    with world.reading() as session:
        assert Tastes(session).serving() == {"sibot": second, "bard": other}
        assert Tastes(session).content(second) == {"auc": 0.6}
        assert Tastes(session).content(999) == {}

    learned(world, serves=False)

    with world.reading() as session:
        assert Tastes(session).serving() == {"bard": other}


def test_a_new_base_has_no_taste_yet(world: World) -> None:
    """What was learned over another vocabulary of lines waits for readers of the new one."""
    world.voice()
    learned(world)

    world.voice(base="tiny-2")

    with world.reading() as session:
        assert Tastes(session).serving() == {}
        assert Tastes(session).newest("sibot") is None


def test_ticks_are_counted_from_the_newest_taste_on(world: World) -> None:
    """One taken back is news too."""
    version, ann = world.voice(), world.visitor("ann")
    lines = world.lines(world.poem(ann, version))
    tick(world, lines[0], ann)
    tick(world, lines[1], ann)
    with world.reading() as session:
        assert Tastes(session).new_ticks("sibot") == 2

    learned(world)
    tick(world, lines[1], ann, on=False)

    with world.reading() as session:
        assert Tastes(session).new_ticks("sibot") == 1


def test_old_tastes_are_forgotten(world: World) -> None:
    """Each is small, but they are many."""
    world.voice()
    numbers = [learned(world) for _ in range(KEPT + 3)]

    with world.reading() as session:
        tastes = Tastes(session)
        assert tastes.content(numbers[2]) == {}
        assert tastes.content(numbers[3]) != {}
        newest = tastes.newest("sibot")
    assert newest is not None
    assert newest.id == numbers[-1]


def test_a_taste_belongs_to_no_version(world: World) -> None:
    """A swap of the champion leaves it as it is."""
    world.voice()
    number = learned(world)
    world.version(folder="run-1", status=VersionStatus.ADMITTED)

    with world.reading() as session:
        assert Tastes(session).serving() == {"sibot": number}


def written(
    world: World, version: int, visitor: str, *, taste: int | None, liking: float | None, counted: bool = True
) -> list[int]:
    """A poem of four lines; their ids."""
    lines = tuple(WrittenLine(slot, f"줄 {slot}", -9.0, 0.5, liking=liking) for slot in range(4))
    writing = Writing("sibot", version, 7, 0.9, lines, taste=taste)
    with world.transaction() as session:
        poem = Poems(session).add(writing, visitor, prime="", fixed_seed=False, counted=counted, now=world.clock.now)
    return world.lines(poem)


def test_what_taste_is_worth_is_measured(world: World) -> None:
    """Of lines it foretold, for readers who count: those of poems it wrote, beside those of poems that ignored it."""
    version, ann = world.voice(), world.visitor("ann")
    tick(world, written(world, version, ann, taste=None, liking=None)[0], ann)
    with world.reading() as session:
        assert Tastes(session).effect("sibot") is None

    chosen = written(world, version, ann, taste=1, liking=0.5)
    ignoring = written(world, version, ann, taste=None, liking=-1.0)
    for line in (*chosen[:3], ignoring[0], ignoring[1]):
        tick(world, line, ann)
    tick(world, ignoring[1], ann, on=False)
    third = world.visitor("third of an address")
    for line in written(world, version, third, taste=None, liking=-1.0, counted=False):
        tick(world, line, third)

    with world.reading() as session:
        effect = Tastes(session).effect("sibot")
    assert effect is not None
    assert effect.by_taste is not None
    assert effect.without is not None
    assert (effect.by_taste.mean, effect.without.mean) == (0.75, 0.25)
