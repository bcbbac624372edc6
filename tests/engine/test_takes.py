"""Several takes of a whole poem: the best is told, and nothing of the others is heard, remembered or left behind."""

import random
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from app.domain.poem import Quotation, Wish
from app.engine.choose import Candidate, Context, Scorer, Way, alike, by_score
from app.engine.engine import Engine
from app.engine.poem import Delta, Done, Event, Failed, LineDone, Start
from app.engine.taste_policy import TastePolicy
from app.settings import Settings
from tests.engine.voices import a_version, champion
from tests.support.patience import PATIENCE

CANDIDATES = 8
BETWEEN = 3.0
"""Log-odds that a line loses or gains by its first letter: little within a line, much over a poem."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random network."""
    return a_version(tmp_path_factory.mktemp("version") / "v")


def worth(line: str) -> float:
    """What this module's readers find a line worth, in log-odds."""
    return BETWEEN * ("나" in line)


def score(_context: Context, candidates: Sequence[Candidate]) -> list[float]:
    """The same of several."""
    return [worth(one.text) for one in candidates]


class Fixed(TastePolicy):
    """One way for every poem."""

    def __init__(self, way: Way) -> None:
        super().__init__(candidates=way.candidates)
        self._fixed = way

    def way(self, voice: str, wish: Wish, seed: int, *, without: Way) -> Way:
        """That."""
        return self._fixed


def engine_with(
    folder: Path,
    takes: int,
    *,
    candidates: int = CANDIDATES,
    scored: Scorer = score,
    said: list[str] | None = None,
) -> Engine:
    """An engine that writes so many takes of a poem."""
    way = Way(candidates, by_score(scored), score=scored, takes=takes, sent=(said if said is not None else []).append)
    return Engine(
        champions=lambda: [champion("sibot", 7, 3, "key")],
        fetch=lambda _key: folder,
        settings=Settings(slots=64),
        taste_policy=Fixed(way),
        dice=partial(random.Random(0).getrandbits, 31),
    )


@pytest.fixture
def engine(folder: Path) -> Iterator[Engine]:
    """With two takes, of four candidates each."""
    engine = engine_with(folder, 2)
    yield engine
    engine.close()


def rows(engine: Engine) -> float:
    """Rows that the network has been run for, summed over its steps."""
    samples = [one for metric in engine.metrics.batch_size.collect() for one in metric.samples]
    return next(one.value for one in samples if one.name.endswith("_sum"))


def heard(engine: Engine, wish: Wish) -> list[tuple[Event, float]]:
    """Everything that a streaming reader hears, and after how many steps of the network."""
    events: list[tuple[Event, float]] = []
    ended = threading.Event()

    def hear(event: Event | Failed) -> None:
        assert not isinstance(event, Failed)
        samples = [one for metric in engine.metrics.batch_size.collect() for one in metric.samples]
        events.append((event, next(one.value for one in samples if one.name.endswith("_count"))))
        if isinstance(event, Done):
            ended.set()

    engine.submit("sibot", wish, hear)
    assert ended.wait(PATIENCE)
    engine.write("sibot", Wish(lines=1))  # whatever else it says of that poem comes before this one
    return events


