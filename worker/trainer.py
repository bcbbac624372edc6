"""The trainer: fine-tunes a base on a lesson, and writes the result into a version folder.

It always starts from the base, never from an earlier version: so drift does not add up, and what a reader took back has
no effect. The training set has three parts:

    dreams      poems that the base writes itself, weighed by taste (decision 0047)
    the lesson  ticked lines, each after the lines above it, and submissions
    rehearsal   the base's own verse, on which the network must stay close to the base

The module uses torch and no database.
"""

import json
import math
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from app.domain.lesson import Lesson, Text
from app.domain.poem import LINES
from app.domain.run_log import DreamsCut, Entry, Recited, StepsCut
from app.settings import Settings
from models import checkpoint
from models.corpus import Passage, Poems, read_poems
from models.network import CharNetwork
from models.train import Plan, Progress, Training, Watch, bf16_pays, choose_device
from models.vocabulary import END, Vocabulary
from worker.dreams import Dream, dream, live_base, sensible, taste_of, weigh

LEARNING_RATE = 1e-4
"""Peak learning rate without dreams, a twentieth of a base's: a lesson adjusts the base, it does not retrain it."""
DREAM_LEARNING_RATE = 7e-5
"""Peak learning rate with dreams. At 5e-5 readers do not notice a version, at 1e-4 its lines are less varied than the
gate allows, unless `KL_WEIGHT` is doubled (docs/log.md, 2026-11-30)."""
DROPOUT = 0.1
"""As in the last stage of a base's training. With 0.5 the network forgets what the base learned from readers'
comparisons: 0.5 of 5 points of sense, and a fifth of the ticks (docs/log.md, 2026-11-30)."""
MAX_PASSES = 3
"""Most passes over a lesson without dreams."""
KL_WEIGHT = 0.7
"""Weight of the KL divergence from the base, per nat a symbol."""
PER_BATCH = 32
"""Texts of one training step."""
MAX_TEXT_WEIGHT = 5.0
"""Largest weight of one text, in means of the lesson: a line that everybody ticks must not be the whole lesson."""
BESIDE_DREAMS = 0.5
"""Weight of the lesson's texts where there are dreams. At 1 sibot says too many ticked lines word for word, at 0.25
readers find less sense, within their error (docs/log.md, 2026-11-30)."""
MIN_REHEARSAL = 16 * PER_BATCH
"""Least number of poems for rehearsal, however small the lesson is."""
REHEARSAL_PER_DREAM = 2 / 3
"""Poems for rehearsal for each dream. Without rehearsal, dreams cost 0.045 bits a character on the holdout."""
HELD = 1e-6
"""Weight of rehearsed symbols in the cross-entropy. It is almost 0: only the KL divergence holds the network there.
Cross-entropy would undo what the base was trained on last, and what readers' comparisons taught it."""
EXAMINATION = 0.4
"""Share of a run's time that is reserved for the examination: two minutes of five with fifty held-out readers."""
LESSON_SHARE = 0.5
"""Largest share of the training time for lesson and rehearsal, if there are dreams too."""
PROBE_STEPS = 3
"""Training steps that measure the speed of the machine; the first one is a warm-up and does not count."""
SAVE_EVERY = 30.0
"""Seconds between two saves: the training time that a kill may cost."""
RECITALS = 6
"""Poems that the network writes during a training, for the desk."""
RECITED, RECITED_SYMBOLS, RECITED_AT = 7, 80, 0.5
"""Seed of such a poem, its greatest number of symbols, and its temperature."""
RECITAL_SHARE = 0.03
"""Largest share of the training time so far for these poems; a slow machine writes fewer."""
NICENESS = 10
"""Added to the worker's niceness, because the site on the same machine has priority."""
_thread = threading.local()


def network_of(base: checkpoint.Checkpoint, *, dropout: float = 0.0) -> CharNetwork:
    """The network of a version, in evaluation mode. Raises models.checkpoint.Broken."""
    return CharNetwork.of(base.meta.architecture, base.weights, dropout=dropout)


def seed_of(lesson: Lesson) -> int:
    """The seed of a training, from the hash of its lesson."""
    return int(lesson.hash[:8], 16)


@dataclass(frozen=True, slots=True)
class Schedule:
    """How much of a lesson there is time for. Lesson and schedule determine the training set."""

    lesson: str
    """Hash of the lesson."""
    base: str
    """Release of the base."""
    steps: int
    """Most training steps for lesson and rehearsal."""
    passes: int
    """Passes over the training set."""
    wanted: int
    """Dreams that the settings ask for; 0 without a taste."""
    dreams: tuple[Dream, ...] = ()
    """Dreams that there was time for."""

    def summary(self) -> Mapping[str, int]:
        """The counts, for `meta.json`."""
        return {"steps": self.steps, "passes": self.passes, "dreams": len(self.dreams), "dreams_wanted": self.wanted}


