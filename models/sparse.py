"""Sparse logistic regression with random effects: few signs matter, readers differ, and slots differ.

Minimises, over weights w, slot effects s and reader effects u, where o is what is known of a line beforehand,

    1/n sum_i a_i log(1 + exp(-y_i z_i)) + penalty |w|_1 + 1/(2 n v) |u|^2,   z = o + b + X w + s[slot] + u[reader]

by accelerated proximal gradient (FISTA, Beck & Teboulle 2009, with restarts) on a working set of signs, which grows
until no other sign pulls harder than the penalty holds. The lasso's few non-zero weights are what makes a few thousand
ticks enough (docs/learning.md compares). Numpy only.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

SPREAD = 0.25
"""Variance of readers' readiness, in log-odds: half a unit either way."""
MOST_STEPS = 400
CLOSE = 1e-4
"""A step that moves nothing further than this is the last."""
MOST_NEWTON, CLOSE_NEWTON = 12, 1e-3
"""The same for `ridge`, whose steps are few and long."""
SLACK = 1.01
"""Times the penalty that a sign outside the working set may pull."""


@dataclass(frozen=True, slots=True)
class Design:
    """Who read what: n readings."""

    rows: Ids
    """(M,) the reading each sign belongs to."""
    columns: Ids
    """(M,) the sign."""
    signs: int
    slots: Ids
    """(n,)"""
    readers: Ids
    """(n,)"""
    ticked: Floats
    """(n,) 1 or 0."""
    counts: Floats
    """(n,) how much each reading counts."""
    offset: Floats
    """(n,) log-odds that are known beforehand."""

    def part(self, keep: NDArray[np.bool_]) -> "Design":
        """The readings in *keep* alone, numbered anew."""
        number = np.cumsum(keep) - 1
        mine = keep[self.rows]
        return Design(
            number[self.rows[mine]],
            self.columns[mine],
            self.signs,
            self.slots[keep],
            self.readers[keep],
            self.ticked[keep],
            self.counts[keep],
            self.offset[keep],
        )

    def of_signs(self, these: NDArray[np.bool_]) -> "Design":
        """The same readings, with only *these* signs, numbered anew."""
        number, mine = np.cumsum(these) - 1, these[self.columns]
        return replace(self, rows=self.rows[mine], columns=number[self.columns[mine]], signs=int(these.sum()))


@dataclass(frozen=True, slots=True)
class Fit:
    """What the readings say."""

    weights: Floats
    """(signs,) log-odds of each."""
    slots: Floats
    readers: Floats
    bias: float

    def liking(self, design: Design) -> Floats:
        """Log-odds of each reading by its offset and its signs alone: (n,)."""
        return self.bias + design.offset + _sum(design, self.weights)


def _sum(design: Design, weights: Floats) -> Floats:
    return _tally(design.rows, weights[design.columns], len(design.ticked))


def _tally(places: Ids, values: Floats, count: int) -> Floats:
    """What falls on each of *count* places, summed."""
    return np.bincount(places, values, count).astype(np.float64)


def sigmoid(z: Floats) -> Floats:
    """Log-odds to chances."""
    return np.asarray(0.5 * (1 + np.tanh(z / 2)))


def fit(design: Design, penalty: float, start: Fit | None = None) -> Fit:
    """The minimum, from *start* on: neighbouring penalties have neighbouring minima."""
    weights = np.zeros(design.signs) if start is None else start.weights
    working = weights != 0
    while True:
        found = _fit(design.of_signs(working), penalty, start and replace(start, weights=weights[working]))
        weights = np.zeros(design.signs)
        weights[working] = found.weights
        start = replace(found, weights=weights)
        pulling = ~working & (np.abs(_pull(design, start)) > SLACK * penalty)
        if not pulling.any():
            return start
        working |= pulling


def _pull(design: Design, at: Fit) -> Floats:
    """The gradient of the mean loss by the weights."""
    z = at.liking(design) + at.slots[design.slots] + at.readers[design.readers]
    wrong = design.counts * (sigmoid(z) - design.ticked) / len(z)
    return _tally(design.columns, wrong[design.rows], design.signs)


