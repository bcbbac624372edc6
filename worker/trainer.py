"""The school: teaches a base voice a lesson, and writes what comes of it into a folder.

The torch side of a run. Always from the base, never from an earlier version, so that
drift does not add up and what a reader took back is gone. Knows no database.
"""

import os
import subprocess
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import torch

from app.domain.lesson import Lesson
from app.settings import Settings
from models import checkpoint
from models.corpus import Legible, Poems, read_poems
from models.device import bf16_pays, choose
from models.network import CharNetwork
from models.train import Plan, Training, Watch
from worker import dreams
from worker.lesson import LEAST_REHEARSAL, PER_BATCH, passages

RATE = 3e-4
"""A seventh of what a base is trained with: the lesson is a touch, not a new upbringing."""
DREAM_RATE = 2e-4
"""Of a lesson with dreams: at 3e-4, lines that taste chooses from what the voice then writes lose 0.13 of variety."""
DROPOUT = 0.5
"""As the base was taught: with less, a short lesson overwrites what it knows (docs/log.md, 2026-11-24)."""
MOST_PASSES = 3
PULL = 0.7
"""What a nat a symbol away from the base costs."""
REHEARSED = 2 / 3
"""Poems of its own verse that a base reads again, for each it dreams: dreams alone cost it 0.045 bits a character."""
NICE = 10
"""The worker shares its machine with the site; pages go first."""

_polite = threading.local()


def network_of(base: checkpoint.Checkpoint, *, dropout: float = 0.0) -> CharNetwork:
    """The network of a version folder, ready to be measured or taught further."""
    return CharNetwork.of(base.meta.architecture, base.weights, dropout=dropout)


def seed_of(lesson: Lesson) -> int:
    """The same lesson is taught with the same dice."""
    return int(lesson.hash[:8], 16)


def teach(
    base: checkpoint.Checkpoint,
    lesson: Lesson,
    *,
    settings: Settings,
    watch: Watch,
    check: Callable[[float], None] = lambda _done: None,
) -> CharNetwork:
    """The base's network after the lesson; *watch* hears of every step, *check* how much is dreamt before.

    What either raises ends the training. Raises models.train.Diverged, ValueError for a lesson without texts or a
    device that isn't there.
    """
    device = choose(settings.device)
    give_way(settings.train_threads)
    seed = seed_of(lesson)
    torch.manual_seed(seed)
    verse = read_poems(*sorted((base.folder / "verse").glob("*.txt")))
    dreamt = dreams.of_lesson(base, lesson, settings, seed=seed, check=check)
    most, least = settings.lesson_steps * PER_BATCH, round(REHEARSED * len(dreamt)) or LEAST_REHEARSAL
    texts: list[Legible] = [*dreamt, *passages(lesson, verse, most=most, seed=seed, least=least)]
    corpus = Poems(texts, base.vocabulary, per_batch=PER_BATCH)
    plan = Plan(
        passes=1 if dreamt else max(1, min(MOST_PASSES, settings.lesson_steps // len(corpus))),
        rate=DREAM_RATE if dreamt else RATE,
        warm_up=0.1,
        bf16=bf16_pays(device),
        seed=seed,
        pull=PULL,
    )
    network = network_of(base, dropout=DROPOUT)
    return Training(network, corpus, plan, device=device, base=network_of(base)).run(watch).cpu()


def is_finite(network: CharNetwork) -> bool:
    """Are all its weights numbers?"""
    return all(bool(torch.isfinite(weights).all()) for weights in network.parameters())


def give_way(threads: int) -> None:
    """Have this thread yield to the site's, once, and compute on so many *threads* (torch keeps that by thread)."""
    if not getattr(_polite, "is_so", False):
        os.nice(NICE)
        _polite.is_so = True
    torch.set_num_threads(threads)


def write_down(
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
        told = subprocess.run(  # noqa: S603 - no word of it comes from outside
            ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"],  # noqa: S607 - whichever git there is
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:  # no git here
        return ""
    return told.stdout.strip() if told.returncode == 0 else ""
