"""Learning from comparisons: readers graded several lines that could stand in the same place of a poem.

`prefer` trains the network by direct preference optimization (DPO, Rafailov et al. 2023): of two lines, the one with
the higher grade gains likelihood over the other. The loss of verse is added, so that the network keeps its language (as
in Pang et al. 2024).

`fit_reward` fits a linear reward model to the same grades: a direction in the states of the top layer. So each step of
writing gives its part of the reward (Stiennon et al. 2020 use a deep model).

Letters of shapes: N lines, T symbols, V size of the vocabulary, H units of the top layer, P pairs.
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
from models.sparse import ridge
from models.train import Diverged, bf16_pays, loss_of
from models.vocabulary import Vocabulary

BETA = 0.15
"""DPO's beta: log-odds of a preference for each nat by which a line gained likelihood."""
VERSE = 1.0
"""Weight of the verse's loss, in nats a symbol, beside DPO's loss."""
PER_STEP = 32
"""Pairs of one update."""
RATE, CLIP = 3e-4, 1.0
"""Peak learning rate, and largest gradient norm."""
CHUNK = 128
"""Lines in one batch when likelihoods are measured."""
RIDGE = 700.0
"""Strength of the reward's prior, which says "no preference", in pairs: a few grades say little about 512
directions."""
PAIRS = 2
"""Most pairs of a group in one pass, drawn again for each pass: otherwise large groups would outweigh the small
ones."""
Row = tuple[Ids, NDArray[np.float32]]
"""A line after the lines before it: symbols (T + 1,), and the weight of each target (T,), 0 outside the line."""


@dataclass(frozen=True, slots=True)
class Group:
    """One place of one poem, and the lines that could stand there."""

    before: tuple[str, ...]
    """The poem's lines so far."""
    ends: bool
    """Is it the poem's last line?"""
    lines: tuple[str, ...]
    """Each may also be the whole rest of the poem: several lines with `\\n` between them."""
    grades: tuple[float, ...]
    """How good readers found each line in this place; only the order counts."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of DPO on held-out pairs; NaN if there are none."""

    before: float
    """Share of pairs whose better line had the higher likelihood per symbol before training, 0 to 1."""
    rewarded: float
    """Share of pairs whose better line gained more likelihood than the worse, 0 to 1."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two lines of one place, the better first."""

    rows: tuple[Row, Row]
    was: tuple[float, float]
    """Log-likelihood of each before training, nats."""
    length: int
    """Symbols of the longer row."""


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
    """Train *network*, in place, on the pairs of *groups* and on *verse*.

    *aside*: held-out groups, for the outcome. *watch* is called with the step, the number of steps, and the moving
    average of the share of pairs in the right order. Raises ValueError if no group has two different grades, Diverged
    if the loss is not finite.
    """
    network.eval()  # without dropout: both lines of a pair must be measured by the same network
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
        pairs.sort(key=lambda pair: pair.length + rng.uniform(0, 16))  # similar lengths, little padding
        for start in rng.permutation(np.arange(0, len(pairs), PER_STEP)):
            some = pairs[start : start + PER_STEP]
            for settings in optimizer.param_groups:
                settings["lr"] = RATE * min(1.0, (step + 1) / (0.05 * steps + 1)) * (1 - 0.9 * step / steps)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=quick):
                gained = _gained(network, some)
                batch = next(reading)
                verse_loss = _verse_loss(network, batch)
            ordered = BETA * (gained[:, 0] - gained[:, 1])
            loss = -nn.functional.logsigmoid(ordered).mean() + VERSE * verse_loss
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
    """Log-likelihood of one line of a pair before training, nats a symbol."""
    return float(pair.was[which] / (pair.rows[which][1] != 0).sum())


def _endless(verse: Corpus, rng: np.random.Generator) -> Iterator[Batch]:
    """The batches of *verse*, pass after pass without end."""
    while True:
        yield from verse.batches(rng)


def _pairs(network: CharNetwork, vocabulary: Vocabulary, groups: Sequence[Group]) -> list[list[_Pair]]:
    """By group: every pair of a line and one with a lower grade."""
    rows = [row for group in groups for row in _rows_of(group, vocabulary)]
    measured = iter(zip(rows, _likelihoods(network, rows), strict=True))
    by_group = []
    for group in groups:
        lines = [next(measured) for _ in group.lines]
        pairs = [(*lines[better], *lines[worse]) for better, worse in _ordered(group)]
        by_group.append(
            [_Pair((row, other), (nats, others), max(len(row[1]), len(other[1]))) for row, nats, other, others in pairs]
        )
    return by_group


def _ordered(group: Group) -> list[tuple[int, int]]:
    """The numbers of two lines, the better first, for all pairs of lines with different grades."""
    graded = list(enumerate(group.grades))
    return [(one, other) for one, grade in graded for other, lower in graded if grade > lower]