def _fit(design: Design, penalty: float, start: Fit | None) -> Fit:
    """The minimum over all signs of the design."""
    n, slots, readers = len(design.ticked), int(design.slots.max()) + 1, int(design.readers.max()) + 1
    edges = np.cumsum([design.signs, slots, readers])
    here = np.zeros(edges[-1] + 1)
    if start is not None:
        here[: edges[0]], here[edges[0] : edges[1]] = start.weights, start.slots[:slots]
        here[edges[1] : edges[2]], here[-1] = start.readers[:readers], start.bias
    else:
        rate = np.average(design.ticked, weights=design.counts)
        here[-1] = np.log((rate + 1e-3) / (1 - rate + 1e-3))
    length = 4.0 / _stretch(design)
    ahead, pace = here.copy(), 1.0
    for _ in range(MOST_STEPS):
        after = ahead - length * _slope(design, ahead, edges, n)
        w = after[: edges[0]]
        after[: edges[0]] = np.sign(w) * np.maximum(np.abs(w) - length * penalty, 0)
        after[edges[1] : edges[2]] /= 1 + length / (n * SPREAD)
        step = after - here
        if (ahead - after) @ step > 0:  # it overshot: forget the momentum (O'Donoghue & Candès 2015)
            pace = 1.0
        following = (1 + np.sqrt(1 + 4 * pace * pace)) / 2
        ahead = after + (pace - 1) / following * step
        here, pace = after, following
        if np.abs(step).max() < CLOSE:
            break
    return Fit(here[: edges[0]], here[edges[0] : edges[1]], here[edges[1] : edges[2]], float(here[-1]))


def _slope(design: Design, at: Floats, edges: Any, n: int) -> Floats:
    """The gradient of the mean loss."""
    z = at[-1] + design.offset + _sum(design, at[: edges[0]]) + at[edges[0] : edges[1]][design.slots]
    z += at[edges[1] : edges[2]][design.readers]
    wrong = design.counts * (sigmoid(z) - design.ticked) / n
    parts = [
        _tally(design.columns, wrong[design.rows], design.signs),
        _tally(design.slots, wrong, edges[1] - edges[0]),
        _tally(design.readers, wrong, edges[2] - edges[1]),
        np.array([wrong.sum()]),
    ]
    return np.concatenate(parts)


def ridge(columns: Floats, ticked: Floats, counts: Floats, precision: Floats, start: Floats) -> Floats:
    """Dense logistic regression: weights (D,) with a normal prior of mean *start* and that *precision* (D,).

    columns (n, D), and ticked and counts (n,) as in a design; the last column should be ones. By Newton's method, each
    step halved until it does not make things worse: where the ticked are far from the others, whole ones run away.
    """

    def loss(weights: Floats) -> float:
        log_odds = columns @ weights
        surprise = counts @ (np.logaddexp(0, log_odds) - ticked * log_odds)
        return float(surprise + precision @ (weights - start) ** 2 / 2)

    at, now = start.copy(), loss(start)
    for _ in range(MOST_NEWTON):
        chance = sigmoid(columns @ at)
        slope = columns.T @ (counts * (chance - ticked)) + precision * (at - start)
        bend = (columns * (counts * chance * (1 - chance))[:, None]).T @ columns + np.diag(precision)
        step = np.linalg.solve(bend, slope)
        while (after := loss(at - step)) > now and np.abs(step).max() > CLOSE_NEWTON:
            step = step / 2
        at, now = at - step, after
        if np.abs(step).max() < CLOSE_NEWTON:
            break
    return at


def _stretch(design: Design) -> float:
    """Largest eigenvalue of the design's squared mean, by power iteration, and a little more."""
    n = len(design.ticked)
    v, size = np.ones(design.signs), 1.0
    for _ in range(12):
        v = _tally(design.columns, (design.counts * _sum(design, v) / n)[design.rows], design.signs)
        size = float(np.linalg.norm(v)) or 1.0
        v /= size
    return 1.1 * size + 3.0 * float(design.counts.max())
