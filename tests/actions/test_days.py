"""오늘의 시: what readers chose the day before, else what the day's seed gives; once a day, for everybody."""

from dataclasses import dataclass, field
from datetime import date, timedelta

from app import actions
from app.domain.draft import Memory
from app.domain.poem import Day, Wish, Writing, WrittenLine, date_of, seed_of
from app.domain.visitor import Visitor
from app.store.poems import Days
from app.store.ticks import Ticks
from app.store.visitors import Visitors
from tests.support.world import World

ANN, BEN = (Visitor(name, returned=True, address=name) for name in ("ann", "ben"))


@dataclass
class Pen:
    """A writer that notes what it was asked for."""

    version: int
    wishes: list[Wish] = field(default_factory=list)
    turns: list[str] = field(default_factory=list)

    def hand_out(self, voice: str, wish: Wish, memory: Memory) -> None:
        """There is no drawer."""

    def write(self, voice: str, wish: Wish, *, visitor: str = "") -> Writing:
        """One line."""
        self.wishes.append(wish)
        self.turns.append(visitor)
        return Writing(voice, self.version, wish.seed or 0, 0.8, (WrittenLine(0, f"행 {wish.seed}", -9.0, 1.0),))


def settled(world: World, pen: Pen, by: Visitor = ANN) -> Day:
    """The poem of the day, for one who asks."""
    return actions.poems.poem_of_the_day(world.bot(), pen, "sibot", by=by)


def tick(world: World, poem: str, *readers: str) -> None:
    """Some readers open a poem and tick its first line."""
    for name in readers:
        world.visitor(name, address=name)
        actions.poems.show(world.bot(), poem, to=Visitor(name, returned=True, address=name))
        with world.transaction() as session:
            Ticks(session).set(world.lines(poem)[0], name, on=True, address=name, now=world.clock.now)


def test_a_day_that_nobody_chose_has_the_poem_of_its_seed(world: World) -> None:
    """Written once, for everybody; those who read it may tick it. Tomorrow there is another."""
    pen = Pen(world.voice())
    world.visitor("ann")

    first = settled(world, pen)
    assert (first.date, first.readers) == (date_of("ko", world.clock.now), 0)
    assert settled(world, pen, BEN).poem.id == first.poem.id
    assert [wish.seed for wish in pen.wishes] == [seed_of("sibot", first.date)]
    assert pen.turns == [ANN.turn]
    actions.poems.show(world.bot(), first.poem.id, to=BEN)
    assert settled(world, pen, BEN).poem.lines[0].tickable

    world.clock.forward(days=1)
    second = settled(world, pen)
    assert second.poem.id != first.poem.id
    with world.reading() as session:
        assert [one.date for one in Days(session).of_voice("sibot", None)] == [second.date, first.date]
        assert Days(session).one("sibot", date(2016, 12, 1), None) is None


def test_what_several_readers_chose_is_the_next_day(world: World) -> None:
    """Not what one alone ticked, nor a poem of another day, nor one that had its day."""
    base = world.voice()
    pen = Pen(base)
    world.visitor("ann")
    alone, loved = world.poem("ann", base, texts=("가", "나")), world.poem("ann", base)
    tick(world, alone, "ann")
    tick(world, loved, "ann", "ben", "cid")
    assert settled(world, pen).readers == 0

    world.clock.forward(days=1)
    day = settled(world, pen)
    assert (day.poem.id, day.readers) == (loved, 3)
    world.clock.forward(days=1)
    assert settled(world, pen).readers == 0


def test_older_poems_do_not_hide_what_readers_chose(world: World) -> None:
    """However many of them were loved more the day before."""
    base = world.voice()
    world.visitor("ann")
    older = [world.poem("ann", base) for _ in range(11)]
    world.clock.forward(days=1)
    for poem in older:
        tick(world, poem, "ann", "ben", "cid")
    fresh = world.poem("ann", base)
    tick(world, fresh, "ann", "ben")

    world.clock.forward(days=1)
    day = settled(world, Pen(base))

    assert (day.poem.id, day.readers) == (fresh, 2)


def test_the_poem_of_a_day_is_not_the_next_day_s_too(world: World) -> None:
    """However many ticked it: it was written that day, and everybody has met it."""
    pen = Pen(world.voice())
    world.visitor("ann")
    first = settled(world, pen)
    tick(world, first.poem.id, "ann", "ben", "cid")

    world.clock.forward(days=1)
    second = settled(world, pen)

    assert (second.readers, second.poem.id != first.poem.id) == (0, True)


def test_a_day_begins_at_midnight_where_the_voice_is_read(world: World) -> None:
    """In Korea nine hours before it does elsewhere."""
    late = world.clock.now.replace(hour=16)

    assert date_of("ko", late) == date_of("en", late) + timedelta(days=1)


def test_the_poem_of_a_day_outlives_its_first_reader(world: World) -> None:
    """He need not come back, nor anybody else have opened it; what he erases is gone, and the day is free again."""
    pen = Pen(world.voice())
    ghost = Visitor("gil", returned=False, address="")
    first = settled(world, pen, ghost)
    with world.transaction() as session:
        Visitors(session).sweep(before=world.clock.now + timedelta(days=2))
    assert settled(world, pen).poem.id == first.poem.id

    actions.visitors.erase(world.bot(), "gil")
    assert settled(world, pen, BEN).poem.id != first.poem.id
