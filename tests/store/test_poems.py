"""Poems: what a visitor was shown is what can be ticked, and nobody else's marks are his."""

import pytest

from app.domain.errors import UnknownLine, UnknownPoem
from app.domain.poem import Quotation
from app.store.poems import Poems
from app.store.submissions import Pieces
from app.store.ticks import Loved, Ticks
from tests.support.world import LINES, World


def test_a_poem_comes_back_as_it_was_written(world: World) -> None:
    """Lines in order, seed and temperature, number of the version, and whose it is."""
    version = world.voice()
    poem = world.poem(world.visitor("ann"), version)

    with world.reading() as session:
        mine, theirs = (Poems(session).one(poem, who) for who in ("ann", "bob"))

    assert mine.text == "\n".join(LINES)
    assert [line.slot for line in mine.lines] == [0, 1, 2, 3, 4]
    assert (mine.voice, mine.version, mine.seed, mine.temperature) == ("sibot", 0, 7, 0.8)
    assert mine.created == world.clock.now
    assert (mine.mine, theirs.mine) == (True, False)


def test_what_was_written_for_a_visitor_makes_impressions(world: World) -> None:
    """Each of the five lines can be ticked by him, and by nobody else."""
    poem = world.poem(world.visitor("ann"), world.voice())

    with world.reading() as session:
        assert [line.tickable for line in Poems(session).one(poem, "ann").lines] == [True] * 5
        assert [line.tickable for line in Poems(session).one(poem, "bob").lines] == [False] * 5


def test_a_primed_line_makes_no_impression(world: World) -> None:
    """Its first words are a visitor's; it cannot be ticked, so it is never learned."""
    poem = world.poem(world.visitor("ann"), world.voice(), prime="봄비")

    with world.reading() as session:
        shown = Poems(session).one(poem, "ann").lines
    assert [line.tickable for line in shown] == [False, True, True, True, True]
    assert [line.primed for line in shown] == [True, False, False, False, False]


def test_a_poem_with_a_seed_of_the_visitors_makes_none(world: World) -> None:
    """Who chooses the seed could choose what is shown, again and again."""
    ann, bob = world.visitor("ann"), world.visitor("bob")
    poem = world.poem(ann, world.voice(), fixed_seed=True)

    with world.transaction() as session:
        Poems(session).show(poem, bob, counted=True, now=world.clock.now)
    with world.reading() as session:
        for who in (ann, bob):
            assert not any(line.tickable for line in Poems(session).one(poem, who).lines)


def test_a_quotation_keeps_its_line(world: World) -> None:
    """A kept line is the same line in both poems: same id, and its tick is seen in both."""
    version, ann = world.voice(), world.visitor("ann")
    first = world.poem(ann, version)
    kept = world.lines(first)[1]
    second = world.poem(ann, version, texts=("새 행", LINES[1], "또 새 행"), quoted={1: kept})

    with world.transaction() as session:
        Ticks(session).set(kept, ann, on=True, address="", now=world.clock.now)
    with world.reading() as session:
        lines = Poems(session).one(second, ann).lines

    assert [line.quoted for line in lines] == [False, True, False]
    assert lines[1].id == kept
    assert lines[1].ticked
    assert lines[1].tickable


def test_a_quotation_makes_no_impression_on_another_reader(world: World) -> None:
    """Who opens the permalink sees a chosen line, not a random one: it must not count for the tick-rate."""
    version, ann, bob = world.voice(), world.visitor("ann"), world.visitor("bob")
    kept = world.lines(world.poem(ann, version))[0]
    second = world.poem(ann, version, texts=(LINES[0], "새 행"), quoted={0: kept})

    with world.transaction() as session:
        Poems(session).show(second, bob, counted=True, now=world.clock.now)
    with world.reading() as session:
        assert [line.tickable for line in Poems(session).one(second, bob).lines] == [False, True]


