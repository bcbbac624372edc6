"""Dreams: poems that the base writes itself, weighed by what readers like.

Expert iteration. A few thousand ticks are enough to learn a taste, and a taste can score any number of lines. So the
base writes thousands of lines, and is trained to make liked lines more likely and the others less likely. A line's
weight is its probability of a tick, minus the mean over all lines. The weights sum to 0: the network learns the
preference only, and does not memorise its dreams. With the KL term this is the policy gradient of the reward with a
penalty for change (KL control, Todorov 2006; Ziegler et al. 2019).
"""

from collections.abc import Generator, Sequence
from dataclasses import replace

import numpy as np

from app.actions import tastes
from app.domain.lesson import Lesson
from app.domain.poem import LINES, Wish
from app.domain.version import Serving
from app.engine.batcher import Batcher
from app.engine.choose import ONE
from app.engine.live import LiveVersion, load
from app.settings import Settings
from models import checkpoint
from models.corpus import Weighed
from models.sample import key
from models.taste import Taste, Tasteless, chances

DREAM_VOICE = "dream"
"""Name of the voice under which the base writes dreams; no reader sees it."""
MAX_DREAM_WEIGHT = 4.0
"""Largest weight of one dreamt line, in means: one line must not be the whole lesson."""

Dream = tuple[tuple[str, float], ...]
"""The lines of a poem that the base wrote, each with its log-probability in nats a symbol, with the line end."""


def taste_of(lesson: Lesson, base: checkpoint.Checkpoint) -> Taste | None:
    """A taste learned from the lesson's readers, so that the run depends on its lesson alone; None if it predicts
    badly.
    """
    try:
        taste = tastes.of(lesson.judged, base)
    except Tasteless:
        return None
    return taste if taste.report.knows else None


def live_base(base: checkpoint.Checkpoint, settings: Settings) -> LiveVersion:
    """The base as a live version, to write dreams. Raises BrokenFolder."""
    serving = Serving(DREAM_VOICE, 0, 0, "base", base.meta.base)
    return load(serving, base.folder, precision=settings.precision, rows=settings.slots, threads=settings.train_threads)


def dream(live: LiveVersion, poems: int, *, seed: int) -> Generator[Dream]:
    """Write that many *poems* with the site's engine; yields each when it and all before it are finished."""
    rows, encode = live.step.rows, live.vocabulary.encode
    batcher = Batcher(lambda _voice: live, rows=rows, queue=2 * rows, candidates=1, way=ONE)
    wishes = (Wish(lines=LINES, seed=key(seed, number) >> 33) for number in range(poems))
    try:
        for writing in batcher.write_all(DREAM_VOICE, wishes, at_once=2 * rows):
            yield tuple((line.text, line.logprob / (len(encode(line.text)) + 1)) for line in writing.lines)
    finally:
        batcher.close()


def weigh(dreams: Sequence[Dream], taste: Taste) -> list[Weighed]:
    """The dreams with a weight for each line: positive if it is liked more than the mean, negative if less."""
    written = [line for lines in dreams for line in lines]
    weights = chances(taste.likings([text for text, _ in written], [mean for _, mean in written]))
    weights = np.minimum(weights / weights.mean(), MAX_DREAM_WEIGHT)
    weights -= weights.mean()
    parts = np.split(weights, np.cumsum([len(lines) for lines in dreams])[:-1])
    pairs = zip(dreams, parts, strict=True)
    return [Weighed(tuple(text for text, _ in lines), tuple(part.tolist())) for lines, part in pairs]


def sensible(lesson: Lesson, taste: Taste, base: checkpoint.Checkpoint) -> Lesson:
    """The lesson, with the weight of each ticked line multiplied by its relative probability of a tick.

    So a stray tick on a line that readers seldom tick has little weight.
    """
    symbols = base.vocabulary.encode
    means = {one.line: one.logprob / (len(symbols(one.text)) + 1) for one in lesson.judged if one.logprob is not None}
    ticked = [text for text in lesson.texts if text.kind == "line"]
    lines = {text.text: next((means[i] for i in text.sources if i in means), None) for text in ticked}
    shares = dict(zip(lines, chances(taste.likings([*lines], [*lines.values()])).tolist(), strict=True))
    usual = sum(shares[text.text] for text in ticked) / max(1, len(ticked))
    texts = [replace(t, weight=t.weight * shares[t.text] / usual) if t.kind == "line" else t for t in lesson.texts]
    return replace(lesson, texts=tuple(texts))
