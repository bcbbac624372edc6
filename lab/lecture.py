"""The lecture's small networks, in torch.

`Hello` is the first example: a recurrent network reads `hell` and learns to say `ello`. Four letters, one-hot; one or
more layers of ten units; the loss is the mean over the four steps. It is Karpathy's example of 2015, small enough to
print every step. `models/byhand.py` is the same in numpy. `ManyToOne` reads a sequence from both ends and gives one
answer.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from models.byhand import LETTERS, READ, SURE, UNITS, WANTED
from models.network import CELLS, Cell

MOST_STEPS = 500


@dataclass(frozen=True, slots=True)
class Said:
    """The network's prediction at one step of training."""

    step: int
    loss: float
    """Nats a letter."""
    predicted: str
    """The most probable letter after each letter that it reads."""

    @property
    def learned(self) -> bool:
        """Does it predict `ello`, with a loss below `SURE`?"""
        return self.predicted == WANTED and self.loss < SURE


class Hello(nn.Module):
    """Stacked recurrent layers, and a projection to the four letters."""

    def __init__(self, cell: Cell, layers: int = 1) -> None:
        super().__init__()
        self.recurrent = CELLS[cell](len(LETTERS), UNITS, layers, batch_first=True)
        self.project = nn.Linear(UNITS, len(LETTERS))

    def forward(self, x: Tensor) -> Tensor:
        """One-hot letters (N, T, 4) -> logits of the next letter (N, T, 4)."""
        hidden, _ = self.recurrent(x)
        logits: Tensor = self.project(hidden)
        return logits


def lesson(cell: Cell = "rnn", seed: int = 0, layers: int = 1) -> Iterator[Said]:
    """The prediction at each step of training, until it is learned or `MOST_STEPS` have passed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Hello(cell, layers)
    read = torch.tensor([[LETTERS.index(c) for c in READ]])
    wanted = torch.tensor([LETTERS.index(c) for c in WANTED])
    x = nn.functional.one_hot(read, len(LETTERS)).float()  # (1, T) -> (1, T, 4)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
    for step in range(1, MOST_STEPS + 1):
        logits = network(x)[0]  # (T, 4)
        loss = nn.functional.cross_entropy(logits, wanted)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        said = Said(step, loss.item(), "".join(LETTERS[int(i)] for i in logits.argmax(1)))
        yield said
        if said.learned:
            return


def last_words(cell: Cell, seeds: Iterable[int], layers: int = 1) -> list[Said]:
    """The last prediction of the lesson for each of *seeds*."""
    return [deque(lesson(cell, seed, layers), maxlen=1).pop() for seed in seeds]


class ManyToOne(nn.Module):
    """A many-to-one network: a bidirectional recurrent layer over a sequence, and a linear layer over its last states.

    Steps (N, T, *width*) -> *size* units in each direction -> the last states of both (N, 2 *size*) -> logits
    (N, *answers*). A step may be anything: a row of a picture, a character of a line.
    """

    def __init__(self, width: int, size: int, answers: int, *, cell: Cell = "gru", dropout: float = 0.0) -> None:
        super().__init__()
        self.recurrent = CELLS[cell](width, size, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        self.answer = nn.Linear(2 * size, answers)

    def forward(self, steps: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Steps (N, T, width) -> logits (N, answers). *lengths* (N,): steps of each sequence; None: all T.

        Padding after a sequence is not read, so that an answer does not depend on the batch.
        """
        n, most, _ = steps.shape
        counts = torch.full((n,), most) if lengths is None else lengths.cpu()
        packed = pack_padded_sequence(steps, counts, batch_first=True, enforce_sorted=False)
        _, last = self.recurrent(packed)
        hidden: Tensor = last[0] if isinstance(last, tuple) else last  # (2, N, H); an LSTM returns (h, c)
        logits: Tensor = self.answer(self.dropout(hidden.transpose(0, 1).flatten(1)))  # -> (N, 2 H) -> (N, answers)
        return logits