def test_opening_a_permalink_twice_shows_it_once(world: World) -> None:
    """A reload makes no second impression, and no error."""
    poem = world.poem(world.visitor("ann"), world.voice())
    bob = world.visitor("bob")

    for _ in range(2):
        with world.transaction() as session:
            Poems(session).show(poem, bob, counted=True, now=world.clock.now)
    with world.reading() as session:
        assert all(line.tickable for line in Poems(session).one(poem, bob).lines)


def test_a_visitors_current_poem_is_his_newest_in_the_voice(world: World) -> None:
    """Back and reload bring the same poem; another voice has its own."""
    version, ann = world.voice(), world.visitor("ann")
    other = world.voice("bard")
    world.poem(ann, version)
    world.clock.forward(seconds=1)
    newest = world.poem(ann, version)
    world.clock.forward(seconds=1)
    world.poem(world.visitor("bob"), version)
    in_english = world.poem(ann, other, voice="bard")

    with world.reading() as session:
        assert Poems(session).current("sibot", ann) == newest
        assert Poems(session).current("bard", ann) == in_english
        assert Poems(session).current("sibot", "nobody") is None


@pytest.mark.parametrize("poem", ["", "nosuchpoem", "'; drop table poems; --", "봄" * 500])
def test_an_unknown_poem_is_said_so(world: World, poem: str) -> None:
    """Whatever stands in the address."""
    world.voice()
    with world.reading() as session, pytest.raises(UnknownPoem):
        Poems(session).one(poem, "ann")


def test_only_what_was_shown_can_be_kept(world: World) -> None:
    """A line of somebody else's poem cannot be quoted by guessing its number."""
    version, ann, bob = world.voice(), world.visitor("ann"), world.visitor("bob")
    hers, his = world.lines(world.poem(ann, version)), world.lines(world.poem(bob, version))

    with world.reading() as session:
        poems = Poems(session)
        assert poems.quotations([hers[2], hers[0]], ann) == [Quotation(hers[2], LINES[2]), Quotation(hers[0], LINES[0])]
        with pytest.raises(UnknownLine):
            poems.quotations([hers[0], his[0]], ann)
        with pytest.raises(UnknownLine):
            poems.quotations([2**31 - 1], ann)


def test_a_kept_line_is_found_where_it_stood_last(world: World) -> None:
    """Lines keep their place when the rest is written anew."""
    version, ann = world.voice(), world.visitor("ann")
    first = world.lines(world.poem(ann, version))
    world.clock.forward(seconds=1)
    world.poem(ann, version, texts=("새 행", LINES[0]), quoted={1: first[0]})

    with world.reading() as session:
        assert Poems(session).slots([first[0], first[3]], ann) == {first[0]: 1, first[3]: 3}


def test_pages_hold_every_poem_once(world: World) -> None:
    """Newest first, page after page, none twice and none left out; crawlers' poems are not shown."""
    version, ann, crawler = world.voice(), world.visitor("ann"), world.visitor("crawler", returned=False)
    written = []
    for _ in range(7):
        written.append(world.poem(ann, version))
        world.poem(crawler, version)
        world.clock.forward(seconds=1)

    seen: list[str] = []
    cursor: str | None = None
    with world.reading() as session:
        for _ in range(4):
            poems, cursor = Poems(session).page("sibot", cursor=cursor, limit=3)
            seen += [poem.id for poem in poems]
            if cursor is None:
                break

    assert seen == list(reversed(written))


