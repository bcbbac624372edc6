"""Learning from comparisons: what readers graded higher, of lines that could stand in one place.

`prefer` teaches the network by direct preference optimization (Rafailov et al. 2023): of two lines, the one that was
graded higher is to gain in likelihood over the other. Verse that is read beside it keeps the language (as in Pang et
al. 2024). `fit_reward` learns from the same grades what to choose by: a direction in the states of the topmost layer,
so that each step of writing tells what it adds to its line (a linear reward model; Stiennon et al. 2020 have a deep
one). Knows neither readers nor how the lines were written.
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
from models.train import Diverged, bf16_pays, loss_of
from models.vocabulary import Vocabulary

BETA = 0.15
"""Log-odds that a nat of reward is worth."""
VERSE = 1.0
"""How much a nat a symbol of the verse beside it weighs."""
PER_STEP = 32
"""Pairs that are compared before an update."""
RATE, CLIP = 3e-4, 1.0
CHUNK = 128
"""Lines whose likelihood is measured at once."""
RIDGE = 700.0
"""Pairs that the belief weighs that there is nothing to prefer: few grades say little about five hundred directions."""
ITERATIONS = 60
PAIRS = 2
"""Pairs of a group, drawn anew, that a pass compares at most: all of a large group would drown the small ones."""
Row = tuple[Ids, NDArray[np.float32]]
"""A line after the lines before it: symbols (T + 1,), and the weight of each as a target (T,), 0 but for the line."""


@dataclass(frozen=True, slots=True)
class Group:
    """One place of one poem, and what could stand there."""

    before: tuple[str, ...]
    """The poem's lines so far."""
    ends: bool
    """Is it the poem's last line?"""
    lines: tuple[str, ...]
    """Or all that follows, whose lines `\\n` parts: with nothing before it, whole poems."""
    grades: tuple[float, ...]
    """How good readers found each line in this place; only the order counts."""


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
    later = iter(_likelihoods(network, [row for pair in tried for row in pair.rows]))
    gains = [(next(later) - pair.was[0], next(later) - pair.was[1]) for pair in tried]
    return Outcome(
        before=_share([_mean(pair, 0) > _mean(pair, 1) for pair in tried]),
        rewarded=_share([better > worse for better, worse in gains]),
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
    rows = [row for group in groups for row in _rows_of(group, vocabulary)]
    known = iter(zip(rows, _likelihoods(network, rows), strict=True))
    found = []
    for group in groups:
        lines = [next(known) for _ in group.lines]
        pairs = [(*lines[better], *lines[worse]) for better, worse in _ordered(group)]
        found.append(
            [_Pair((row, other), (nats, others), max(len(row[1]), len(other[1]))) for row, nats, other, others in pairs]
        )
    return found


def _ordered(group: Group) -> list[tuple[int, int]]:
    """The numbers of two of its lines, the better first, for all that were graded apart."""
    graded = list(enumerate(group.grades))
    return [(one, other) for one, grade in graded for other, lower in graded if grade > lower]


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
    return _nats(logits, batch)


def _nats(logits: Tensor, batch: Batch) -> Tensor:
    """Log-probability of each row's line by what was said of it: (N, T, V) -> (N,)."""
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


# -- The reward -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reward:
    """What readers prefer."""

    weights: NDArray[np.float32]
    """(H,): log-odds along each unit of the topmost layer, the mean over a line's symbols."""
    before: float
    """Of the pairs of a quarter of the groups that was kept aside: the share that likelihood alone has in order."""
    found: float
    """The share that likelihood and reward have in order."""


def fit_reward(network: CharNetwork, vocabulary: Vocabulary, groups: Sequence[Group], *, likely: float) -> Reward:
    """Log-odds that one line is preferred to another, beside *likely* times its nats a symbol (Bradley and Terry 1952).
    What has several lines, a whole poem, is worth as many times that: where takes are chosen, lines' log-odds add up.
    Grades of poems and of single lines have the same say, however many there are of either.

    ValueError for groups in which no line is better than another.
    """
    rows = [row for group in groups for row in _rows_of(group, vocabulary)]
    states, means = _read(network.eval(), rows)
    count = np.array([line.count("\n") + 1 for group in groups for line in group.lines], np.float32)
    states, means = states * count[:, None], means * count
    pairs, whose, at = [], [], 0
    for number, group in enumerate(groups):
        found = _ordered(group)
        pairs += [(at + better, at + worse) for better, worse in found]
        whose += [number % 4] * len(found)
        at += len(group.grades)
    if not pairs:
        raise ValueError("no line is preferred to another")
    better, worse = np.array(pairs).T
    apart, likelier = states[better] - states[worse], likely * (means[better] - means[worse])  # (P, H), (P,)
    aside = np.array(whose) == 0
    say = _same_say(count[better] > 1)
    tried = likelier[aside] + apart[aside] @ _logistic(apart[~aside], likelier[~aside], say[~aside])
    return Reward(_logistic(apart, likelier, say), float((likelier[aside] > 0).mean()), float((tried > 0).mean()))


def _same_say(whole: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Weights whose sum is the same over the pairs of whole poems and over the others: (P,)."""
    kind = whole.astype(np.int64)
    return np.asarray(1 / np.bincount(kind)[kind], np.float32)


def _rows_of(group: Group, vocabulary: Vocabulary) -> list[Row]:
    before = "\n".join(group.before)
    return [Passage(line, before=before, ends=group.ends).symbols(vocabulary) for line in group.lines]


def _logistic(apart: NDArray[np.float32], offset: NDArray[np.float32], say: NDArray[np.float32]) -> NDArray[np.float32]:
    """Ridge logistic regression of pairs whose first is the better, each with its say: (P, H), (P,), (P,) -> (H,)."""
    x, known, weight = torch.from_numpy(apart), torch.from_numpy(offset), torch.from_numpy(say / say.sum())
    weights = torch.zeros(x.shape[1], requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=ITERATIONS, line_search_fn="strong_wolfe")
    penalty = RIDGE * float(x.var(0).mean()) * float(weight.square().sum())  # over the pairs that so many are worth

    def loss() -> Tensor:
        optimizer.zero_grad()
        value: Tensor = -weight @ nn.functional.logsigmoid(known + x @ weights) + penalty * weights.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return weights.detach().numpy()


@torch.no_grad()
def _read(network: CharNetwork, rows: Sequence[Row]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The topmost layer's states, and the nats a symbol, in the mean over each row's line: (N, H), (N,)."""
    states = np.zeros((len(rows), network.architecture.size), np.float32)
    means = np.zeros(len(rows), np.float32)
    order = sorted(range(len(rows)), key=lambda i: len(rows[i][1]))
    for start in range(0, len(order), CHUNK):
        some = order[start : start + CHUNK]
        batch = side_by_side([rows[i] for i in some])
        top, logits = network.states(torch.from_numpy(batch.inputs))
        weights = torch.from_numpy(batch.weights)
        counts = weights.sum(1)
        means[some] = (_nats(logits, batch) / counts).numpy()
        states[some] = ((top.float() * weights[..., None]).sum(1) / counts[:, None]).numpy()
    return states, means
