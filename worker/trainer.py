"""The trainer: teaches a base voice a lesson, and writes the result into a version folder.

The torch side of a run. It starts from the base, never from an earlier version, so that drift does not add up and
what a reader took back is gone. Three parts make the training data:

    dreams      poems the base writes by itself, weighed by what readers like (decision 0022)
    the lesson  ticked lines, each in its place, and submissions
    rehearsal   the base's own verse, read again

Knows no database.
"""

import os
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from app.actions import tastes
from app.domain.lesson import Lesson, Text
from app.domain.poem import LINES, Wish
from app.engine.batcher import Batcher
from app.engine.choose import within_band
from app.engine.live import LiveVersion, load
from app.settings import Settings
from app.store.voices import Serving
from models import checkpoint
from models.corpus import Legible, Passage, Poems, Weighed, read_poems
from models.network import CharNetwork
from models.sample import key
from models.taste import Taste, Tasteless
from models.train import Plan, Training, Watch, bf16_pays, choose_device

LEARNING_RATE = 3e-4
"""A seventh of what a base is trained with: a lesson adjusts the base, it does not retrain it."""
DREAM_LEARNING_RATE = 2e-4
"""Of a lesson with dreams: at 3e-4, lines that taste chooses from what the voice then writes lose 0.13 of variety."""
DROPOUT = 0.5
"""As the base was taught: with less, a short lesson overwrites what it knows (docs/log.md, 2026-11-24)."""
MAX_PASSES = 3
KL_WEIGHT = 0.7
"""Loss for each nat a symbol by which the network moves away from the base."""
PER_BATCH = 32
MAX_TEXT_WEIGHT = 5.0
"""Of one text, against the mean of the lesson: a line that everybody ticks is not the whole lesson."""
MIN_REHEARSAL = 16 * PER_BATCH
"""Poems of the base's own that are read again, however small the lesson."""
REHEARSAL_PER_DREAM = 2 / 3
"""Poems of its own verse that a base reads again, for each it dreams: dreams alone cost it 0.045 bits a character."""
DREAM_VOICE = "dream"
DREAM_TEMPERATURE = 0.5
"""Log-odds that make a line e times as heavy."""
MAX_DREAM_WEIGHT = 4.0
"""Of one dreamt line: one that is liked beyond measure is not the whole lesson."""
NICENESS = 10
"""The worker shares its machine with the site; pages go first."""

Dream = tuple[str, ...]
"""The lines of one poem that the base wrote."""
_thread = threading.local()


def network_of(base: checkpoint.Checkpoint, *, dropout: float = 0.0) -> CharNetwork:
    """The network of a version folder, ready to be measured or taught further."""
    return CharNetwork.of(base.meta.architecture, base.weights, dropout=dropout)


def seed_of(lesson: Lesson) -> int:
    """The same lesson has the same seed."""
    return int(lesson.hash[:8], 16)


