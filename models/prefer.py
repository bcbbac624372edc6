"""Learning from comparisons: of two lines for one place, the one that readers preferred becomes the likelier.

Direct preference optimization (Rafailov et al. 2023): the reward of a line is how much likelier the network finds it
than it did before, and the likelier of two graded lines is to be the better one. Verse that is read beside it keeps
the language (Pang et al. 2024 add the same term). Knows neither readers nor how the lines were written.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.corpus import Batch, Corpus, Ids, Passage, side_by_side
from models.network import CharNetwork
from models.rerank import Group
from models.train import Diverged, bf16_pays, loss_of
from models.vocabulary import Vocabulary

BETA = 0.15
"""Log-odds that a nat of reward is worth."""
VERSE = 1.0
"""How much a nat a symbol of the verse beside it weighs."""
PER_STEP = 32
"""Pairs that are compared before an update."""
RATE, CLIP = 2e-4, 1.0
CHUNK = 128
"""Lines whose likelihood is measured at once."""
PAIRS = 3
"""Pairs of a group, drawn anew, that a pass compares at most: all of a large group would drown the small ones."""
Row = tuple[Ids, NDArray[np.float32]]
"""A line after the lines before it: symbols (T + 1,), and the weight of each as a target (T,), 0 but for the line."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was learned, over pairs that were kept aside."""

    before: float
    """Share of the pairs whose better line the network found likelier, a symbol, when it began."""
    rewarded: float
    """Share of the pairs whose better line gained more than the worse."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two lines of one place, as rows of a batch, the better first; and what the network thought of them before."""

    rows: tuple[Row, Row]
    was: tuple[float, float]
    length: int


def prefer(
    network: CharNetwork,
    vocabulary: Vocabulary,
    groups: Sequence[Group],
    verse: Corpus,
    *,
    aside: Sequence[Group] = (),
    passes: int = 1,
    seed: int = 0,
    watch: Callable[[int, int, float], None] = lambda _step, _of, _loss: None,
) -> Outcome:
    """Teach *network*, in place, what *groups* say, reading *verse* beside it.

    *watch* hears the step, of how many, and the running share of pairs that are in order. ValueError for groups in
    which no line is better than another, Diverged when the loss is not finite.
    """
    network.eval()  # what a pair is compared by must not depend on what was dropped
    rng, quick = np.random.default_rng(seed), bf16_pays("cpu")
    read, held = _pairs(network, vocabulary, groups), _pairs(network, vocabulary, aside)
    if not any(read):
        raise ValueError("no line is preferred to another")
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, betas=(0.9, 0.99), weight_decay=0.0)
    average, step, running = deepcopy(network.state_dict()), 0, 0.5
    steps = passes * -(-sum(min(PAIRS, len(pairs)) for pairs in read) // PER_STEP)
    reading = _endless(verse, rng)
    for _ in range(passes):
        pairs = [of[i] for of in read for i in rng.choice(len(of), min(PAIRS, len(of)), replace=False)]
        pairs.sort(key=lambda pair: pair.length + rng.uniform(0, 16))  # of like length: little is padding
        for start in rng.permutation(np.arange(0, len(pairs), PER_STEP)):
            some = pairs[start : start + PER_STEP]
            for settings in optimizer.param_groups:
                settings["lr"] = RATE * min(1.0, (step + 1) / (0.05 * steps + 1)) * (1 - 0.9 * step / steps)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=quick):
                gained = _gained(network, some)
                batch = next(reading)
                told = _said(network, batch)
            ordered = BETA * (gained[:, 0] - gained[:, 1])
            loss = -nn.functional.logsigmoid(ordered).mean() + VERSE * told
            if not torch.isfinite(loss):
                raise Diverged(f"loss is {loss.item()} at step {step}")
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), CLIP)
            optimizer.step()
            step += 1
            keep = min(0.99, 1 - 10 / (step + 11))
            with torch.no_grad():
                for name, now in network.state_dict().items():
                    average[name].lerp_(now, 1 - keep)
            running = 0.95 * running + 0.05 * float((ordered > 0).float().mean())
            watch(step, steps, running)
    network.load_state_dict(average)
    tried = [pair for of in held for pair in of]
    now = iter(_likelihoods(network, [row for pair in tried for row in pair.rows]))
    gained = [(next(now) - pair.was[0], next(now) - pair.was[1]) for pair in tried]
    return Outcome(
        before=_share([_mean(pair, 0) > _mean(pair, 1) for pair in tried]),
        rewarded=_share([better > worse for better, worse in gained]),
    )


def _share(held: Sequence[bool]) -> float:
    return sum(held) / len(held) if held else math.nan


def _mean(pair: _Pair, which: int) -> float:
    """Nats a symbol that one line of a pair had before."""
    return float(pair.was[which] / (pair.rows[which][1] != 0).sum())


def _endless(verse: Corpus, rng: np.random.Generator) -> Iterator[Batch]:
    """Pass after pass."""
    while True:
        yield from verse.batches(rng)


def _pairs(network: CharNetwork, vocabulary: Vocabulary, groups: Sequence[Group]) -> list[list[_Pair]]:
    """By group: each line with each that was graded lower."""
    rows = [
        Passage(line, before="\n".join(group.before), ends=group.ends).symbols(vocabulary)
        for group in groups
        for line in group.lines
    ]
    known = iter(zip(rows, _likelihoods(network, rows), strict=True))
    found = []
    for group in groups:
        lines = [(grade, *next(known)) for grade in group.grades]
        found.append(
            [
                _Pair((row, other), (nats, others), max(len(row[1]), len(other[1])))
                for grade, row, nats in lines
                for lower, other, others in lines
                if grade > lower
            ]
        )
    return found


@torch.no_grad()
def _likelihoods(network: CharNetwork, rows: Sequence[Row]) -> list[float]:
    """Nats of each row's line."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i][1]))
    found = [0.0] * len(rows)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16_pays("cpu")):
        for start in range(0, len(order), CHUNK):
            some = order[start : start + CHUNK]
            for i, value in zip(some, _likelihood(network, [rows[i] for i in some]).tolist(), strict=True):
                found[i] = value
    return found


def _likelihood(network: CharNetwork, rows: Sequence[Row]) -> Tensor:
    """Nats of each row's line: (N,)."""
    batch = side_by_side(rows)
    logits, _ = network(torch.from_numpy(batch.inputs))
    targets, weights = torch.from_numpy(np.ascontiguousarray(batch.targets)), torch.from_numpy(batch.weights)
    each = -nn.functional.cross_entropy(logits.float().transpose(1, 2), targets, reduction="none")  # (N, T)
    total: Tensor = (each * weights).sum(1)
    return total


def _gained(network: CharNetwork, pairs: Sequence[_Pair]) -> Tensor:
    """Nats that each line of each pair has gained: (N, 2)."""
    now = _likelihood(network, [row for pair in pairs for row in pair.rows]).view(-1, 2)
    return now - torch.tensor([pair.was for pair in pairs])


def _said(network: CharNetwork, batch: Batch) -> Tensor:
    """Nats a symbol of verse."""
    logits, _ = network(torch.from_numpy(batch.inputs))
    return loss_of(logits, torch.from_numpy(np.ascontiguousarray(batch.targets)), torch.from_numpy(batch.weights))
