"""The corpus: texts as batches of symbols, in one of two reading modes.

`Stream` reads long prose in parallel lanes and carries the state from batch to batch (truncated backpropagation through
time, with state). `Poems` reads whole poems, each from zero state. The module imports numpy, not torch.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from models.vocabulary import END, Vocabulary, normalise

Ids = NDArray[np.int64]
ReadingMode = Literal["poems", "stream"]
BLANK_LINE = re.compile(r"\n[^\S\n]*\n")


@dataclass(frozen=True, slots=True)
class Batch:
    """T symbols of each of N texts."""

    inputs: Ids
    """(N, T)"""
    targets: Ids
    """(N, T): the symbol after each input."""
    weights: NDArray[np.float32]
    """(N, T): the weight of each target in the loss; 0 for padding."""
    fresh: bool
    """Does every text begin with this batch? If so its state is zero, otherwise that after the batch before."""

    @property
    def count(self) -> int:
        """The number of targets with a weight."""
        return int((self.weights != 0).sum())


@dataclass(frozen=True, slots=True)
class Passage:
    """A text to learn, and the context that the network reads before it."""

    text: str
    weight: float = 1.0
    before: str = ""
    """The lines above the text in its poem: the network reads them, but their targets have weight 0."""
    ends: bool = True
    """Does the poem end with the text? If so, END is a target too."""

    def symbols(self, vocabulary: Vocabulary) -> tuple[Ids, NDArray[np.float32]]:
        """The symbols (T + 1,) from END on, and the weight of each as a target (T,)."""
        read = vocabulary.encode(self.before + "\n") if self.before else []
        learned = vocabulary.encode(self.text + "\n") + ([END] if self.ends else [])
        weights = np.full(len(read) + len(learned), self.weight, np.float32)
        weights[: len(read)] = 0
        return np.array([END, *read, *learned], np.int64), weights


@dataclass(frozen=True, slots=True)
class Weighed:
    """A poem with a weight for each line."""

    lines: tuple[str, ...]
    weights: tuple[float, ...]
    """By line; a negative weight makes the line less likely."""

    def symbols(self, vocabulary: Vocabulary) -> tuple[Ids, NDArray[np.float32]]:
        """The symbols (T + 1,) from END on, and the weight of each as a target (T,)."""
        rows = [vocabulary.encode(line + "\n") for line in self.lines]
        weights = np.repeat(np.array(self.weights, np.float32), [len(row) for row in rows])
        return np.array([END, *(symbol for row in rows for symbol in row)], np.int64), weights


class Legible(Protocol):
    """A text whose symbols have weights: a `Passage` or a `Weighed`."""

    def symbols(self, vocabulary: Vocabulary) -> tuple[Ids, NDArray[np.float32]]:
        """The symbols (T + 1,) from END on, and the weight of each as a target (T,)."""


class Corpus(Protocol):
    """A training set: `Stream` or `Poems`."""

    def batches(self, rng: np.random.Generator) -> Iterator[Batch]:
        """The batches of one pass over all texts, in a random order."""

    def __len__(self) -> int:
        """Number of batches in a pass; an estimate, for `Stream`."""


def read_poems(*files: Path) -> list[str]:
    """The poems in *files*, as `poems_in` finds them.

    Raises UnicodeDecodeError for a file that is not UTF-8, FileNotFoundError for a missing one.
    """
    return [poem for file in files for poem in poems_in(file.read_text(encoding="utf-8"))]


def poems_in(text: str, *, titles: bool = True) -> list[str]:
    """The poems in *text*, which blank lines separate; spaces around lines are removed, and double ones within them.

    *titles*: are lines that begin with `#` kept?
    """
    poems = []
    for block in BLANK_LINE.split(normalise(text)):
        lines = [" ".join(line.split()) for line in block.splitlines()]
        kept = [line for line in lines if line and (titles or not line.startswith("#"))]
        if kept:
            poems.append("\n".join(kept))
    return poems


class Stream:
    """Running text, cut into *lanes* that are read in parallel, *steps* symbols a batch, with the state carried on."""

    def __init__(self, texts: Sequence[str], vocabulary: Vocabulary, *, lanes: int, steps: int) -> None:
        """Raises ValueError if there are less than two symbols for each lane."""
        self._texts = [np.array([END, *vocabulary.encode(text)], np.int64) for text in texts]
        self._lanes, self._steps = lanes, steps
        if sum(map(len, self._texts)) < lanes * 2:
            raise ValueError(f"too little text for {lanes} lanes")

    def batches(self, rng: np.random.Generator) -> Iterator[Batch]:
        """One pass over the texts, in a random order and from a random symbol on."""
        order = rng.permutation(len(self._texts))
        ids = np.concatenate([self._texts[i] for i in order])
        ids = np.roll(ids, -int(rng.integers(len(ids))))
        width = (len(ids) - 1) // self._lanes
        inputs = ids[: width * self._lanes].reshape(self._lanes, width)
        targets = ids[1 : width * self._lanes + 1].reshape(self._lanes, width)
        for start in range(0, width, self._steps):
            span = slice(start, start + self._steps)
            weights = np.ones_like(targets[:, span], np.float32)
            yield Batch(inputs[:, span], targets[:, span], weights, fresh=start == 0)

    def __len__(self) -> int:
        """Number of batches in a pass."""
        return -(-(sum(map(len, self._texts)) // self._lanes) // self._steps)


def side_by_side(texts: Sequence[tuple[Ids, NDArray[np.float32]]], *, longest: int | None = None) -> Batch:
    """One batch of texts, as `Legible.symbols` gives them: padded to the longest text, or cut at *longest* symbols."""
    most = max(len(weights) for _, weights in texts)
    most = most if longest is None else min(longest, most)
    ids = np.full((len(texts), most + 1), END, np.int64)
    weights = np.zeros((len(texts), most), np.float32)
    for row, (symbols, counts) in enumerate(texts):
        ids[row, : min(len(symbols), most + 1)] = symbols[: most + 1]
        weights[row, : min(len(counts), most)] = counts[:most]
    return Batch(ids[:, :-1], ids[:, 1:], weights, fresh=True)


class Poems:
    """Whole poems, each read from zero state and END to its own END; cut at *longest* symbols. Raises ValueError for
    none.
    """

    def __init__(
        self, texts: Sequence[str | Legible], vocabulary: Vocabulary, *, per_batch: int = 32, longest: int = 256
    ) -> None:
        if not texts:
            raise ValueError("no poems to learn from")
        passages = [Passage(text) if isinstance(text, str) else text for text in texts]
        self._poems = [passage.symbols(vocabulary) for passage in passages]
        self._per_batch, self._longest = per_batch, longest

    def batches(self, rng: np.random.Generator) -> Iterator[Batch]:
        """One pass. Poems of similar length share a batch, so that there is little padding."""
        lengths = np.array([min(len(weights), self._longest) for _, weights in self._poems])
        order = np.argsort(lengths + rng.uniform(0, 12, len(lengths)))
        groups = [order[i : i + self._per_batch] for i in range(0, len(order), self._per_batch)]
        for group in rng.permutation(len(groups)):
            yield side_by_side([self._poems[i] for i in groups[group]], longest=self._longest)

    def __len__(self) -> int:
        """Number of batches in a pass."""
        return -(-len(self._poems) // self._per_batch)
