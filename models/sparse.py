"""Logistic regression in numpy: sparse, with effects of readers and slots (`fit`), and dense, with a prior (`ridge`).

`fit` learns from n readings (one reader saw one line) which signs of a line (words, endings, …) matter. It minimises,
over sign weights w, slot effects s, reader effects u and the bias b, with an offset o that is known for each line,

    1/n sum_i a_i log(1 + exp(-y_i z_i)) + penalty |w|_1 + 1/(2 n v) |u|^2,   z = o + b + X w + s[slot] + u[reader]

where a are the weights of readings, y = 1 for a tick and -1 otherwise, and v is `SPREAD`. The method is accelerated
proximal gradient (FISTA, Beck & Teboulle 2009, with restarts) on a working set of signs. The set grows until no sign
outside it has a gradient above the penalty. The lasso leaves few non-zero weights; so a few thousand ticks are enough
(docs/learning.md compares).

Letters of shapes: n readings, M pairs of a reading and one of its signs, D columns of a dense regression.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

SPREAD = 0.25
"""v, the prior variance of reader effects, in squared log-odds: a standard deviation of 0.5."""
MOST_STEPS = 400
"""Most steps of `fit` on one working set."""
CLOSE = 1e-4
"""`fit` ends when a step changes no parameter by more, in log-odds."""
MOST_NEWTON, CLOSE_NEWTON = 12, 1e-3
"""The same two numbers for `ridge`, whose Newton steps are fewer and longer."""
SLACK = 1.01
"""Largest gradient of a sign outside the working set, in multiples of the penalty."""


@dataclass(frozen=True, slots=True)
class Design:
    """The data of n readings. The matrix X of signs is sparse: entry m is a one at (rows[m], columns[m])."""

    rows: Ids
    """(M,) the number of the reading."""
    columns: Ids
    """(M,) the number of the sign."""
    signs: int
    """Number of different signs."""
    slots: Ids
    """(n,) the place of the line in its poem."""
    readers: Ids
    """(n,) the number of the reader."""
    ticked: Floats
    """(n,) 1 or 0."""
    counts: Floats
    """(n,) the weight of each reading."""
    offset: Floats
    """(n,) log-odds that are known beforehand."""

    def part(self, keep: NDArray[np.bool_]) -> "Design":
        """Only the readings in *keep* (n,), renumbered."""
        number = np.cumsum(keep) - 1
        mine = keep[self.rows]
        return Design(
            rows=number[self.rows[mine]],
            columns=self.columns[mine],
            signs=self.signs,
            slots=self.slots[keep],
            readers=self.readers[keep],
            ticked=self.ticked[keep],
            counts=self.counts[keep],
            offset=self.offset[keep],
        )

    def of_signs(self, these: NDArray[np.bool_]) -> "Design":
        """The same readings, with only *these* signs (signs,), renumbered."""
        number, mine = np.cumsum(these) - 1, these[self.columns]
        return replace(self, rows=self.rows[mine], columns=number[self.columns[mine]], signs=int(these.sum()))


@dataclass(frozen=True, slots=True)
class Fit:
    """The parameters of the regression, in log-odds."""

    weights: Floats
    """(signs,) of each sign."""
    slots: Floats
    """(slots,) effect of each slot."""
    readers: Floats
    """(readers,) effect of each reader."""
    bias: float

    def liking(self, design: Design) -> Floats:
        """Log-odds of a tick for each reading, without the effects of slot and reader: (n,)."""
        return self.bias + design.offset + _sum(design, self.weights)


def _sum(design: Design, weights: Floats) -> Floats:
    """X w: the sum of the weights of each reading's signs, (signs,) -> (n,)."""
    return _tally(design.rows, weights[design.columns], len(design.ticked))


def _tally(places: Ids, values: Floats, count: int) -> Floats:
    """The sum of the *values* (M,) at each of *count* places, where *places* (M,) says which: (count,)."""
    return np.bincount(places, values, count).astype(np.float64)


def sigmoid(z: Floats) -> Floats:
    """Log-odds -> probabilities, any shape."""
    return np.asarray(0.5 * (1 + np.tanh(z / 2)))


def fit(design: Design, penalty: float, start: Fit | None = None) -> Fit:
    """The minimum, by a growing working set. *start*: the minimum for a neighbouring penalty, which is close."""
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
    """The gradient of the mean loss with respect to the sign weights: (signs,)."""
    z = at.liking(design) + at.slots[design.slots] + at.readers[design.readers]
    wrong = design.counts * (sigmoid(z) - design.ticked) / len(z)
    return _tally(design.columns, wrong[design.rows], design.signs)


def _fit(design: Design, penalty: float, start: Fit | None) -> Fit:
    """The minimum over all signs of the design, by FISTA.

    The parameters are one vector: sign weights, slot effects, reader effects, bias, in this order; *edges* are where
    the parts end.
    """
    n, slots, readers = len(design.ticked), int(design.slots.max()) + 1, int(design.readers.max()) + 1
    edges = np.cumsum([design.signs, slots, readers])
    here = np.zeros(edges[-1] + 1)
    if start is not None:
        here[: edges[0]], here[edges[0] : edges[1]] = start.weights, start.slots[:slots]
        here[edges[1] : edges[2]], here[-1] = start.readers[:readers], start.bias
    else:
        rate = np.average(design.ticked, weights=design.counts)
        here[-1] = np.log((rate + 1e-3) / (1 - rate + 1e-3))
    length = 4.0 / _largest_eigenvalue(design)  # 4: the second derivative of the logistic loss is at most 1/4
    ahead, pace = here.copy(), 1.0
    for _ in range(MOST_STEPS):
        after = ahead - length * _slope(design, ahead, edges, n)
        w = after[: edges[0]]
        after[: edges[0]] = np.sign(w) * np.maximum(np.abs(w) - length * penalty, 0)
        after[edges[1] : edges[2]] /= 1 + length / (n * SPREAD)
        step = after - here
        if (ahead - after) @ step > 0:  # it overshot: restart the momentum (O'Donoghue & Candès 2015)
            pace = 1.0
        following = (1 + np.sqrt(1 + 4 * pace * pace)) / 2
        ahead = after + (pace - 1) / following * step
        here, pace = after, following
        if np.abs(step).max() < CLOSE:
            break
    return Fit(here[: edges[0]], here[edges[0] : edges[1]], here[edges[1] : edges[2]], float(here[-1]))


def _slope(design: Design, at: Floats, edges: Any, n: int) -> Floats:
    """The gradient of the mean loss with respect to all parameters, in the order of `_fit`."""
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
    """Dense logistic regression: columns (n, D), ticked (n,), counts (n,) -> weights (D,).

    The weights have a normal prior with mean *start* (D,) and *precision* (D,). The last column should be ones. The
    method is Newton's, with each step halved until the loss does not grow: full steps diverge on separable data.
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


def _largest_eigenvalue(design: Design) -> float:
    """An upper bound of the largest eigenvalue of X'AX / n, by power iteration and a margin; A: the counts."""
    n = len(design.ticked)
    v, size = np.ones(design.signs), 1.0
    for _ in range(12):
        v = _tally(design.columns, (design.counts * _sum(design, v) / n)[design.rows], design.signs)
        size = float(np.linalg.norm(v)) or 1.0
        v /= size
    return 1.1 * size + 3.0 * float(design.counts.max())