def test_the_best_of_several_takes_is_told(folder: Path) -> None:
    """It is worth more than a single one with as many candidates as each take has."""
    found = {}
    for takes in (1, 2):
        engine = engine_with(folder, takes, candidates=CANDIDATES // 2 * takes)
        try:
            poems = list(engine.write_all("sibot", [Wish() for _ in range(100)]))
        finally:
            engine.close()
        found[takes] = sum(worth(line.text) for poem in poems for line in poem.lines) / len(poems)
        assert all(len(poem.lines) == 5 and all(0 < line.chance <= 1 for line in poem.lines) for poem in poems)
    assert found[2] > found[1]


def test_the_same_seed_writes_the_same_poem(engine: Engine) -> None:
    """Alone and beside others."""
    poem = engine.write("sibot", Wish(seed=3))
    others = list(engine.write_all("sibot", [Wish(seed=3), *(Wish() for _ in range(8)), Wish(seed=3)]))

    assert others[0].lines == others[-1].lines == poem.lines
    assert any(line.chance < 1 for line in poem.lines)


def test_a_lines_chance_is_its_candidates_times_its_takes(folder: Path) -> None:
    """Of two candidates that are left in each of two takes, all as good, one in four."""
    engine = engine_with(folder, 2, scored=alike)
    try:
        poem = engine.write("sibot", Wish(seed=3, keep=(None, Quotation(4, "가나 다라"))))
    finally:
        engine.close()

    assert [line.chance for line in poem.lines[1:]] == [1.0, 0.25, 0.25, 0.25]


def test_a_reader_hears_of_the_take_that_was_chosen_alone(engine: Engine) -> None:
    """Each line once, whole and in its order; the first at once, the others when it is chosen."""
    events, at = zip(*heard(engine, Wish(seed=5)), strict=True)
    poem = engine.write("sibot", Wish(seed=5))

    assert isinstance(events[0], Start)
    expected: list[Event] = []
    for line in poem.lines:
        expected += [Delta(line.slot, line.text), LineDone(line)]
    assert list(events[1:-1]) == expected
    assert at[2] < at[3] == at[-1]
    assert isinstance(events[-1], Done)
    assert events[-1].writing == poem


def test_what_the_visitor_gave_stands_in_every_take(engine: Engine) -> None:
    """A kept line, one of his own, a beginning; and a poem of kept lines alone is told once."""
    keep = (Quotation(4, "가나 다라"), None, Quotation(None, "마바 사아"), None, None)
    poem = engine.write("sibot", Wish(seed=2, keep=keep, prime="다라"))

    assert [line.slot for line in poem.lines] == [0, 1, 2, 3, 4]
    assert (poem.lines[0].text, poem.lines[0].quoted, poem.lines[0].chance) == ("가나 다라", 4, 1.0)
    assert poem.lines[1].text.startswith("다라")
    assert poem.lines[1].primed
    assert (poem.lines[2].text, poem.lines[2].primed) == ("마바 사아", True)

    events = [
        event for event, _ in heard(engine, Wish(lines=2, keep=(Quotation(4, "가나 다라"), Quotation(5, "마바"))))
    ]
    assert [event.line.text for event in events if isinstance(event, LineDone)] == ["가나 다라", "마바"]
    assert sum(isinstance(event, Done) for event in events) == 1


def test_takes_have_the_first_line_in_common_and_a_last_line_has_none(engine: Engine, folder: Path) -> None:
    """As if the only take were one with as many candidates as each has; the lines after it are another's."""
    wish = Wish(seed=4, lines=3, keep=(Quotation(4, "가나 다라"),))
    plain = engine_with(folder, 1, candidates=CANDIDATES // 2)
    try:
        assert engine.write("sibot", wish).lines == plain.write("sibot", wish).lines
        poems = [one.write("sibot", Wish(seed=4)).lines for one in (engine, plain)]
        assert poems[0][0] == poems[1][0]
        assert poems[0][1:] != poems[1][1:]
    finally:
        plain.close()


def test_only_what_is_told_counts_as_said(folder: Path) -> None:
    """What the other takes would have said may be said tomorrow."""
    said: list[str] = []
    engine = engine_with(folder, 2, said=said)
    try:
        keep = (Quotation(9, "가나 다라"), None, Quotation(None, "내 말이다"))
        poem = engine.write("sibot", Wish(keep=keep))
    finally:
        engine.close()

    assert said == [poem.lines[slot].text for slot in (1, 3, 4)]


def test_a_reader_who_leaves_frees_the_rows_of_all_takes(engine: Engine) -> None:
    """And the next one has room for his."""
    parted = threading.Event()

    def hear(event: Event | Failed) -> None:
        if isinstance(event, LineDone):
            parted.set()

    ticket = engine.submit("sibot", Wish(lines=16), hear)
    assert parted.wait(PATIENCE)
    engine.leave(ticket)
    before = rows(engine)
    engine.write("sibot", Wish(seed=1))
    others = rows(engine) - before
    engine.write("sibot", Wish(seed=1))

    assert rows(engine) - before - others == others
    assert engine.load() == (0, 0)


@pytest.mark.parametrize(("most", "candidates", "takes"), [(64, 16, 4), (12, 12, 3), (7, 7, 1), (1, 1, 1)])
def test_a_crowd_gets_fewer_takes_as_it_gets_fewer_candidates(most: int, candidates: int, takes: int) -> None:
    """A take has four candidates a line at least, else there are fewer takes."""
    way = Way(16, by_score(score), score=score, takes=4).within(most)

    assert (way.candidates, way.takes) == (candidates, takes)
