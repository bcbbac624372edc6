"""What a run reads: the lesson, each line in its place, and rehearsal of the base's own verse.

A ticked line is taught where it stood: the network reads the lines above it without
being taught them, and learns no end of the poem after it. Knows no torch.
"""

from collections.abc import Sequence

import numpy as np

from app.domain.lesson import Lesson, Text
from models.corpus import Passage

PER_BATCH = 32
LOUDEST = 5.0
"""Most that one text may count against the mean of the lesson: a line everybody ticks is not the whole lesson."""
LEAST_REHEARSAL = 16 * PER_BATCH
"""Poems of the base's own that are read again, however small the lesson."""


def passages(
    lesson: Lesson, verse: Sequence[str], *, most: int, seed: int, least: int = LEAST_REHEARSAL
) -> list[Passage]:
    """The lesson with as much rehearsal as there is lesson and *least* so much, at most *most* texts.

    What does not fit is left to chance, drawn by *seed*: heavier texts stay more often.
    """
    rng = np.random.default_rng(seed)
    taught = _drawn(lesson.texts, max(1, most // 2), rng)
    mean = float(np.mean([text.weight for text in taught])) if taught else 1.0
    read = [_passage(text, min(LOUDEST, text.weight / mean)) for text in taught]
    rehearsed = min(len(verse), max(least, len(read)), max(0, most - len(read)))
    if rehearsed:
        read += [Passage(verse[i]) for i in rng.choice(len(verse), rehearsed, replace=False)]
    return read


def _drawn(texts: Sequence[Text], most: int, rng: np.random.Generator) -> list[Text]:
    """All texts that count, or *most* of them by weight."""
    counting = [text for text in texts if text.weight > 0]
    if len(counting) <= most:
        return counting
    weights = np.array([text.weight for text in counting])
    drawn = rng.choice(len(counting), most, replace=False, p=weights / weights.sum())
    return [counting[i] for i in sorted(drawn)]


def _passage(text: Text, weight: float) -> Passage:
    return Passage(text.text, weight, text.before, ends=text.kind == "poem")
