"""Dreams: what the base writes by itself, weighed by what readers like (expert iteration).

A few thousand ticks become a taste, and the taste can judge any number of lines: the base dreams thousands, and is
taught to say more of what is liked and less of what is not. Each line weighs exp(liking / temperature), less the mean:
on the whole nothing is learned but the preference, so that the network neither memorises its dreams nor sharpens what
it would say anyway. With a pull towards the base that is the policy gradient of likings under a price for change (KL
control, Todorov 2006; Ziegler et al. 2019).
"""

from collections.abc import Callable, Sequence

import numpy as np

from app.domain.lesson import Lesson
from app.domain.poem import LINES, Wish
from app.engine.batcher import Batcher
from app.engine.choose import within_band
from app.engine.live import LiveVersion, load
from app.engine.whole import write_all
from app.settings import Settings
from app.store.voices import Serving
from models.checkpoint import Checkpoint
from models.corpus import Weighed
from models.sample import key
from models.taste import Taste, Tasteless
from worker import tasting

Dream = tuple[str, ...]
"""The lines of one poem of the base's."""
VOICE = "dream"
TEMPERATURE = 0.5
"""Log-odds that make a line e times as dear."""
MOST = 4.0
"""Most that a line weighs: one that is liked beyond measure is not the whole lesson."""


def of_lesson(
    base: Checkpoint, lesson: Lesson, settings: Settings, *, seed: int, check: Callable[[float], None]
) -> list[Weighed]:
    """The base's dreams, weighed by the taste that the lesson's readers show; none where they show none.

    The taste is learned here, from nothing, so that a run depends on its lesson alone.
    """
    if not settings.dreams:
        return []
    try:
        taste = tasting.learn(lesson.judged)
    except Tasteless:
        return []
    if not taste.report.knows:
        return []
    serving = Serving(VOICE, 0, 0, "base", base.meta.base)
    rows, threads = settings.slots, settings.train_threads
    live = load(serving, base.folder, precision=settings.precision, rows=rows, threads=threads)
    return weigh(dream(live, settings.dreams, seed=seed, check=check), taste, temperature=TEMPERATURE)


def dream(live: LiveVersion, poems: int, *, seed: int, check: Callable[[float], None]) -> list[Dream]:
    """So many poems, as the site would write them; *check* hears how far it is (0 to 1), and what it raises ends it."""
    rows = live.step.rows
    batcher = Batcher(lambda _voice: live, rows=rows, queue=2 * rows, candidates=1, choose=within_band)
    wishes = (Wish(lines=LINES, seed=key(seed, number) >> 33) for number in range(poems))
    dreams: list[Dream] = []
    try:
        for writing in write_all(batcher, VOICE, wishes, at_once=2 * rows):
            dreams.append(tuple(line.text for line in writing.lines))
            check(len(dreams) / poems)
    finally:
        batcher.close()
    return dreams


def weigh(dreams: Sequence[Dream], taste: Taste, *, temperature: float) -> list[Weighed]:
    """The dreams to be learned from: lines liked more than the mean weigh more than nothing, others less."""
    likings = np.array(taste.likings([line for lines in dreams for line in lines]))
    worth = np.exp((likings - likings.max()) / temperature)
    worth = np.minimum(worth / worth.mean(), MOST)
    worth -= worth.mean()
    parts = np.split(worth, np.cumsum([len(lines) for lines in dreams])[:-1])
    return [Weighed(lines, tuple(part.tolist())) for lines, part in zip(dreams, parts, strict=True)]
