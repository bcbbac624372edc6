"""Training on from a base: an owner's poems beside rehearsal of the base's own verse, near the base.

Plain fine-tuning undoes what readers' comparisons taught a base (docs/log.md, 2026-11-30). So a third of each pass is
the base's verse, whose symbols only pull the network to the base (KL divergence); on the owner's poems it is pulled,
too. It stops when a part of the owner's text that was kept aside is predicted no better any more.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import copytree, ignore_patterns
from tempfile import TemporaryDirectory

import numpy as np

from models import checkpoint, seen
from models.checkpoint import Checkpoint, Meta
from models.corpus import Batch, Passage, Poems, read_poems
from models.evaluate import surprise_of_poems
from models.network import CharNetwork
from models.train import Plan, Progress, Training, bf16_pays, run_until_enough
from models.vocabulary import Vocabulary

RATE = 1e-3
"""Peak learning rate: a quarter of a base's own."""
PULL = 0.5
"""Weight of the KL divergence from the base. Less than a run's 0.7: an owner wants to hear his text."""
DROPOUT = 0.3
"""More than a run's 0.1, because the same few poems are read many times."""
HELD = 1e-6
"""Weight of rehearsed symbols in the cross-entropy: almost 0, as in a run (`worker/trainer.py`)."""
PER_BATCH = 16
"""Small, because a page of poems would be one batch otherwise."""
REHEARSED = 0.5
"""Pieces of the base's verse for each of the owner's."""
ASIDE = 10
"""One piece in so many is kept aside."""
MEASURED = 4000
"""Characters kept aside that early stopping reads, each time."""
PASSES = 60
"""Most passes over the owner's text."""
OWN_VERSE, OWN_HOLDOUT = "verse/own.txt", "holdout-own.txt"
"""The owner's text in the folder of the base that was made of it."""
NOT_COPIED = (checkpoint.META, checkpoint.VOCABULARY, checkpoint.WEIGHTS, checkpoint.STEP, checkpoint.CARD)


def minutes_for(chars: int) -> float:
    """Time to train on so many characters: 2 to 7.5 minutes."""
    return min(7.5, 2 + chars / 18_000)


def set_aside(pieces: Sequence[str]) -> tuple[list[str], list[str]]:
    """The pieces to learn, and every tenth one, which is kept aside; of less than ten the last one."""
    if len(pieces) < ASIDE:
        return list(pieces[:-1]), list(pieces[-1:])
    return [one for i, one in enumerate(pieces) if i % ASIDE != ASIDE // 2], list(pieces[ASIDE // 2 :: ASIDE])


class Beside:
    """A `Corpus`: an owner's poems, and in each pass other ones of the base's verse."""

    def __init__(self, own: Sequence[str], verse: Sequence[str], vocabulary: Vocabulary) -> None:
        """Raises ValueError for no poems."""
        if not own:
            raise ValueError("no poems to learn from")
        self._own, self._verse, self._vocabulary = [Passage(one) for one in own], verse, vocabulary

    def batches(self, rng: np.random.Generator) -> Iterator[Batch]:
        """The batches of one pass."""
        some = rng.permutation(len(self._verse))[: self._rehearsed()]
        texts = [*self._own, *(Passage(self._verse[i], HELD) for i in some)]
        yield from Poems(texts, self._vocabulary, per_batch=PER_BATCH).batches(rng)

    def __len__(self) -> int:
        """Number of batches in a pass."""
        return -(-(len(self._own) + self._rehearsed()) // PER_BATCH)

    def _rehearsed(self) -> int:
        return min(len(self._verse), math.ceil(REHEARSED * len(self._own)))


@dataclass(frozen=True, slots=True)
class Learned:
    """The result of a training."""

    network: CharNetwork
    bits_before: float
    """The base's bits a character on the part that was kept aside."""
    bits_after: float
    minutes: float


def learn(
    base: Checkpoint,
    own: Sequence[str],
    aside: Sequence[str],
    *,
    minutes: float,
    device: str,
    watch: Callable[[Progress, Callable[[], CharNetwork]], None],
) -> Learned:
    """Train the base on an owner's poems, for at most *minutes*.

    *watch* is called after every step, with a function for the network of now. Raises models.train.Diverged.
    """
    began = time.monotonic()

    def fresh(dropout: float = 0.0) -> CharNetwork:
        return CharNetwork.of(base.meta.architecture, base.weights, dropout=dropout)

    verse = read_poems(*sorted((base.folder / "verse").glob("*.txt")))
    corpus = Beside(own, verse, base.vocabulary)
    share = max(1, -(-sum(map(len, aside)) // MEASURED))
    measured = aside[::share]
    plan = Plan(minutes=minutes, rate=RATE, warm_up=0.05, pull=PULL, bf16=bf16_pays(device), average=0.99)
    steps = PASSES * len(corpus)
    training = Training(fresh(DROPOUT), corpus, plan, device=device, base=fresh())
    before = surprise_of_poems(fresh(), base.vocabulary, aside).bits_per_char

    def surprised(network: CharNetwork) -> float:
        return surprise_of_poems(network, base.vocabulary, measured).nats

    def watched(now: Progress) -> None:
        watch(replace(now, of=min(now.of, steps)), training.averaged)

    network = run_until_enough(training, surprised, watched).cpu()
    after = surprise_of_poems(network, base.vocabulary, aside).bits_per_char
    if not math.isfinite(after):
        raise ValueError("the network is not finite")
    return Learned(network, before, after, (time.monotonic() - began) / 60)


def package(
    out: Path, base: Checkpoint, learned: Learned, meta: Meta, *, own: Sequence[str], aside: Sequence[str]
) -> Meta:
    """Write the folder of the voice: the base's style, reward, verse, judge and holdouts, and the owner's text.

    A line that the owner's text has is known as said, so that it is not chosen. Raises FileExistsError, OSError.
    """
    said = seen.said([*own, *aside])
    known = said if base.said is None else np.union1d(base.said, said).astype(np.uint32)
    with TemporaryDirectory(prefix="poembot-") as folder:
        extras = copytree(base.folder, Path(folder) / "base", ignore=ignore_patterns(*NOT_COPIED))
        (extras / OWN_VERSE).parent.mkdir(exist_ok=True)
        (extras / OWN_VERSE).write_text("\n\n".join(own) + "\n", encoding="utf-8")
        (extras / OWN_HOLDOUT).write_text("\n\n".join(aside) + "\n", encoding="utf-8")
        weights = learned.network.arrays()
        return checkpoint.write(out, meta, base.vocabulary, weights, extras=extras, reward=base.reward, said=known)


def copied(lines: Sequence[str], own: Sequence[str]) -> float:
    """Share of *lines* that are a line of the text, letters alike, or share a long run of letters with it; 0 to 1."""
    runs, whole = seen.hashes(own), {seen.letters(line) for poem in own for line in poem.splitlines()}
    same = [seen.letters(line) in whole or seen.shares_a_run(line, runs) for line in lines]
    return sum(same) / max(1, len(same))
