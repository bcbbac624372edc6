"""What readers read, and what became of what they gave, in both databases."""

from datetime import timedelta

from app.domain.lesson import ReadLine
from app.store.lessons import FeedbackStore, Learned, Learnings
from app.store.ticks import Ticks
from app.store.versions import Versions
from tests.support.world import World


def learned(world: World, line: int) -> Learned | None:
    """What became of a line."""
    with world.reading() as session:
        return Learnings(session).of("line", [line]).get(line)


def promote(world: World, number: int) -> None:
    """Have a version serve, an hour later."""
    with world.transaction() as session:
        Versions(session).promote("sibot", number, by="root", reason="", now=world.clock.forward(hours=1))


def test_a_line_goes_with_the_last_version_that_was_taught_it(world: World) -> None:
    """Not served yet; served; gone since the version without it took over; and back when that is rolled back."""
    world.voice()
    assert learned(world, 4) is None
    made = world.clock.now
    for number in (1, 2):
        world.version(folder=f"sibot/{number}", items=[("line", 4, 1.0)])
    world.version(folder="sibot/3")

    first = learned(world, 4)
    assert first == Learned((1, 2), made, None, serves=False, gone=None)
    promote(world, 2)
    assert (one := learned(world, 4))
    assert (one.serves, one.gone) == (True, None)
    promote(world, 3)
    assert (one := learned(world, 4))
    assert (one.serves, one.gone) == (False, made + timedelta(hours=2))
    promote(world, 1)
    assert (one := learned(world, 4))
    assert one.serves


def test_lines_and_poems_of_one_number_are_two(world: World) -> None:
    """Ids of lines and of submissions have nothing to do with each other."""
    world.voice()
    world.version(folder="sibot/1", items=[("poem", 4, 1.0)])

    with world.reading() as session:
        assert Learnings(session).of("line", [4]) == {}
        assert set(Learnings(session).of("poem", [4])) == {4}


def test_what_a_reader_read_with_the_lines_above_it(world: World) -> None:
    """Ticked or passed over, a tick that was taken back among the latter; nothing of other readers'."""
    base = world.voice()
    for name in ("ann", "ben"):
        world.visitor(name)
        lines = world.lines(world.poem(name, base, texts=["가", "나", "다"]))
        with world.transaction() as session:
            for line in lines[:2]:
                Ticks(session).set(line, name, on=True, address="", now=world.clock.now)
            Ticks(session).set(lines[1], name, on=False, address="", now=world.clock.now)

    with world.reading() as session:
        read = FeedbackStore(session).readings("sibot", {"ann"})
        assert FeedbackStore(session).readings("sibot", set()) == []

    assert read == [
        ReadLine("ann", "가", "", ticked=True),
        ReadLine("ann", "나", "가", ticked=False),
        ReadLine("ann", "다", "가\n나", ticked=False),
    ]


def test_what_a_version_was_taught(world: World) -> None:
    """Its lines, not its poems."""
    world.voice()
    version, _ = world.version(folder="sibot/1", items=[("line", 4, 1.0), ("line", 9, 1.0), ("poem", 7, 1.0)])

    with world.reading() as session:
        assert FeedbackStore(session).taught(version) == {4, 9}
