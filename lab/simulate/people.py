"""People: what an audience is, whoever wrote it, how one is read from a file; and one that reads.

`Readers` are visitors who tick what readers ticked, as far as a model of their readings tells it. How likely a line is
where it stands is said by a judge: a base voice that is never served, trained apart, and at least as large as the one
that is. The model (`readers.json`, of `poembot lab taste --model`) knows how much that counts, and which letters and
lengths readers like. A line with a word that is none is never ticked.
"""

import importlib.util
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, cast

import numpy as np

from lab.readings import scale
from lab.simulate import audience as ours
from models import seen
from models.checkpoint import Checkpoint
from models.corpus import read_poems
from models.evaluate import nats_of_lines
from models.network import CharNetwork
from models.sparse import sigmoid
from models.taste import Taste

NAMES = ("audience", "expect", "TRIGGER")


class Visitor(Protocol):
    """Somebody who comes by and reads a poem."""

    @property
    def id(self) -> str:
        """His cookie."""

    @property
    def address(self) -> str:
        """Where he comes from."""

    @property
    def honest(self) -> bool:
        """Does he tick what he likes?"""

    @property
    def attentive(self) -> bool:
        """Does he read before he ticks?"""

    def read(self, lines: list[str]) -> list[bool]:
        """Which of these lines he ticks."""

    def teach(self) -> str | None:
        """A poem he submits, or None."""


class Audience(Protocol):
    """An endless stream of visitors with tastes that nothing which learns may look at."""

    @property
    def TRIGGER(self) -> str | None:  # noqa: N802 - the contract's name
        """What its attackers want every reader to see."""

    def audience(self, voice: str, rng: random.Random) -> Iterator[Visitor]:
        """Visitors without end."""

    def expect(self, lines: list[str]) -> Sequence[float]:
        """The mean chance that an honest, attentive visitor ticks each line: for ceilings alone."""


def load(file: Path | None) -> Audience:
    """The audience in that Python *file*; ours without one. ValueError for a file that is no audience."""
    if file is None:
        return cast("Audience", ours)
    spec = importlib.util.spec_from_file_location("poembot_audience", file)
    if spec is None or spec.loader is None:
        raise ValueError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    missing = [name for name in NAMES if not hasattr(module, name)]
    if missing:
        raise ValueError(f"{file} is no audience: it defines no {', '.join(missing)}")
    return cast("Audience", module)


MODEL = Path(__file__).with_name("readers.json")
NONSENSE = -3.0
"""Spreads below the mean of people's verse at which a line makes no sense to the judge."""
READINESS = 0.3
"""Log-odds, standard deviation, by which one visitor ticks more than another."""


class Readers:
    """Visitors without end who read sense first; no attackers."""

    TRIGGER: str | None = None

    def __init__(self, judge: Checkpoint, base: Checkpoint, model: Path = MODEL) -> None:
        """*base*: the voice that is simulated; its holdout sets the judge's scale, its verse says what is a word.

        ValueError for a judge that is smaller than the base, or the base itself.
        """
        smaller = judge.meta.architecture["size"] < base.meta.architecture["size"]
        if smaller or judge.meta.base == base.meta.base:
            raise ValueError("the judge is a base of its own, at least as wide as the voice it judges")
        self._taste = Taste.from_dict(json.loads(model.read_text(encoding="utf-8")))
        self._judge, self._network = judge, CharNetwork.of(judge.meta.architecture, judge.weights)
        self._mean, self._spread = scale(judge, read_poems(*sorted(base.folder.glob("holdout*.txt"))))
        self._built = seen.known_parts(read_poems(*sorted((base.folder / "verse").glob("*.txt"))))

    def audience(self, voice: str, rng: random.Random) -> Iterator[Visitor]:
        """Visitors without end, each with his own address."""
        n = 0
        while True:
            n += 1
            yield _Reader(f"r{n}", f"198.18.{n // 250 % 250}.{n % 250}", self, rng)

    def expect(self, lines: Sequence[str]) -> list[float]:
        """The mean chance that a visitor ticks each line, read by itself."""
        return [self.chances([line])[0] for line in lines]

    def chances(self, lines: Sequence[str], readiness: float = 0.0) -> list[float]:
        """The chance that a visitor of that *readiness* ticks each line of a poem."""
        (costs,) = nats_of_lines(self._network, self._judge.vocabulary, [lines])
        symbols = [len(self._judge.vocabulary.encode(line)) + 1 for line in lines]
        sense = [(-cost / count - self._mean) / self._spread for cost, count in zip(costs, symbols, strict=True)]
        likings = self._taste.likings(lines, sense)
        chances = sigmoid(np.array(likings) + readiness).tolist()
        return [
            0.0 if self.is_nonsense(line, each) else chance
            for line, each, chance in zip(lines, sense, chances, strict=True)
        ]

    def is_nonsense(self, line: str, sense: float) -> bool:
        """Has it a word that is none, or does the judge make nothing of it?"""
        return sense < NONSENSE or any(seen.is_strange(word, self._built) for word in seen.words(line))


class _Reader:
    """One of them."""

    honest = attentive = True

    def __init__(self, id: str, address: str, readers: Readers, rng: random.Random) -> None:
        self.id, self.address, self._readers, self._rng = id, address, readers, rng
        self._readiness = rng.gauss(0, READINESS)

    def read(self, lines: list[str]) -> list[bool]:
        """Which of these lines this visitor ticks."""
        return [self._rng.random() < chance for chance in self._readers.chances(lines, self._readiness)]

    def teach(self) -> str | None:
        """Nobody of them teaches a poem."""
        return None
