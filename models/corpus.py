"""The corpus: texts as batches of symbols, in the two ways a network reads.

`Stream` reads long prose in parallel lanes and carries the state from batch to
batch (stateful truncated BPTT); `Poems` reads whole poems, each from silence.
Knows files of verse and numpy, not torch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from models.vocabulary import END, Vocabulary, normalise

Ids = NDArray[np.int64]
ReadingMode = Literal["poems", "stream"]
HOLDOUTS = "holdout*.txt"
"""What was kept aside, in a base's folder: its networks have read none of it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """N texts, T symbols of each."""

    inputs: Ids
    """(N, T)"""
    targets: Ids
    """(N, T): the symbol after each input."""
    weights: NDArray[np.float32]
    """(N, T): how much each target counts; 0 for padding."""
    fresh: bool
    """Does every text begin here? Then the state is zero, else it is carried."""

    @property
    def count(self) -> int:
        """How many targets count."""
        return int((self.weights != 0).sum())


@dataclass(frozen=True, slots=True)
class Passage:
    """A text to learn, and what is read before it without being learned."""

    text: str
    weight: float = 1.0
    before: str = ""
    """Lines above the text in its poem: the network reads them, their weight is 0."""
    ends: bool = True
    """Does the poem end here? Then END is learned too."""

    def symbols(self, vocabulary: Vocabulary) -> tuple[Ids, NDArray[np.float32]]:
        """The symbols (T + 1,) from END on, and the weight of each as a target (T,)."""
        read = vocabulary.encode(self.before + "\n") if self.before else []
        learned = vocabulary.encode(self.text + "\n") + ([END] if self.ends else [])
        weights = np.full(len(read) + len(learned), self.weight, np.float32)
        weights[: len(read)] = 0
        return np.array([END, *read, *learned], np.int64), weights


@dataclass(frozen=True, slots=True)
class Weighed:
    """A poem, each of whose lines is learned as much as it is worth."""

    lines: tuple[str, ...]
    weights: tuple[float, ...]
    """By line; below zero: to be unlearned."""

    def symbols(self, vocabulary: Vocabulary) -> tuple[Ids, NDArray[np.float32]]:
        """The symbols (T + 1,) from END on, and the weight of each as a target (T,)."""
        rows = [vocabulary.encode(line + "\n") for line in self.lines]
        weights = np.repeat(np.array(self.weights, np.float32), [len(row) for row in rows])
        return np.array([END, *(symbol for row in rows for symbol in row)], np.int64), weights


class Legible(Protocol):
    """Something to read, and how much each of its symbols is to be learned."""

    def symbols(self, vocabulary: Vocabulary) -> tuple[Ids, NDArray[np.float32]]:
        """The symbols (T + 1,) from END on, and the weight of each as a target (T,)."""


class Corpus(Protocol):
    """What a network can be taught from."""

    def batches(self, rng: np.random.Generator) -> Iterator[Batch]:
        """One pass."""

    def __len__(self) -> int:
        """Batches in a pass, as near as can be told beforehand."""


def read_poems(*files: Path, titles: bool = True) -> list[str]:
    """The poems in *files* (parted by blank lines); lines that begin with `# ` are titles.

    Raises UnicodeDecodeError for a file that is not UTF-8, FileNotFoundError for none.
    """
    return [poem for file in files for poem in poems_in(file.read_text(encoding="utf-8"), titles=titles)]


def poems_in(text: str, *, titles: bool = True) -> list[str]:
    """The poems in *text*: what blank lines part, without blanks at the ends of lines or doubled ones in them."""
    poems = []
    for block in normalise(text).split("\n\n"):
        lines = [" ".join(line.split()) for line in block.splitlines()]
        kept = [line for line in lines if line and (titles or not line.startswith("# "))]
        if kept:
            poems.append("\n".join(kept))
    return poems


class Stream:
    """Running text in *lanes* read side by side, *steps* symbols at a time, state carried."""

    def __init__(self, texts: Sequence[str], vocabulary: Vocabulary, *, lanes: int, steps: int) -> None:
        self._texts = [np.array([END, *vocabulary.encode(text)], np.int64) for text in texts]
        self._lanes, self._steps = lanes, steps
        if sum(map(len, self._texts)) < lanes * 2:
            raise ValueError(f"too little text for {lanes} lanes")

    def batches(self, rng: np.random.Generator) -> Iterator[Batch]:
        """One pass over the texts in a new order."""
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

    def whole(self) -> Ids:
        """All symbols in the order of the texts: (T,)."""
        return np.concatenate(self._texts)

    def __len__(self) -> int:
        """Batches in a pass."""
        return -(-(sum(map(len, self._texts)) // self._lanes) // self._steps)


def side_by_side(texts: Sequence[tuple[Ids, NDArray[np.float32]]], *, longest: int | None = None) -> Batch:
    """Texts of several lengths, as `Legible.symbols` gives them, padded to the longest, or cut at *longest*."""
    most = max(len(weights) for _, weights in texts)
    most = most if longest is None else min(longest, most)
    ids = np.full((len(texts), most + 1), END, np.int64)
    weights = np.zeros((len(texts), most), np.float32)
    for row, (symbols, counts) in enumerate(texts):
        ids[row, : min(len(symbols), most + 1)] = symbols[: most + 1]
        weights[row, : min(len(counts), most)] = counts[:most]
    return Batch(ids[:, :-1], ids[:, 1:], weights, fresh=True)


class Poems:
    """Whole poems, each from silence (zero state, END) to its END; long ones are cut at *longest*."""

    def __init__(
        self, texts: Sequence[str | Legible], vocabulary: Vocabulary, *, per_batch: int = 32, longest: int = 256
    ) -> None:
        if not texts:
            raise ValueError("no poems to learn from")
        passages = [Passage(text) if isinstance(text, str) else text for text in texts]
        self._poems = [passage.symbols(vocabulary) for passage in passages]
        self._per_batch, self._longest = per_batch, longest

    def batches(self, rng: np.random.Generator) -> Iterator[Batch]:
        """One pass: poems of like length share a batch, so that little is padding."""
        lengths = np.array([min(len(weights), self._longest) for _, weights in self._poems])
        order = np.argsort(lengths + rng.uniform(0, 12, len(lengths)))
        groups = [order[i : i + self._per_batch] for i in range(0, len(order), self._per_batch)]
        for group in rng.permutation(len(groups)):
            yield side_by_side([self._poems[i] for i in groups[group]], longest=self._longest)

    def __len__(self) -> int:
        """Batches in a pass."""
        return -(-len(self._poems) // self._per_batch)