@dataclass(frozen=True, slots=True)
class Kept:
    """The folder in which a training is saved, so that another attempt can go on from there."""

    folder: Path
    advanced: Callable[[], None]
    """Is called after each save."""

    def schedule(self, lesson: Lesson, base: checkpoint.Checkpoint) -> Schedule | None:
        """The schedule of an earlier attempt at the same lesson and base, or None.

        Deletes the saved training of another lesson or base.
        """
        try:
            raw = json.loads((self.folder / "schedule.json").read_text(encoding="utf-8"))
            dreams = tuple(tuple((str(text), float(mean)) for text, mean in lines) for lines in raw["dreams"])
            schedule = Schedule(**raw | {"dreams": dreams})
        except (OSError, ValueError, TypeError, KeyError):
            return None
        if (schedule.lesson, schedule.base) == (lesson.hash, base.meta.base):
            return schedule
        (self.folder / "training.safetensors").unlink(missing_ok=True)
        return None

    def keep(self, schedule: Schedule) -> None:
        """Save the schedule, completely or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self.folder / "schedule.tmp"
        draft.write_text(json.dumps(asdict(schedule), ensure_ascii=False), encoding="utf-8")
        draft.replace(self.folder / "schedule.json")


@dataclass(frozen=True, slots=True)
class Taught:
    """The result of a training."""

    network: CharNetwork
    schedule: Mapping[str, int]
    """Summary of the schedule."""


def train(
    base: checkpoint.Checkpoint,
    lesson: Lesson,
    *,
    settings: Settings,
    watch: Watch,
    check: Callable[[float], None] = lambda _done: None,
    log: Callable[[Entry], None] = lambda _entry: None,
    kept: Kept | None = None,
) -> Taught:
    """Fine-tune the base on *lesson*.

    *watch* is called after every step, *check* with the share of the dreams written (0 to 1); an exception from either
    ends the training. *log* receives entries on what was cut for lack of time, and the poems that the network writes
    during the training. With *kept* the training resumes where an earlier attempt was interrupted. Raises
    models.train.Diverged, ValueError for a lesson without texts or a device that is not there.
    """
    device = choose_device(settings.device)
    lower_priority(settings.train_threads)
    seed = seed_of(lesson)
    verse = read_poems(*sorted((base.folder / "verse").glob("*.txt")))
    taste = taste_of(lesson, base)
    schedule = kept.schedule(lesson, base) if kept else None
    if schedule is None:
        dreaming = taste is not None and settings.dreams > 0
        schedule = make_schedule(base, lesson, verse, settings, dreaming=dreaming, device=device, check=check)
        for cut in cuts(schedule, settings):
            log(cut)
        if kept:
            kept.keep(schedule)
    dreamt = weigh(schedule.dreams, taste) if taste and schedule.dreams else []
    least = round(REHEARSAL_PER_DREAM * len(dreamt)) or MIN_REHEARSAL
    lesson = sensible(lesson, taste, base) if taste else lesson
    weight = BESIDE_DREAMS if dreamt else 1.0
    texts = passages(lesson, verse, most=schedule.steps * PER_BATCH, seed=seed, least=least, weight=weight)
    corpus = Poems([*dreamt, *texts], base.vocabulary, per_batch=PER_BATCH)
    plan = replace(_plan(seed, device), passes=schedule.passes, rate=DREAM_LEARNING_RATE if dreamt else LEARNING_RATE)
    torch.manual_seed(seed)
    training = Training(network_of(base, dropout=DROPOUT), corpus, plan, device=device, base=network_of(base))

    began, spent = time.monotonic(), 0.0

    def watch_and_recite(at: Progress) -> None:
        nonlocal spent
        watch(at)
        due = at.step % max(1, at.of // RECITALS) == 0 and spent <= RECITAL_SHARE * (time.monotonic() - began)
        if due:
            start = time.monotonic()
            log(Recited(at.step, tuple(recite(training.averaged(), base.vocabulary, seed=RECITED))))
            spent += time.monotonic() - start

    if kept:  # the save at the end: a kill during the examination does not cost the training
        training.run_saving(kept.folder, watch_and_recite, every=SAVE_EVERY, saved=kept.advanced)
    else:
        training.run(watch_and_recite)
    return Taught(training.network.cpu(), schedule.summary())


def recite(network: CharNetwork, vocabulary: Vocabulary, *, seed: int) -> list[str]:
    """A short poem of the network in its present state, for the desk; sampled in torch, with the same *seed* always."""
    dice = torch.Generator().manual_seed(seed)
    allowed = torch.tensor(vocabulary.grammar.allowed)
    state, grammar, said = network.silence(1), 0, [END]
    with torch.no_grad():
        for _ in range(RECITED_SYMBOLS):
            logits, state = network(torch.tensor([said[-1:]]), state)  # (1, 1) -> (1, 1, V)
            scores = (logits[0, 0] / RECITED_AT).masked_fill(~allowed[grammar], -torch.inf)
            if scores.isnan().any():  # it has diverged; the gate will turn it away
                break
            symbol = int(torch.multinomial(torch.softmax(scores, 0), 1, generator=dice))
            if symbol == END and len(said) > 1:
                break
            grammar = int(vocabulary.grammar.follows[grammar, symbol])
            said.append(symbol)
    lines = (line.strip() for line in vocabulary.decode(said[1:]).splitlines())
    return [line for line in lines if line and not line.startswith("#")][:LINES]  # lines with # are titles


def _plan(seed: int, device: str) -> Plan:
    """The hyperparameters that do not depend on the schedule."""
    return Plan(passes=1, rate=LEARNING_RATE, warm_up=0.1, bf16=bf16_pays(device), seed=seed, pull=KL_WEIGHT)


def lower_priority(threads: int) -> None:
    """Lower the priority of this thread, once, and set torch's *threads*, which torch keeps for each thread."""
    if not getattr(_thread, "lowered", False):
        os.nice(NICENESS)
        _thread.lowered = True
    torch.set_num_threads(threads)


