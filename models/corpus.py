"""The corpus: texts as batches of symbols, in the two ways a network reads.

`Stream` reads long prose in parallel lanes and carries the state from batch to
batch (stateful truncated BPTT); `Poems` reads whole poems, each from silence.
Knows files of verse and numpy, not torch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.vocabulary import END, Vocabulary, normalise

Ids = NDArray[np.int64]


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
        return int((self.weights > 0).sum())


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
    poems = []
    for file in files:
        for block in normalise(file.read_text(encoding="utf-8")).split("\n\n"):
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


class Poems:
    """Whole poems, each from silence (zero state, END) to its END; long ones are cut at *longest*."""

    def __init__(
        self,
        texts: Sequence[str],
        vocabulary: Vocabulary,
        *,
        weights: Sequence[float] | None = None,
        per_batch: int = 32,
        longest: int = 256,
    ) -> None:
        if not texts:
            raise ValueError("no poems to learn from")
        self._ids = [np.array([END, *vocabulary.encode(t + "\n"), END], np.int64)[: longest + 1] for t in texts]
        self._weights = np.ones(len(texts)) if weights is None else np.asarray(weights, float)
        if self._weights.shape != (len(texts),):
            raise ValueError("one weight a poem, please")
        self._per_batch = per_batch

    def batches(self, rng: np.random.Generator) -> Iterator[Batch]:
        """One pass: poems of like length share a batch, so that little is padding."""
        lengths = np.array([len(ids) for ids in self._ids])
        order = np.argsort(lengths + rng.uniform(0, 12, len(lengths)))
        groups = [order[i : i + self._per_batch] for i in range(0, len(order), self._per_batch)]
        for group in rng.permutation(len(groups)):
            yield self._batch(groups[group])

    def _batch(self, group: NDArray[np.intp]) -> Batch:
        longest = max(len(self._ids[i]) for i in group)
        ids = np.full((len(group), longest), END, np.int64)
        weights = np.zeros((len(group), longest - 1), np.float32)
        for row, i in enumerate(group):
            ids[row, : len(self._ids[i])] = self._ids[i]
            weights[row, : len(self._ids[i]) - 1] = self._weights[i]
        return Batch(ids[:, :-1], ids[:, 1:], weights, fresh=True)

    def __len__(self) -> int:
        """Batches in a pass."""
        return -(-len(self._ids) // self._per_batch)