def test_the_best_loved_come_first(world: World) -> None:
    """By different readers, not by ticks; a tick taken back is none; what nobody loves is left out."""
    version, ann, bob = world.voice(), world.visitor("ann"), world.visitor("bob")
    by_one, by_two, never = (world.poem(ann, version) for _ in range(3))
    given = [(ann, by_one, slot) for slot in range(5)] + [(ann, by_two, 0), (bob, by_two, 0), (ann, never, 0)]
    with world.transaction() as session:
        Poems(session).show(by_two, bob, counted=True, now=world.clock.now)
        for who, poem, slot in given:
            line = Poems(session).one(poem, who).lines[slot].id
            Ticks(session).set(line, who, on=True, address="", now=world.clock.now)
            if poem == never:
                Ticks(session).set(line, who, on=False, address="", now=world.clock.now)

    with world.reading() as session:
        loved = Loved(session)
        assert [poem.id for poem in loved.page("sibot", visitor=ann)[0]] == [by_two, by_one]
        assert [(one.readers, one.lines, one.shown) for one in loved.poems("sibot", ann)] == [(2, 1, 2), (1, 5, 1)]
        assert loved.page("sibot", visitor=ann, limit=1)[1] == "1"
        assert loved.page("sibot", visitor=ann, version=9) == ([], None)
        first = loved.lines("sibot", bob)[0]
        assert (first.line, first.readers, first.ticked) == (world.lines(by_two)[0], 2, True)
        assert loved.marks([Poems(session).one(by_two, bob)]) == {first.line: 2}


def test_drafts_of_a_poem_count_once(world: World) -> None:
    """Who keeps lines and has the others rewritten makes no second poem: the most loved draft stands for all."""
    version, ann, bob = world.voice(), world.visitor("ann"), world.visitor("bob")
    first = world.poem(ann, version)
    kept = world.lines(first)[0]
    second = world.poem(ann, version, quoted={0: kept})
    third = world.poem(ann, version, quoted={0: kept, 1: world.lines(second)[1]})
    with world.transaction() as session:
        Poems(session).show(second, bob, counted=True, now=world.clock.now)
        for who, line in ((ann, kept), (bob, world.lines(second)[2])):
            Ticks(session).set(line, who, on=True, address="", now=world.clock.now)

    with world.reading() as session:
        ranked = Loved(session).poems("sibot", None)
        assert [(one.poem.id, one.readers, one.lines) for one in ranked] == [(second, 2, 2)]
        assert [one.poem.id for one in Loved(session).best("sibot", None)] == [second]
        assert third in [poem.id for poem in Poems(session).page("sibot")[0]]


def test_what_holds_a_humans_words_is_found_by_its_address_alone(world: World) -> None:
    """However often others tick its other lines: in no list, and its address is told nowhere."""
    version, ann, bob = world.voice(), world.visitor("ann"), world.visitor("bob")
    clean, his = world.poem(ann, version), world.poem(ann, version, prime="봄비")
    with world.transaction() as session:
        for poem in (clean, his):
            Poems(session).show(poem, bob, counted=True, now=world.clock.now)
            for who in (ann, bob):
                Ticks(session).set(
                    Poems(session).one(poem, who).lines[2].id, who, on=True, address="", now=world.clock.now
                )

    with world.reading() as session:
        poems, loved, pieces = Poems(session), Loved(session), Pieces(session)
        assert [poem.id for poem in poems.page("sibot")[0]] == [clean]
        assert [poem.id for poem in loved.page("sibot", visitor=ann)[0]] == [clean]
        assert [line.poem for line in loved.lines("sibot")] == [clean]
        assert [one.poem.id for one in loved.poems("sibot", None)] == [clean]
        assert [one.poem.id for one in loved.best("sibot", None)] == [clean]
        assert {line.poem for line in pieces.material("sibot", ann)} == {clean, None}


def test_poems_can_be_browsed_by_version(world: World) -> None:
    """What version 1 wrote, and nothing else."""
    base, ann = world.voice(), world.visitor("ann")
    taught, number = world.version(folder="sibot/1")
    world.poem(ann, base)
    by_it = world.poem(ann, taught)

    with world.reading() as session:
        poems, following = Poems(session).page("sibot", version=number, cursor=None)
        assert [poem.id for poem in poems] == [by_it]
        assert following is None
        assert Poems(session).page("sibot", version=99, cursor=None) == ([], None)


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1e9", "٣", "9" * 400, "20; --"])
def test_an_unreadable_cursor_is_the_first_page(world: World, cursor: str) -> None:
    """Links age, and people edit them."""
    poem = world.poem(world.visitor("ann"), world.voice())

    with world.reading() as session:
        poems, _ = Poems(session).page("sibot", cursor=cursor)
    assert [p.id for p in poems] == [poem]