# -- Time budget ------------------------------------------------------------------------------------------------------


def make_schedule(
    base: checkpoint.Checkpoint,
    lesson: Lesson,
    verse: Sequence[str],
    settings: Settings,
    *,
    dreaming: bool,
    device: str,
    check: Callable[[float], None],
) -> Schedule:
    """Measure the machine, fit steps, passes and dreams to the setting `run_minutes`, and write the dreams.

    *dreaming*: are there dreams at all? *check*: as in `train`.
    """
    chars_left = time_budget(base, verse, settings, device)
    seed = seed_of(lesson)
    share = LESSON_SHARE if dreaming else 1
    steps = _fit(settings.lesson_steps, lesson, verse, seed=seed, chars=chars_left() * share)
    least = 0 if dreaming else MIN_REHEARSAL
    texts = passages(lesson, verse, most=steps * PER_BATCH, seed=seed, least=least)
    chars, batches = _chars(texts), -(-len(texts) // PER_BATCH)
    passes = 1 if dreaming else max(1, min(MAX_PASSES, steps // max(1, batches)))
    if not dreaming and chars:
        passes = max(1, int(min(passes, chars_left() // chars)))
    schedule = Schedule(lesson.hash, base.meta.base, steps, passes, wanted=settings.dreams if dreaming else 0)
    if not dreaming:
        return schedule
    # The lesson's rehearsal serves the dreams, too: further poems are read only if it is too little for them.
    rehearsed, usual = sum(text.weight == HELD for text in texts), sum(map(len, verse)) / max(1, len(verse))
    dreams: list[Dream] = []
    to_train = float(chars)
    with closing(dream(live_base(base, settings), settings.dreams, seed=seed)) as written:
        for poem in written:
            dreams.append(poem)
            check(len(dreams) / settings.dreams)
            to_train += sum(len(line) + 1 for line, _ in poem)
            if to_train + usual * max(0.0, REHEARSAL_PER_DREAM * len(dreams) - rehearsed) >= chars_left():
                break
    return replace(schedule, dreams=tuple(dreams))


def cuts(schedule: Schedule, settings: Settings) -> Iterator[Entry]:
    """Entries for the run's log: what was left out for lack of time."""
    if schedule.steps < settings.lesson_steps:
        yield StepsCut(settings.run_minutes, schedule.steps, settings.lesson_steps)
    if len(schedule.dreams) < schedule.wanted:
        yield DreamsCut(settings.run_minutes, len(schedule.dreams), schedule.wanted)


def time_budget(
    base: checkpoint.Checkpoint, verse: Sequence[str], settings: Settings, device: str
) -> Callable[[], float]:
    """How many characters there is still time for, whenever it is asked.

    Without limit if the setting `run_minutes` is 0, or if there is no verse to measure the machine's speed with.
    """
    if not settings.run_minutes or not verse:
        return lambda: math.inf
    end = time.monotonic() + 60 * settings.run_minutes * (1 - EXAMINATION)
    speed = chars_per_second(base, verse, device)
    return lambda: max(0.0, end - time.monotonic()) * speed


def chars_per_second(base: checkpoint.Checkpoint, verse: Sequence[str], device: str) -> float:
    """The training speed of this machine now, in characters a second, measured in a few steps on a copy."""
    probe = Poems(list(verse[: PROBE_STEPS * PER_BATCH]), base.vocabulary, per_batch=PER_BATCH)
    network = network_of(base, dropout=DROPOUT)
    training = Training(network, probe, _plan(0, device), device=device, base=network_of(base))
    began = time.monotonic()
    read: list[tuple[float, float]] = []
    training.run(lambda at: read.append((time.monotonic() - began, at.chars_per_s)))
    (warm, rate), (seconds, mean) = read[0], read[-1]
    if len(read) == 1:
        return rate
    return (mean * seconds - rate * warm) / max(1e-9, seconds - warm)


def _fit(steps: int, lesson: Lesson, verse: Sequence[str], *, seed: int, chars: float) -> int:
    """*steps*, or fewer if only *chars* characters can be trained on; at least one."""
    wanted = passages(lesson, verse, most=steps * PER_BATCH, seed=seed)
    mean = _chars(wanted) / max(1, len(wanted))
    return steps if math.isinf(chars) or not mean else max(1, min(steps, int(chars / mean / PER_BATCH)))


def _chars(texts: Sequence[Passage]) -> int:
    """Characters that the network reads in one pass over *texts*, with line ends."""
    return sum(len(one.text) + len(one.before) + 1 for one in texts)


# -- Lesson and rehearsal ---------------------------------------------------------------------------------------------


def passages(
    lesson: Lesson, verse: Sequence[str], *, most: int, seed: int, least: int = MIN_REHEARSAL, weight: float = 1.0
) -> list[Passage]:
    """The texts of the lesson, and as many poems for rehearsal, but at least *least*; at most *most* texts in all.

    *weight*: mean weight of the lesson's texts, before `MAX_TEXT_WEIGHT` caps them.

    The network reads the lines above a ticked line, but learns only the line, and no end of the poem after it. If there
    are too many texts, some are drawn by *seed*, with probabilities by weight.
    """
    rng = np.random.default_rng(seed)
    taught = _drawn(lesson.texts, max(1, most // 2), rng)
    mean = float(np.mean([text.weight for text in taught])) if taught else 1.0
    read = [
        Passage(text.text, weight * min(MAX_TEXT_WEIGHT, text.weight / mean), text.before, ends=text.kind == "poem")
        for text in taught
    ]
    rehearsed = min(len(verse), max(least, len(read)), max(0, most - len(read)))
    if rehearsed:
        read += [Passage(verse[i], HELD) for i in rng.choice(len(verse), rehearsed, replace=False)]
    return read


def _drawn(texts: Sequence[Text], most: int, rng: np.random.Generator) -> list[Text]:
    """The texts with a positive weight; if there are more than *most*, a random sample by weight."""
    counting = [text for text in texts if text.weight > 0]
    if len(counting) <= most:
        return counting
    weights = np.array([text.weight for text in counting])
    drawn = rng.choice(len(counting), most, replace=False, p=weights / weights.sum())
    return [counting[i] for i in sorted(drawn)]


# -- Version folder ---------------------------------------------------------------------------------------------------


def save(
    folder: Path, taught: Taught, base: checkpoint.Checkpoint, lesson: Lesson, *, now: Callable[[], datetime]
) -> checkpoint.Checkpoint:
    """Write the network into a version folder and open it. Raises FileExistsError, OSError, ValueError, Broken."""
    meta = replace(
        base.meta,
        lesson=dict(lesson.summary()) | {"schedule": dict(taught.schedule)},
        metrics={},
        seed=seed_of(lesson),
        created=now().astimezone(UTC).isoformat(timespec="seconds"),
        revision=revision(),
        files={},
        fingerprint={},
    )
    checkpoint.write(folder, meta, base.vocabulary, taught.network.arrays(), reward=base.reward, said=base.said)
    return checkpoint.read(folder)


def revision() -> str:
    """Git revision of the code; "" outside a git checkout."""
    root = Path(__file__).parents[1]
    try:
        answer = subprocess.run(  # noqa: S603 - no argument comes from outside
            ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"],  # noqa: S607 - whichever git there is
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:  # no git here
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""
