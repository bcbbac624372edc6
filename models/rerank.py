"""Training the reranker: a poet's next line against the voice's own lines and lines of other poems; and lines of one
place as readers graded them.

The loss is the surprise at which line of its group is the right one (a softmax over the group), so that only
differences within one place of one poem are learned. Knows how neither the groups nor the lines were written.

The reader: many to one. A recurrent network reads a sequence from both its ends and says one thing about it.

Steps (N, T, D) -> a recurrent layer in each direction -> the last state of either, side by side -> (N, K).
Knows neither symbols nor what it is asked: rows of a picture, characters of a line.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from models.network import CELLS, Cell
from models.reranker import encode, padded
from models.train import bf16_pays
from models.vocabulary import Vocabulary


class Reader(nn.Module):
    """A bidirectional recurrent layer of *size* units each way over steps of *width*, and *answers* logits."""

    def __init__(self, width: int, size: int, answers: int, *, cell: Cell = "gru", dropout: float = 0.0) -> None:
        super().__init__()
        self.recurrent = CELLS[cell](width, size, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        self.answer = nn.Linear(2 * size, answers)

    def forward(self, steps: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(N, T, D) steps, of which (N,) count in each sequence (None: all) -> (N, K) logits.

        What stands after a sequence's length is never read, so that nobody's answer depends on the batch.
        """
        n, most, _ = steps.shape
        counts = torch.full((n,), most) if lengths is None else lengths.cpu()
        packed = pack_padded_sequence(steps, counts, batch_first=True, enforce_sorted=False)
        _, last = self.recurrent(packed)
        hidden: Tensor = last[0] if isinstance(last, tuple) else last  # (2, N, H): an LSTM brings its cell along
        logits: Tensor = self.answer(self.dropout(hidden.transpose(0, 1).flatten(1)))  # -> (N, 2 H) -> (N, K)
        return logits


WIDTH, SIZE = 64, 256
"""D of a symbol's embedding, H of the recurrent layer."""
PER_BATCH = 24
"""Groups that are read before an update."""
RATE, DROPOUT, CLIP = 2e-3, 0.3, 1.0
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Group:
    """One place of one poem, and what could stand there."""

    before: tuple[str, ...]
    """The poem's lines so far."""
    ends: bool
    """Is it the poem's last line?"""
    lines: tuple[str, ...]
    grades: tuple[float, ...]
    """How good each line is in this place; what counts is the difference, in log-odds. -inf: not at all."""


class Network(nn.Module):
    """Many to one: symbols (N, T) -> an LSTM's state after the last that counts -> log-odds (N, 1)."""

    def __init__(self, symbols: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(symbols, WIDTH)
        self.dropout = nn.Dropout(DROPOUT)
        self.recurrent = nn.LSTM(WIDTH, SIZE, batch_first=True)
        self.answer = nn.Linear(SIZE, 1)
        nn.init.normal_(self.embedding.weight, std=0.3)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """(N, T) symbols, of which (N,) count -> (N, 1) log-odds."""
        hidden, _ = self.recurrent(self.dropout(self.embedding(ids)))  # -> (N, T, H)
        last = hidden[torch.arange(len(ids)), lengths - 1]  # what follows is padding, which changes nothing before it
        answers: Tensor = self.answer(self.dropout(last))
        return answers


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was learned, and how well it tells lines apart that it has not read."""

    weights: dict[str, Floats]
    found: float
    """Of pairs of lines kept aside, one graded above the other: the share that it ranks so, too. Guessing finds 0.5."""


def train(
    groups: Sequence[Group],
    vocabulary: Vocabulary,
    *,
    aside: Sequence[Group],
    passes: int,
    rate: float = RATE,
    start: Mapping[str, NDArray[Any]] | None = None,
    seed: int = 0,
    watch: Callable[[int, int, float], None] = lambda _step, _of, _loss: None,
) -> Outcome:
    """A reranker of those groups; *watch* hears the step, of how many, and the running loss.

    *start*: the weights of one that it goes on from.

    ValueError for no groups.
    """
    if not groups:
        raise ValueError("no groups to learn from")
    torch.manual_seed(seed)
    network = Network(len(vocabulary)).train()
    if start is not None:
        network.load_state_dict({name: torch.from_numpy(np.array(value, np.float32)) for name, value in start.items()})
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.01)
    encoded = [_encoded(group, vocabulary) for group in groups]
    lengths = np.array([max(map(len, rows)) for rows in encoded])
    rng, step, running, quick = np.random.default_rng(seed), 0, math.nan, bf16_pays("cpu")
    wanted = [_wanted(group) for group in groups]
    steps = passes * -(-len(groups) // PER_BATCH)
    for _ in range(passes):
        order = np.argsort(lengths + rng.uniform(0, 16, len(groups)))  # groups of like length: little is padding
        batches = [order[i : i + PER_BATCH] for i in range(0, len(order), PER_BATCH)]
        for which in rng.permutation(len(batches)):
            _set_rate(optimizer, rate, step / steps)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=quick):
                loss = _loss(network, [encoded[i] for i in batches[which]], [wanted[i] for i in batches[which]])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), CLIP)
            optimizer.step()
            step += 1
            running = loss.item() if math.isnan(running) else 0.98 * running + 0.02 * loss.item()
            watch(step, steps, running)
    weights = {name: value.detach().numpy().copy() for name, value in network.state_dict().items()}
    return Outcome(weights, _found(network.eval(), aside, vocabulary))


def _encoded(group: Group, vocabulary: Vocabulary) -> list[list[int]]:
    return encode(vocabulary, group.before, group.lines, ends=group.ends)


def _set_rate(optimizer: torch.optim.Optimizer, rate: float, done: float) -> None:
    """Warm up over a twentieth to *rate*, then fall in a straight line."""
    for settings in optimizer.param_groups:
        settings["lr"] = rate * min(1.0, done / 0.05 + 1e-3) * (1 - done)


def _scores(network: Network, groups: Sequence[Sequence[Sequence[int]]]) -> list[Tensor]:
    """Log-odds by group."""
    ids, lengths = padded([row for rows in groups for row in rows])
    scores = network(torch.from_numpy(ids), torch.from_numpy(lengths).long())[:, 0]
    return list(torch.split(scores, [len(rows) for rows in groups]))


def _wanted(group: Group) -> Tensor:
    """How likely each line should be to be the one that is chosen: (lines,)."""
    return torch.tensor(group.grades).softmax(0)


def _loss(network: Network, groups: Sequence[Sequence[Sequence[int]]], wanted: Sequence[Tensor]) -> Tensor:
    """Mean nats a group between what is wanted and what is said of its lines (ListNet, Cao et al. 2007)."""
    told = zip(_scores(network, groups), wanted, strict=True)
    return torch.stack([-(shares * scores.float().log_softmax(0)).sum() for scores, shares in told]).mean()


@torch.no_grad()
def _found(network: Network, groups: Sequence[Group], vocabulary: Vocabulary) -> float:
    """Share of pairs, one line graded above the other, that are scored so too; NaN of none."""
    right = []
    for start in range(0, len(groups), PER_BATCH):
        some = groups[start : start + PER_BATCH]
        for group, scores in zip(some, _scores(network, [_encoded(one, vocabulary) for one in some]), strict=True):
            told = list(zip(group.grades, scores.tolist(), strict=True))
            right += [score > other for grade, score in told for lower, other in told if grade > lower]
    return sum(right) / len(right) if right else math.nan
