"""What a version makes of its readers' choices: of lines held out from it, and of those it was taught.

Measures; whether that is enough is the gate's business.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from statistics import fmean

from app.domain.heldout import ReadLine
from app.domain.lesson import Lesson
from models.corpus import Passage
from models.likelihood import nats_of, unwatched
from models.network import CharNetwork
from models.vocabulary import Vocabulary

MOST_TEXTS = 20_000
"""Texts of a lesson whose gain is told; of more, the first."""


def liking(network: CharNetwork, vocabulary: Vocabulary, read: Sequence[ReadLine]) -> float:
    """Bits a character by which ticked lines surprise less than those passed over, mean over readers; NaN of none.

    A difference within each reader, so that it does not matter which version wrote what he read.
    """
    nats = nats_of(network, vocabulary, [Passage(line.text, before=line.before, ends=False) for line in read])
    surprise: dict[str, dict[bool, list[float]]] = defaultdict(lambda: {True: [], False: []})
    for line, cost in zip(read, nats, strict=True):
        surprise[line.visitor][line.ticked].append(cost / (len(line.text) + 1) / math.log(2))
    return fmean(fmean(by[False]) - fmean(by[True]) for by in surprise.values()) if surprise else math.nan


def gains(
    base: CharNetwork,
    version: CharNetwork,
    vocabulary: Vocabulary,
    lesson: Lesson,
    *,
    watch: Callable[[float], None] = unwatched,
) -> dict[tuple[str, int], float]:
    """By kind and source: nats a line by which *version* finds what it was taught likelier than *base* does."""
    texts = [text for text in lesson.texts[:MOST_TEXTS] if text.weight > 0]
    passages = [Passage(text.text, ends=text.kind == "poem") for text in texts]
    before = nats_of(base, vocabulary, passages, watch=lambda done: watch(done / 2))
    after = nats_of(version, vocabulary, passages, watch=lambda done: watch(0.5 + done / 2))
    found: dict[tuple[str, int], float] = {}
    for text, was, now in zip(texts, before, after, strict=True):
        gain = (was - now) / (text.text.count("\n") + 1)
        found |= {(text.kind, source): gain for source in text.sources if math.isfinite(gain)}
    return found