def train(
    base: checkpoint.Checkpoint,
    lesson: Lesson,
    *,
    settings: Settings,
    watch: Watch,
    check: Callable[[float], None] = lambda _done: None,
) -> CharNetwork:
    """The base's network after the lesson; *watch* is called after every step, *check* while the dreams are written.

    What either raises ends the training. Raises models.train.Diverged, ValueError for a lesson without texts or a
    device that isn't there.
    """
    device = choose_device(settings.device)
    lower_priority(settings.train_threads)
    seed = seed_of(lesson)
    torch.manual_seed(seed)
    verse = read_poems(*sorted((base.folder / "verse").glob("*.txt")))
    dreamt = dreams_of(base, lesson, settings, seed=seed, check=check)
    most, least = settings.lesson_steps * PER_BATCH, round(REHEARSAL_PER_DREAM * len(dreamt)) or MIN_REHEARSAL
    texts: list[Legible] = [*dreamt, *passages(lesson, verse, most=most, seed=seed, least=least)]
    corpus = Poems(texts, base.vocabulary, per_batch=PER_BATCH)
    plan = Plan(
        passes=1 if dreamt else max(1, min(MAX_PASSES, settings.lesson_steps // len(corpus))),
        rate=DREAM_LEARNING_RATE if dreamt else LEARNING_RATE,
        warm_up=0.1,
        bf16=bf16_pays(device),
        seed=seed,
        pull=KL_WEIGHT,
    )
    network = network_of(base, dropout=DROPOUT)
    return Training(network, corpus, plan, device=device, base=network_of(base)).run(watch).cpu()


def is_finite(network: CharNetwork) -> bool:
    """Are all its weights numbers?"""
    return all(bool(torch.isfinite(weights).all()) for weights in network.parameters())


def lower_priority(threads: int) -> None:
    """Lower this thread's priority, once, and have torch use so many *threads* here (torch keeps that by thread)."""
    if not getattr(_thread, "lowered", False):
        os.nice(NICENESS)
        _thread.lowered = True
    torch.set_num_threads(threads)


# -- Lesson and rehearsal ---------------------------------------------------------------------------------------------


def passages(
    lesson: Lesson, verse: Sequence[str], *, most: int, seed: int, least: int = MIN_REHEARSAL
) -> list[Passage]:
    """The lesson with as much rehearsal as there is lesson and *least* so much, at most *most* texts.

    A ticked line is taught where it stood: the network reads the lines above it without being taught them, and learns
    no end of the poem after it. Of texts that do not fit some are drawn by *seed*: heavier ones stay more often.
    """
    rng = np.random.default_rng(seed)
    taught = _drawn(lesson.texts, max(1, most // 2), rng)
    mean = float(np.mean([text.weight for text in taught])) if taught else 1.0
    read = [_passage(text, min(MAX_TEXT_WEIGHT, text.weight / mean)) for text in taught]
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


# -- Dreams -----------------------------------------------------------------------------------------------------------
#
# Expert iteration. A few thousand ticks become a taste, and the taste can judge any number of lines: the base writes
# thousands, and is taught to say more of what is liked and less of what is not. Each line weighs
# exp(liking / temperature), less the mean: on the whole nothing is learned but the preference, so that the network
# neither memorises its dreams nor sharpens what it would say anyway. With the KL term that is the policy gradient of
# likings under a price for change (KL control, Todorov 2006; Ziegler et al. 2019).


def dreams_of(
    base: checkpoint.Checkpoint, lesson: Lesson, settings: Settings, *, seed: int, check: Callable[[float], None]
) -> list[Weighed]:
    """The base's dreams, weighed by the taste that the lesson's readers show; none where they show none.

    The taste is learned here, from nothing, so that a run depends on its lesson alone.
    """
    if not settings.dreams:
        return []
    try:
        taste = tastes.of(lesson.judged)
    except Tasteless:
        return []
    if not taste.report.knows:
        return []
    serving = Serving(DREAM_VOICE, 0, 0, "base", base.meta.base)
    rows, threads = settings.slots, settings.train_threads
    live = load(serving, base.folder, precision=settings.precision, rows=rows, threads=threads)
    return weigh(dream(live, settings.dreams, seed=seed, check=check), taste, temperature=DREAM_TEMPERATURE)


def dream(live: LiveVersion, poems: int, *, seed: int, check: Callable[[float], None]) -> list[Dream]:
    """So many poems, as the site would write them; *check* gets the share done (0 to 1), and what it raises ends it."""
    rows = live.step.rows
    batcher = Batcher(lambda _voice: live, rows=rows, queue=2 * rows, candidates=1, choose=within_band)
    wishes = (Wish(lines=LINES, seed=key(seed, number) >> 33) for number in range(poems))
    dreams: list[Dream] = []
    try:
        for writing in batcher.write_all(DREAM_VOICE, wishes, at_once=2 * rows):
            dreams.append(tuple(line.text for line in writing.lines))
            check(len(dreams) / poems)
    finally:
        batcher.close()
    return dreams


def weigh(dreams: Sequence[Dream], taste: Taste, *, temperature: float) -> list[Weighed]:
    """The dreams with a weight for each line: positive where it is liked more than the mean, negative where less."""
    likings = np.array(taste.likings([line for lines in dreams for line in lines]))
    weights = np.exp((likings - likings.max()) / temperature)
    weights = np.minimum(weights / weights.mean(), MAX_DREAM_WEIGHT)
    weights -= weights.mean()
    parts = np.split(weights, np.cumsum([len(lines) for lines in dreams])[:-1])
    return [Weighed(lines, tuple(part.tolist())) for lines, part in zip(dreams, parts, strict=True)]


# -- Version folder ---------------------------------------------------------------------------------------------------


def save(
    folder: Path, network: CharNetwork, base: checkpoint.Checkpoint, lesson: Lesson, *, now: Callable[[], datetime]
) -> checkpoint.Checkpoint:
    """The taught network as a version folder, read back. Raises FileExistsError, OSError, ValueError, Broken."""
    meta = replace(
        base.meta,
        lesson=dict(lesson.summary()),
        metrics={},
        seed=seed_of(lesson),
        created=now().astimezone(UTC).isoformat(timespec="seconds"),
        revision=revision(),
        files={},
        fingerprint={},
    )
    checkpoint.write(folder, meta, base.vocabulary, network.arrays(), reranker=base.reranker)
    return checkpoint.read(folder)


def revision() -> str:
    """The code's revision; "" outside a git checkout."""
    root = Path(__file__).parents[1]
    try:
        answer = subprocess.run(  # noqa: S603 - no word of it comes from outside
            ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"],  # noqa: S607 - whichever git there is
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:  # no git here
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""
