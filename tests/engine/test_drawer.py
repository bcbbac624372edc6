"""The drawer of a web process: what lies in memory is handed out, by draw and by taste, and live poems do the rest."""

import gc
import random
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest

from app.domain.draft import HANDED_OUT, READY, Draft, Memory
from app.domain.poem import Wish, Writing
from app.domain.version import Challenger, Serving
from app.engine.drawer import Drawer
from app.engine.engine import Engine
from app.engine.taste_policy import TastePolicy
from app.settings import Settings
from models.taste import Taste
from tests.engine.test_taste_policy import REPORT, Shelf, liking
from tests.engine.voices import a_version, champion, live_of
from tests.support.drafts import SYLLABLES, drafts

NOTHING = Memory()


@dataclass
class Site:
    """A champion, perhaps a challenger, and the drawers of both."""

    root: Path
    champion: int = 0
    on_trial: list[Challenger] = field(default_factory=list)
    drawers: dict[int, list[Draft]] = field(default_factory=dict)
    changed: Counter[int] = field(default_factory=Counter)
    fetched: list[int] = field(default_factory=list)
    away: bool = False

    def put(self, version: int, new: Sequence[Draft]) -> None:
        """Put drafts into a version's drawer."""
        self.drawers[version] = [*self.drawers.get(version, []), *new]
        self.changed[version] += 1

    def champions(self) -> list[Serving]:
        """What ought to serve."""
        return [champion("sibot", 100 + self.champion, self.champion, f"v{self.champion}")]

    def changes(self) -> Mapping[int, int]:
        """How often the drawers have changed."""
        if self.away:
            raise ConnectionError("the database is away")
        return dict(self.changed)

    def fetch(self, version: int) -> list[Draft]:
        """A version's drafts."""
        self.fetched.append(version)
        return self.drawers.get(version, [])

    def engine(self, taste_policy: TastePolicy | None = None) -> Engine:
        """An engine that nobody polls but the test."""
        return Engine(
            champions=self.champions,
            challengers=lambda: self.on_trial,
            fetch=lambda key: self.root / key,
            settings=Settings(slots=8),
            drawers=self.changes,
            drafts=self.fetch,
            taste_policy=taste_policy,
        )


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Two folders."""
    for number in (0, 1):
        a_version(tmp_path / f"v{number}", seed=number)
    return Site(tmp_path)


@pytest.fixture
def engine(site: Site) -> Iterator[Engine]:
    """An engine over them."""
    made = site.engine()
    made.refresh()
    yield made
    made.close()


def handed(engine: Engine, wish: Wish = Wish(), memory: Memory = NOTHING) -> Writing | None:  # noqa: B008 - it is frozen
    """What a reader is handed."""
    return engine.hand_out("sibot", wish, memory)


def test_a_choice_of_too_few_is_none(site: Site, engine: Engine) -> None:
    """Poems are written live until enough drafts lie there that this reader has not seen."""
    site.put(100, drafts(READY - 1, ids=1))
    engine.refresh()
    assert handed(engine) is None

    site.put(100, drafts(READY, ids=1)[-1:])
    engine.refresh()

    assert handed(engine) is not None
    assert handed(engine, memory=Memory.of([3], [])) is None
    assert engine.drafts("sibot") == READY


def test_a_draft_is_handed_out_as_it_was_written(site: Site, engine: Engine) -> None:
    """Its lines all have its own probability among the drafts; it belongs to no trial, and no taste chose it."""
    site.put(100, drafts(20, ids=1))
    engine.refresh()

    writing = handed(engine)

    assert writing is not None
    draft = site.drawers[100][(writing.draft or 0) - 1]
    assert [line.text for line in writing.lines] == list(draft.texts)
    assert [line.chance for line in writing.lines] == pytest.approx([1 / 20] * 5)
    assert (writing.voice, writing.version, writing.seed, writing.temperature) == ("sibot", 100, 7, 0.8)
    assert (writing.trial, writing.taste, {line.liking for line in writing.lines}) == (None, None, {None})


def test_a_word_is_worth_a_single_draft(site: Site, engine: Engine) -> None:
    """Who asks for it has chosen himself."""
    site.put(100, drafts(3, ids=1))
    engine.refresh()
    word = site.drawers[100][1].texts[0].split()[0]

    about = handed(engine, Wish(word=word))

    assert about is not None
    assert (about.draft, about.lines[0].chance) == (2, 1.0)
    assert handed(engine, Wish(word="없는말")) is None


def test_a_drawer_is_read_when_it_has_changed(site: Site, engine: Engine) -> None:
    """Not every second, and not as long as nothing was put in."""
    engine.refresh()
    assert site.fetched == []
    site.put(100, drafts(5, ids=1))
    for _ in range(3):
        engine.refresh()
    assert (site.fetched, engine.drafts("sibot")) == ([100], 5)

    site.drawers[100] = []
    site.changed[100] += 1
    engine.refresh()

    assert (site.fetched, engine.drafts("sibot")) == ([100, 100], 0)


def test_the_drawer_goes_with_its_version(site: Site, engine: Engine) -> None:
    """Nobody is handed what a version wrote that serves no more."""
    site.put(100, drafts(READY, ids=1))
    engine.refresh()
    site.champion = 1
    engine.refresh()

    assert (engine.drafts("sibot"), handed(engine)) == (0, None)


def test_while_the_database_is_away_the_drafts_in_memory_are_handed_out(site: Site, engine: Engine) -> None:
    """They are all that is needed."""
    site.put(100, drafts(READY, ids=1))
    engine.refresh()
    site.away = True

    engine.refresh()

    assert handed(engine) is not None


def test_while_a_version_is_on_trial_both_hand_out_drafts_or_neither(site: Site, engine: Engine) -> None:
    """Else readers would compare a drawer with live writing; the draw between the versions is as ever."""
    site.put(100, drafts(READY, ids=1))
    site.on_trial = [Challenger("sibot", 101, 1, "v1", "base", 5, 0.5)]
    engine.refresh()
    assert handed(engine) is None

    site.put(101, drafts(READY, ids=101))
    engine.refresh()

    poems = [handed(engine) for _ in range(80)]
    drawn = Counter((poem.version, poem.trial, (poem.draft or 0) > READY) for poem in poems if poem)
    assert drawn.keys() == {(100, 5, False), (101, 5, True)}
    assert 20 < drawn[100, 5, False] < 60
    assert handed(engine, memory=Memory.of([101], [])) is None


LIKED = SYLLABLES[0]


@pytest.fixture
def by_taste(site: Site) -> "Iterator[Callable[..., list[Writing]]]":
    """Poems of an engine whose readers like lines with a syllable that one draft in twenty has."""
    made: list[Engine] = []

    def written(*, share: float, poems: int = 60) -> list[Writing]:
        engine = site.engine(Shelf(sibot=liking(LIKED, 2.0)).taste_policy(share=share, temperature=1.0))
        made.append(engine)
        site.put(100, drafts(20, ids=1))
        engine.refresh()
        return [poem for _ in range(poems) if (poem := handed(engine)) is not None]

    yield written
    for engine in made:
        engine.close()


def test_a_taste_prefers_what_is_liked(by_taste: Callable[..., list[Writing]]) -> None:
    """Which taste it was is noted, and of each line how liked and how likely it was."""
    poems = by_taste(share=1.0)

    liked = [poem for poem in poems if any(LIKED in line.text for line in poem.lines)]
    assert len(poems) == 60
    assert len(liked) > 50
    assert {poem.taste for poem in poems} == {1}
    assert all(line.chance > 1 / 20 for poem in liked for line in poem.lines)
    texts = [line.text for line in liked[0].lines]
    assert [line.liking for line in liked[0].lines] == pytest.approx(liking(LIKED, 2.0).likings(texts))


def test_the_control_group_has_likings_but_no_taste(by_taste: Callable[..., list[Writing]]) -> None:
    """So its effect is measured: nothing is preferred, and what taste would have said is noted."""
    poems = by_taste(share=0.0)

    assert {poem.taste for poem in poems} == {None}
    assert [poem.lines[0].chance for poem in poems] == pytest.approx([1 / 20] * 60)
    assert len({poem.draft for poem in poems}) > 10
    assert {line.liking is None for poem in poems for line in poem.lines} == {False}


def test_a_share_of_the_drafts_ignores_taste(by_taste: Callable[..., list[Writing]]) -> None:
    """As of the poems that are written live."""
    tastes = Counter(poem.taste for poem in by_taste(share=0.5, poems=100))

    assert 25 < tastes[1] < 75


def test_a_version_that_serves_no_more_leaves_the_memory(tmp_path: Path) -> None:
    """What a taste said of its drafts does not hold it there; a newer taste is asked anew."""
    policy = Shelf(sibot=liking(LIKED)).taste_policy()
    drawer = Drawer(changes=lambda: {7: 1}, fetch=lambda _version: drafts(READY, ids=1), taste_policy=policy)
    live = live_of(a_version(tmp_path / "version"))
    drawer.refresh([7])
    left = drawer.left(7, NOTHING, Wish())
    assert left is not None
    drawn = partial(drawer.draw, live, left, NOTHING, dice=random.Random(0).random, trial=None)
    assert drawn().taste == 1
    assert policy.of_drafts(live, 0.0)[1] is policy.of_drafts(live, 0.0)[1]

    alive = weakref.ref(live.step)
    del live, drawn
    gc.collect()
    assert alive() is None
    drawer.refresh([8])
    assert policy._of_drafts == {}


def test_a_newer_taste_is_asked_anew(tmp_path: Path) -> None:
    """Its likings take the place of the older one's."""
    shelf = Shelf(sibot=liking(LIKED))
    policy, live = shelf.taste_policy(), live_of(a_version(tmp_path / "version"))
    (draft,) = drafts(1, ids=1)
    _, before = policy.of_drafts(live, 0.0)
    shelf.kept[2], shelf.newest = Taste({}, -1.0, REPORT), {"sibot": 2}
    policy.refresh()

    number, after = policy.of_drafts(live, 0.0)

    assert number == 2
    assert before.total(draft) != after.total(draft) == pytest.approx(-50.0)  # five lines, at a temperature of 0.1
    assert len(policy._of_drafts) == 1


def test_what_many_were_handed_is_handed_out_less(site: Site, engine: Engine) -> None:
    """As the rule says, from the count that lay in the database."""
    one, *others = drafts(20, ids=1)
    site.put(100, [replace(one, handed_out=round(9 / HANDED_OUT)), *others])
    engine.refresh()

    assert 1 not in {poem.draft for _ in range(100) if (poem := handed(engine))}
