"""Dreams: the base writes by itself, and is taught more of what its readers like."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.domain.lesson import Lesson, Text
from app.domain.taste import Judged
from app.domain.version import Serving
from app.engine.live import LiveVersion, load
from app.settings import Settings
from models import checkpoint
from models.taste import Report, Taste
from worker import trainer
from worker.dreams import DREAM_VOICE, MAX_DREAM_WEIGHT, dream, sensible, taste_of, weigh
from worker.trainer import PER_BATCH, REHEARSAL_PER_DREAM, Schedule, make_schedule, passages

Check = Callable[[float], None]
VERSE = tuple(f"시 {i}\n둘째 줄" for i in range(100))
REPORT = Report(1000, 200, 100, 0.7, 0.02, 0.01, 0.3)


@pytest.fixture
def base(shipped: Path) -> checkpoint.Checkpoint:
    """The tiny voice."""
    return checkpoint.read(shipped / "sibot")


@pytest.fixture
def live(base: checkpoint.Checkpoint) -> LiveVersion:
    """The same, ready to write."""
    return load(Serving("sibot", 0, 0, "base", "tiny"), base.folder, precision="int8", rows=8, threads=1)


def test_the_same_seed_dreams_the_same(live: LiveVersion) -> None:
    """Poems of five lines each, all different; fewer of them are the first."""
    poems = list(dream(live, 12, seed=3))

    assert [len(poem) for poem in poems] == [5] * 12
    assert len(set(poems)) == 12
    assert list(dream(live, 12, seed=3)) == poems
    assert list(dream(live, 12, seed=4)) != poems


def test_dreams_that_are_not_wanted_are_not_written(live: LiveVersion) -> None:
    """They come one by one, and whoever has enough closes them."""
    dreams = dream(live, 1_000_000, seed=1)

    assert len(next(dreams)) == 5
    dreams.close()


def test_what_is_liked_weighs_more_and_all_weighs_nothing() -> None:
    """The mean is zero, so that nothing but the preference is learned; nothing weighs beyond measure."""
    taste = Taste({"c꽃": 2.0, "c돌": -2.0, "c별": 30.0}, -2.0, REPORT)
    poems = [(("꽃이 핀다", -2.0), ("길이 있다", -2.0)), (("돌이 있다", -2.0), ("물이 온다", -2.0))] * 20

    weighed = weigh(poems, taste)
    (flower, road), (stone, water) = weighed[0].weights, weighed[1].weights
    assert [one.lines for one in weighed] == [tuple(text for text, _ in poem) for poem in poems]
    assert flower > road == water > stone
    assert np.sum([one.weights for one in weighed]) == pytest.approx(0.0, abs=1e-9)

    starry = weigh([*poems, (("별", -2.0), ("꽃", -2.0))], taste)
    assert max(max(one.weights) for one in starry) <= MAX_DREAM_WEIGHT


def test_a_dream_that_makes_no_sense_weighs_less() -> None:
    """Of two lines alike in all else the one that the base itself finds improbable is taught away."""
    taste = Taste({}, -2.0, REPORT, signals={"logprob": 2.0}, usual=-2.0)

    (weighed,) = weigh([(("꽃이 핀다", -1.5), ("꼿일 픤다", -3.5))], taste)

    assert weighed.weights[0] > 0 > weighed.weights[1]


def test_a_tick_in_passing_on_nonsense_teaches_little(base: checkpoint.Checkpoint) -> None:
    """Ticked lines weigh by taste, in the mean as much as before; what was taught on purpose weighs what it did."""
    taste = Taste({}, -2.0, REPORT, signals={"logprob": 2.0}, usual=-2.0)
    judged = tuple(
        Judged(n, text, 0, ticked=True, visitor=f"v{n}", logprob=mean * (len(text) + 1))
        for n, (text, mean) in enumerate([("꽃이 핀다", -1.0), ("꼿일 픤다", -4.0)])
    )
    texts = [Text(one.text, 1.0, "line", sources=(one.line,)) for one in judged]
    told = Lesson((*texts, Text("시", 2.0, "poem")), 2, 1, 2, judged)

    sense, nonsense, poem = sensible(told, taste, base).texts

    assert sense.weight > 8 * nonsense.weight
    assert sense.weight + nonsense.weight == pytest.approx(2.0)
    assert poem.weight == 2.0


def lesson(judged: tuple[Judged, ...]) -> Lesson:
    """A lesson of readers who judged these."""
    return Lesson((), sum(one.ticked for one in judged), 0, 1, judged)


def readings(likes: Callable[[str], bool]) -> tuple[Judged, ...]:
    """A hundred readers who tick exactly what they like."""
    lines = ["꽃이 핀다", "길이 있다", "돌이 있다", "물이 온다", "새가 난다"]
    return tuple(
        Judged(5 * n + slot, text, slot, likes(text), f"v{n}") for n in range(100) for slot, text in enumerate(lines)
    )


def schedule(base: checkpoint.Checkpoint, told: Lesson, dreams: int, *, check: Check = lambda _: None) -> Schedule:
    """What is planned of that lesson without a limit of time."""
    settings, dreaming = Settings(dreams=dreams, run_minutes=0), taste_of(told, base) is not None
    return make_schedule(base, told, VERSE, settings, dreaming=dreaming, device="cpu", check=check)


def test_without_a_taste_nothing_is_dreamt(base: checkpoint.Checkpoint) -> None:
    """Nobody judged, or everybody ticks everything."""
    assert taste_of(lesson(()), base) is None
    assert taste_of(lesson(readings(lambda _: True)), base) is None
    assert schedule(base, lesson(()), 5).dreams == ()

    clear = lesson(readings(lambda text: "꽃" in text))
    heard: list[float] = []
    assert len(schedule(base, clear, 5, check=heard.append).dreams) == 5
    assert heard == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


def test_the_time_is_used(base: checkpoint.Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many characters are trained on as there is time for: the lesson's rehearsal serves the dreams, too."""
    verse = tuple(f"시 {i}\n둘째 줄이 조금 더 길다" for i in range(1000))
    ticked = tuple(Text(f"줄 {i}이 이어진다", 1.0, "line") for i in range(400))
    told = replace(lesson(readings(lambda text: "꽃" in text)), texts=ticked)
    settings = Settings(dreams=2000, run_minutes=1)
    monkeypatch.setattr(trainer, "time_budget", lambda *_: lambda: 60_000.0)

    planned = make_schedule(base, told, verse, settings, dreaming=True, device="cpu", check=lambda _: None)

    most, least = planned.steps * PER_BATCH, round(REHEARSAL_PER_DREAM * len(planned.dreams))
    read = passages(told, verse, most=most, seed=trainer.seed_of(told), least=least)
    dreamt = sum(len(line) + 1 for poem in planned.dreams for line, _ in poem)
    assert len(planned.dreams) < 2000
    assert dreamt + sum(len(one.text) + len(one.before) + 1 for one in read) == pytest.approx(60_000, rel=0.02)


def test_the_dreams_of_a_lesson_are_its_own(base: checkpoint.Checkpoint) -> None:
    """A run can be repeated: the taste comes from the lesson, the dreams from its seed."""
    clear = lesson(readings(lambda text: "꽃" in text))

    assert schedule(base, clear, 4) == schedule(base, clear, 4)
    assert DREAM_VOICE not in {"sibot", "bard"}
