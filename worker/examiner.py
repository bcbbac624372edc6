"""The examiner: measures a version on what it has not been taught, and on what it writes.

The lines are written by the site's own engine with the site's own settings. What is
good enough is the gate's business (`app/domain/gate.py`).
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.domain.errors import EngineFailed
from app.domain.lesson import Lesson
from app.domain.poem import LINES, Wish
from app.domain.screening import blocked
from app.domain.verdict import Scorecard
from app.engine.engine import Engine
from app.settings import Settings
from app.store.voices import Serving
from models import checkpoint, seen
from models.corpus import read_poems
from models.evaluate import surprise_of_poems
from worker.trainer import network_of

SOME = 64
"""Poems of the holdout that are read between two looks at whether to stop."""
HOLDOUT = "holdout.txt"
DECILES = (0.1, 0.5, 0.9)
SHOWN = 3
"""Poems of each version that are kept to be compared."""


@dataclass(frozen=True)
class Examination:
    """What all versions of a base are measured by: its frozen holdout, and what counts as copied."""

    holdout: Sequence[str]
    read: seen.Hashes
    """Runs of the base's own texts."""
    taught: frozenset[str]
    """The letters of each line of the lesson."""
    settings: Settings

    @classmethod
    def of(cls, base: Path, lesson: Lesson, settings: Settings) -> "Examination":
        """The examination for versions of the base in that folder. FileNotFoundError without a holdout."""
        lines = (line for text in lesson.texts for line in text.text.splitlines())
        taught = frozenset(bare for line in lines if (bare := seen.letters(line)))
        return cls(read_poems(base / HOLDOUT), seen.of_base(base), taught, settings)

    def examine(self, version: checkpoint.Checkpoint, *, check: Callable[[float], None]) -> Scorecard:
        """The version's figures; *check* hears how far it has come (0 to 1), and what it raises ends it."""
        surprise = self._surprise(version, check)
        try:
            lines = sample(version, self.settings, check=lambda share: check(0.2 + 0.8 * share))
        except EngineFailed:  # it can't write: that is a finding, and the gate turns NaN away
            return Scorecard(surprise, math.nan, math.nan, math.nan, finite=False)
        weights = all(bool(np.isfinite(value).all()) for value in version.weights.values())
        short, usual, long = np.quantile([len(seen.letters(line)) for line in lines], DECILES).tolist()
        return Scorecard(
            bits_per_char=surprise,
            distinct=distinct(lines),
            distinct2=distinct(_pairs(lines)),
            copied=sum(map(self.is_copied, lines)) / len(lines),
            finite=weights and math.isfinite(surprise),
            short=short,
            usual=usual,
            long=long,
            blocked=sum(blocked(line) is not None for line in lines) / len(lines),
        )

    def _surprise(self, version: checkpoint.Checkpoint, check: Callable[[float], None]) -> float:
        """Bits a character of the holdout, a few poems at a time so that a worker told to go goes soon."""
        network = network_of(version)
        nats, chars = 0.0, 0
        for start in range(0, len(self.holdout), SOME):
            part = surprise_of_poems(network, version.vocabulary, self.holdout[start : start + SOME])
            nats, chars = nats + part.nats, chars + part.chars
            check(0.2 * (start + SOME) / (len(self.holdout) + SOME))
        return nats / chars / math.log(2) if chars else math.nan

    def is_copied(self, line: str) -> bool:
        """Does the line stand in the lesson, or share ten letters in a row with the base's texts?"""
        return seen.letters(line) in self.taught or seen.shares_a_run(line, self.read)


def sample(
    version: checkpoint.Checkpoint, settings: Settings, *, check: Callable[[float], None], most: int | None = None
) -> list[str]:
    """`settings.samples` lines, in poems of five, as the site would write them; the same seeds for every version.

    *most*: fewer of them, the first.
    """
    wanted = settings.samples if most is None else most
    voice = version.meta.voice
    serving = Serving(voice, 0, 0, "candidate", version.meta.base)
    engine = Engine(
        champions=lambda: [serving],
        fetch=lambda _key: version.folder,
        settings=settings,
        candidates=settings.candidates,
    )
    wishes = [Wish(lines=LINES, seed=seed) for seed in range(-(-wanted // LINES))]
    lines: list[str] = []
    try:
        engine.start()
        for done, writing in enumerate(engine.write_all(voice, wishes), 1):
            lines += [line.text for line in writing.lines]
            check(done / len(wishes))
    finally:
        engine.close()
    return lines[:wanted]


def poems(version: checkpoint.Checkpoint, settings: Settings) -> list[list[str]]:
    """A few poems to lay beside other versions' of the same seeds."""
    lines = sample(version, settings, check=lambda _: None, most=SHOWN * LINES)
    return [lines[start : start + LINES] for start in range(0, len(lines), LINES)]


def distinct(things: Iterable[str]) -> float:
    """Share that is unique; NaN of nothing."""
    all_of_them = list(things)
    return len(set(all_of_them)) / len(all_of_them) if all_of_them else math.nan


def _pairs(lines: Iterable[str]) -> list[str]:
    """Adjacent letters of each line, spaces and marks left out."""
    return [bare[i : i + 2] for line in lines if (bare := seen.letters(line)) for i in range(len(bare) - 1)]
