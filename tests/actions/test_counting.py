"""Who counts as a reader: cookies are free, so an address has two readers a day, and no more."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from app import reads
from app.actions import poems, submissions, ticks, trials, visitors
from app.bootstrap import Bot
from app.domain.draft import Memory
from app.domain.poem import Poem, Wish, Writing, WrittenLine
from app.domain.submission import SubmissionStatus
from app.domain.trial import VISIT, TrialState
from app.domain.version import VersionReport, VersionStatus
from app.domain.visitor import READERS_PER_ADDRESS, Visitor
from app.store.lessons import FeedbackStore
from app.store.ticks import Loved, Tickers
from app.store.trials import Trials
from app.store.versions import Versions
from tests.support.world import World


@dataclass
class Poet:
    """Writes a poem of five lines; in a trial, by whoever is drawn."""

    version: int
    trial: int | None = None

    def hand_out(self, voice: str, wish: Wish, memory: Memory) -> None:
        """There is no drawer."""

    def write(self, voice: str, wish: Wish, *, visitor: str = "") -> Writing:
        """A poem."""
        lines = tuple(WrittenLine(slot, f"{slot}행", -1.0, 1.0) for slot in range(wish.lines))
        return Writing(voice, self.version, 7, 0.8, lines, self.trial)


@dataclass
class Site:
    """A voice, its poet, and readers by address."""

    world: World
    bot: Bot
    poet: Poet

    def reader(self, name: str, address: str, *, returned: bool = True) -> Visitor:
        """Somebody at that address today."""
        day = f"{self.world.clock.now:%d}"
        return Visitor(name, returned, f"{address} on {day}", network=address)

    def read(self, who: Visitor) -> Poem:
        """He has a poem written."""
        return poems.write(self.bot, self.poet, "sibot", Wish(), by=who)

    def tick(self, who: Visitor, poem: Poem, lines: int = 1) -> None:
        """He ticks the first lines of a poem, which he opens if it is another's."""
        poems.show(self.bot, poem.id, to=who)
        ticks.tick_lines(self.bot, poem.id, [line.id for line in poem.lines[:lines]], by=who)

    def figures(self) -> VersionReport:
        """How readers took the base."""
        with self.world.reading() as session:
            return Versions(session).report("sibot", 0)

    def loved(self) -> dict[str, int]:
        """Of lines and poems that are best loved: how many readers."""
        with self.world.reading() as session:
            loved = Loved(session)
            told = {f"line {one.line}": one.readers for one in loved.lines("sibot")}
            told |= {f"poem {one.poem.id}": one.readers for one in loved.poems("sibot", None)}
            told |= {f"best {one.poem.id}": one.readers for one in loved.best("sibot", None)}
            return told | {f"page {one.id}": 1 for one in loved.page("sibot", visitor="")[0]}


@pytest.fixture
def site(world: World) -> Site:
    """A voice that serves its base."""
    return Site(world, world.bot(), Poet(world.voice()))


def test_sixty_cookies_of_one_address_are_two_readers(site: Site) -> None:
    """In the anthology, on the spring page, among the best loved: three readers at three addresses stand above them."""
    theirs, ours = site.read(site.reader("x", "a")), site.read(site.reader("ann", "b"))
    for n in range(60):
        site.tick(site.reader(f"x{n}", "a"), theirs)
    for address in "bcd":
        site.tick(site.reader(f"reader {address}", address), ours)

    loved = site.loved()
    assert loved[f"line {theirs.lines[0].id}"] < READERS_PER_ADDRESS + 1 <= loved[f"line {ours.lines[0].id}"]
    assert loved[f"poem {theirs.id}"] < loved[f"poem {ours.id}"]
    with site.world.reading() as session:
        assert Loved(session).lines("sibot")[0].line == ours.lines[0].id


def test_ticks_that_do_not_count_list_nothing(site: Site) -> None:
    """A poem that only the third reader of an address ticked isn't among the loved, though his ticks are learned."""
    poem = site.read(site.reader("x0", "a"))
    site.read(site.reader("x1", "a"))
    site.tick(site.reader("x2", "a"), poem)

    assert site.loved() == {}
    with site.world.reading() as session:
        assert Loved(session).tickers("sibot") == Tickers(readers=1, counted=0)


def test_silent_readers_of_one_address_move_no_rate(site: Site) -> None:
    """Forty who tick nothing count for two: the rate of honest readers falls by no more than two readers' lines."""
    for n in range(10):
        who = site.reader(f"honest {n}", f"h{n}")
        site.tick(who, site.read(who), lines=1)
    before = site.figures()
    for n in range(40):
        site.read(site.reader(f"silent {n}", "a"))

    after = site.figures()
    assert (before.impressions, before.ticks) == (50, 10)
    assert (after.impressions, after.ticks) == (50 + 5 * READERS_PER_ADDRESS, 10)


def test_silent_readers_of_one_address_move_no_rank(site: Site) -> None:
    """The best poems are those that most of their readers ticked: forty of one address are two readers there, too."""
    ann = site.reader("ann", "b")
    poem = site.read(ann)
    site.tick(ann, poem)
    for n in range(40):
        poems.show(site.bot, poem.id, to=site.reader(f"silent {n}", "a"))

    with site.world.reading() as session:
        (best,) = Loved(session).best("sibot", None)
    assert (best.readers, best.shown) == (1, 1 + READERS_PER_ADDRESS)


def test_a_line_that_the_third_of_an_address_picks_moves_no_rate(site: Site) -> None:
    """A poem made by picking counts by the same rule as one that is written."""
    readers = [site.reader(f"x{n}", "a") for n in range(READERS_PER_ADDRESS + 1)]
    for who in readers:
        site.read(who)
    before = site.figures().impressions
    for n, who in enumerate(readers):
        line = Writing("sibot", site.poet.version, 7, 0.8, (WrittenLine(0, f"고른 행 {n}", -1.0, 1.0),))
        poems.pick(site.bot, [], line, by=who)

    assert site.figures().impressions == before + READERS_PER_ADDRESS


