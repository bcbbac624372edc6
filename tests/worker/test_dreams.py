"""Dreams: the base writes by itself, and is taught more of what its readers like."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from app.domain.lesson import Lesson
from app.domain.taste import Judged
from app.engine.live import LiveVersion, load
from app.settings import Settings
from app.store.voices import Serving
from models import checkpoint
from models.taste import Report, Taste
from worker.trainer import DREAM_VOICE, MAX_DREAM_WEIGHT, dream, dreams_of, weigh

REPORT = Report(1000, 200, 100, 0.7, 0.02, 0.01, 0.3)


@pytest.fixture
def base(shipped: Path) -> checkpoint.Checkpoint:
    """The tiny voice."""
    return checkpoint.read(shipped / "sibot")


@pytest.fixture
def live(base: checkpoint.Checkpoint) -> LiveVersion:
    """The same, ready to write."""
    return load(Serving("sibot", 0, 0, "base", "tiny"), base.folder, precision="int8", rows=8, threads=1)


def nobody(_done: float) -> None:
    """Hears nothing."""


def test_the_same_seed_dreams_the_same(live: LiveVersion) -> None:
    """Poems of five lines each, all different; how far it is is told."""
    heard: list[float] = []
    poems = dream(live, 12, seed=3, check=heard.append)

    assert [len(poem) for poem in poems] == [5] * 12
    assert len(set(poems)) == 12
    assert dream(live, 12, seed=3, check=nobody) == poems
    assert dream(live, 12, seed=4, check=nobody) != poems
    assert heard == pytest.approx([n / 12 for n in range(1, 13)])


def test_a_dreamer_can_be_woken(live: LiveVersion) -> None:
    """What the watcher raises ends it at once."""

    def wake(_done: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dream(live, 1000, seed=1, check=wake)


def test_what_is_liked_weighs_more_and_all_weighs_nothing() -> None:
    """The mean is zero, so that nothing but the preference is learned; nothing weighs beyond measure."""
    taste = Taste({"c꽃": 2.0, "c돌": -2.0, "c별": 30.0}, -2.0, REPORT)
    poems = [("꽃이 핀다", "길이 있다"), ("돌이 있다", "물이 온다")] * 20

    weighed = weigh(poems, taste, temperature=1.0)
    (flower, road), (stone, water) = weighed[0].weights, weighed[1].weights
    assert [one.lines for one in weighed] == poems
    assert flower > road == water > stone
    assert np.sum([one.weights for one in weighed]) == pytest.approx(0.0, abs=1e-9)

    starry = weigh([*poems, ("별", "꽃")], taste, temperature=1.0)
    assert max(max(one.weights) for one in starry) <= MAX_DREAM_WEIGHT


def lesson(judged: tuple[Judged, ...]) -> Lesson:
    """A lesson of readers who judged these."""
    return Lesson((), sum(one.ticked for one in judged), 0, 1, judged)


def readings(likes: Callable[[str], bool]) -> tuple[Judged, ...]:
    """A hundred readers who tick exactly what they like."""
    lines = ["꽃이 핀다", "길이 있다", "돌이 있다", "물이 온다", "새가 난다"]
    return tuple(
        Judged(5 * n + slot, text, slot, likes(text), f"v{n}") for n in range(100) for slot, text in enumerate(lines)
    )


def test_without_a_taste_nothing_is_dreamt(base: checkpoint.Checkpoint) -> None:
    """Nobody judged, or everybody ticks everything, or dreaming is switched off."""
    settings = Settings(dreams=5)
    clear = readings(lambda text: "꽃" in text)

    assert dreams_of(base, lesson(()), settings, seed=1, check=nobody) == []
    assert dreams_of(base, lesson(readings(lambda _: True)), settings, seed=1, check=nobody) == []
    assert dreams_of(base, lesson(clear), Settings(dreams=0), seed=1, check=nobody) == []
    assert len(dreams_of(base, lesson(clear), settings, seed=1, check=nobody)) == 5


def test_the_dreams_of_a_lesson_are_its_own(base: checkpoint.Checkpoint) -> None:
    """A run can be repeated: the taste comes from the lesson, the dreams from its seed."""
    settings, clear = Settings(dreams=4), lesson(readings(lambda text: "꽃" in text))

    once, again = (dreams_of(base, clear, settings, seed=9, check=nobody) for _ in range(2))

    assert once == again
    assert DREAM_VOICE not in {"sibot", "bard"}