@torch.no_grad()
def _likelihoods(network: CharNetwork, rows: Sequence[Row]) -> list[float]:
    """Log-likelihood of each row's line, nats, measured in batches of similar length."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i][1]))
    likelihoods = [0.0] * len(rows)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16_pays("cpu")):
        for start in range(0, len(order), CHUNK):
            some = order[start : start + CHUNK]
            for i, value in zip(some, _likelihood(network, [rows[i] for i in some]).tolist(), strict=True):
                likelihoods[i] = value
    return likelihoods


def _likelihood(network: CharNetwork, rows: Sequence[Row]) -> Tensor:
    """Log-likelihood of each row's line: (N,), nats."""
    batch = side_by_side(rows)
    logits, _ = network(torch.from_numpy(batch.inputs))
    return _nats(logits, batch)


def _nats(logits: Tensor, batch: Batch) -> Tensor:
    """Log-likelihood of each row's line by the *logits* (N, T, V) -> (N,), nats."""
    targets, weights = torch.from_numpy(np.ascontiguousarray(batch.targets)), torch.from_numpy(batch.weights)
    each = -nn.functional.cross_entropy(logits.float().transpose(1, 2), targets, reduction="none")  # (N, T)
    total: Tensor = (each * weights).sum(1)
    return total


def _gained(network: CharNetwork, pairs: Sequence[_Pair]) -> Tensor:
    """The gain in log-likelihood of both lines of each pair: (number of pairs, 2), nats."""
    now = _likelihood(network, [row for pair in pairs for row in pair.rows]).view(-1, 2)
    return now - torch.tensor([pair.was for pair in pairs])


def _verse_loss(network: CharNetwork, batch: Batch) -> Tensor:
    """The cross-entropy of verse, nats a symbol."""
    logits, _ = network(torch.from_numpy(batch.inputs))
    return loss_of(logits, torch.from_numpy(np.ascontiguousarray(batch.targets)), torch.from_numpy(batch.weights))


# -- The reward model -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reward:
    """A linear reward model, and its accuracy on the pairs of a held-out quarter of the groups."""

    weights: NDArray[np.float32]
    """(H,): log-odds for each unit of the top layer's state, in the mean over a line's symbols."""
    before: float
    """Share of the held-out pairs that likelihood alone puts in the right order, 0 to 1."""
    found: float
    """Share of them that likelihood and reward together put in the right order."""


def fit_reward(network: CharNetwork, vocabulary: Vocabulary, groups: Sequence[Group], *, likely: float) -> Reward:
    """Fit a Bradley-Terry model (1952): the log-odds that one line is preferred to another.

    They are the difference in reward, plus *likely* times the difference in log-likelihood, in nats a symbol. A text of
    several lines counts as many times the mean, because takes are chosen by the sum over their lines. Pairs of whole
    poems and pairs of single lines have the same total weight. Raises ValueError if no group has two different grades.
    """
    rows = [row for group in groups for row in _rows_of(group, vocabulary)]
    states, means = _read(network.eval(), rows)
    count = np.array([line.count("\n") + 1 for group in groups for line in group.lines], np.float32)
    states, means = states * count[:, None], means * count
    pairs, whose, at = [], [], 0
    for number, group in enumerate(groups):
        ordered = _ordered(group)
        pairs += [(at + better, at + worse) for better, worse in ordered]
        whose += [number % 4] * len(ordered)
        at += len(group.grades)
    if not pairs:
        raise ValueError("no line is preferred to another")
    better, worse = np.array(pairs).T
    apart, likelier = states[better] - states[worse], likely * (means[better] - means[worse])  # (P, H), (P,)
    aside = np.array(whose) == 0
    say = _balanced(count[better] > 1)
    tried = likelier[aside] + apart[aside] @ _logistic(apart[~aside], likelier[~aside], say[~aside])
    return Reward(_logistic(apart, likelier, say), float((likelier[aside] > 0).mean()), float((tried > 0).mean()))


def _balanced(whole: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Weights of pairs, with the same sum over the pairs of *whole* poems and over the others: (P,) -> (P,)."""
    kind = whole.astype(np.int64)
    return np.asarray(1 / np.bincount(kind)[kind], np.float32)


def _rows_of(group: Group, vocabulary: Vocabulary) -> list[Row]:
    before = "\n".join(group.before)
    return [Passage(line, before=before, ends=group.ends).symbols(vocabulary) for line in group.lines]


def _logistic(apart: NDArray[np.float32], offset: NDArray[np.float32], say: NDArray[np.float32]) -> NDArray[np.float32]:
    """Ridge logistic regression: differences better - worse (P, H), known log-odds (P,), weights (P,) -> (H,)."""
    share = say / say.sum()
    strength = RIDGE * apart.var(0, ddof=1).mean() * (share**2).sum()  # 1 / sum of squares: effective pairs
    precision = np.full(apart.shape[1], 2 * strength)
    weights = ridge(apart, np.ones(len(apart)), share, precision, np.zeros_like(precision), offset=offset)
    return weights.astype(np.float32)


@torch.no_grad()
def _read(network: CharNetwork, rows: Sequence[Row]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The mean over each row's line of the top layer's states (N, H), and of the log-likelihood (N,), nats a symbol."""
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