def test_the_first_poem_counts_once_its_reader_comes_back(site: Site) -> None:
    """As before; and as one of his address's readers."""
    poem = site.read(site.reader("ann", "a", returned=False))
    assert site.figures().impressions == 0

    site.tick(site.reader("ann", "a"), poem)

    assert (site.figures().impressions, site.figures().ticks) == (5, 1)
    assert len(site.loved()) == 4


@pytest.mark.parametrize("away", ["erased", "tomorrow"])
def test_a_place_is_for_a_day(site: Site, away: str) -> None:
    """Whoever is erased leaves it taken, so that nobody votes, vanishes and votes again; tomorrow all are free."""
    for n in range(READERS_PER_ADDRESS):
        site.read(site.reader(f"x{n}", "a"))
    if away == "erased":
        visitors.erase(site.bot, "x0")
    else:
        site.world.clock.forward(days=1)
    was = site.figures().impressions

    site.read(site.reader("another", "a"))

    assert site.figures().impressions == was + 5 * (away == "tomorrow")


def test_what_is_given_keeps_the_address_it_came_from(site: Site) -> None:
    """A line ticked alone, a form of ticks, a poem: in a lesson one address weighs no more than its cap."""
    ann, bob, eve = (site.reader(name, at) for name, at in (("ann", "a"), ("bob", "b"), ("eve", "c")))
    poem = site.read(ann)
    ticks.tick(site.bot, poem.lines[0].id, by=ann, on=True)
    site.tick(bob, poem)
    given, _ = submissions.teach(site.bot, "sibot", by=eve, text="봄비가 온다\n창을 닫는다", consent=True)
    submissions.decide(site.bot, [given.id], SubmissionStatus.APPROVED, by="admin")

    with site.world.reading() as session:
        feedback = FeedbackStore(session).of("sibot")
    assert {one.visitor: one.address for one in feedback.ticks} == {"ann": ann.address, "bob": bob.address}
    assert [one.address for one in feedback.submissions] == [eve.address]


def test_places_of_days_that_are_over_are_forgotten(site: Site) -> None:
    """With them what tied a visitor to a hash of his address."""
    site.read(site.reader("ann", "a"))
    site.world.clock.forward(days=2)
    visitors.delete_gone(site.bot)

    with site.world.reading() as session:
        assert session.connection().exec_driver_sql("SELECT count(*) FROM places").scalar_one() == 0


@pytest.fixture
def on_trial(site: Site) -> Callable[[int], None]:
    """Has version 1, or the base again, write what follows: the draw of a trial that is under way."""
    base = site.poet.version
    challenger, _ = site.world.version(folder="sibot/1", status=VersionStatus.UNDECIDED)
    with site.world.transaction() as session:
        trial = Trials(session).start("sibot", challenger, share=0.5, now=site.world.clock.now)

    def draw(which: int) -> None:
        site.poet.version, site.poet.trial = (base, challenger)[which], trial

    return draw


def in_trial(site: Site) -> set[str]:
    """Whose poems the trial counts."""
    with site.world.reading() as session:
        trial = Trials(session).running("sibot")
        assert trial is not None
        return {one.visitor for one in Trials(session).impressions(trial.id)}


def test_who_comes_back_after_the_draw_is_not_in_the_trial(site: Site, on_trial: Callable[[int], None]) -> None:
    """Else he would choose whether to count after he has seen what was drawn."""
    on_trial(1)
    poem = site.read(site.reader("late", "a", returned=False))
    site.tick(site.reader("late", "a"), poem)
    site.read(site.reader("known", "b"))

    assert in_trial(site) == {"known"}


def test_readers_who_tick_nothing_are_in_the_trial_and_capped(site: Site, on_trial: Callable[[int], None]) -> None:
    """Every reader of a trial has his network noted, by a mark that is the same tomorrow and names no address."""
    on_trial(0)
    for n in range(9):
        site.read(site.reader(f"silent {n}", "a"))
    assert in_trial(site) == {"silent 0", "silent 1"}
    shown = reads.desk.trial(site.bot, "sibot", "")
    assert (shown.readers, shown.next) == (9, site.world.clock.now + VISIT)

    site.world.clock.forward(days=1)
    site.read(site.reader("tomorrow", "a"))
    with site.world.reading() as session:
        trial = Trials(session).running("sibot")
        assert trial is not None
        seen = Trials(session).impressions(trial.id)
    assert {one.visitor for one in seen} == {"silent 0", "silent 1", "tomorrow"}
    assert len({one.network for one in seen}) == 1
    assert all(len(one.network) == 4 for one in seen)

    trials.stop(site.bot, "sibot", by="admin")
    visitors.delete_gone(site.bot)
    with site.world.reading() as session:
        assert Trials(session).impressions(trial.id) == [], "the marks go with the trial"


def test_forty_readers_of_ten_networks_decide_no_trial(site: Site, on_trial: Callable[[int], None]) -> None:
    """Though they know who wrote each poem, and tick only what the challenger wrote; those of thirty more do."""

    def come(networks: range) -> TrialState | None:
        for network in networks:
            for n in range(4):
                which = n % 2
                on_trial(which)
                who = site.reader(f"x{network}-{n}", f"n{network}")
                site.tick(who, site.read(who), lines=5 * which)
        site.world.clock.forward(hours=2)
        return trials.weigh_trial(site.bot, "sibot")

    assert come(range(10)) is TrialState.RUNNING
    assert come(range(10, 40)) is TrialState.BETTER
