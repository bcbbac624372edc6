"""Logistic regression in numpy: sparse, with effects of readers and slots (`fit`), and dense, with a prior (`ridge`).

`fit` learns from n readings (one reader saw one line) which features of a line (words, endings, …) matter. It
minimises, over feature weights w, slot effects s, reader effects u and the bias b, with an offset o that is known for
each line,

    1/n sum_i a_i log(1 + exp(-y_i z_i)) + penalty |w|_1 + 1/(2 n v) |u|^2,   z = o + b + X w + s[slot] + u[reader]

where a are the weights of readings, y = 1 for a tick and -1 otherwise, and v is `SPREAD`. The method is accelerated
proximal gradient (FISTA, Beck & Teboulle 2009, with restarts) on a working set of features. The set grows until
no feature outside it has a gradient above the penalty. The lasso leaves few non-zero weights; so a few thousand ticks
are enough (docs/learning.md compares).

Letters of shapes: n readings, M pairs of a reading and one of its features, D columns of a dense regression.
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
"""Largest gradient of a feature outside the working set, in multiples of the penalty."""


@dataclass(frozen=True, slots=True)
class Design:
    """The data of n readings. The matrix X of features is sparse: entry m is a one at (rows[m], columns[m])."""

    rows: Ids
    """(M,) the number of the reading."""
    columns: Ids
    """(M,) the number of the feature."""
    features: int
    """Number of different features."""
    slots: Ids
    """(n,) the place of the line in its poem."""
    readers: Ids
    """(n,) the number of the reader."""
    ticked: Floats
    """(n,) 1 or 0."""
    reading_weights: Floats
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
            features=self.features,
            slots=self.slots[keep],
            readers=self.readers[keep],
            ticked=self.ticked[keep],
            reading_weights=self.reading_weights[keep],
            offset=self.offset[keep],
        )

    def of_features(self, these: NDArray[np.bool_]) -> "Design":
        """The same readings, with only *these* features (features,), renumbered."""
        number, mine = np.cumsum(these) - 1, these[self.columns]
        return replace(self, rows=self.rows[mine], columns=number[self.columns[mine]], features=int(these.sum()))


@dataclass(frozen=True, slots=True)
class Fit:
    """The parameters of the regression, in log-odds."""

    weights: Floats
    """(features,) of each feature."""
    slots: Floats
    """(slots,) effect of each slot."""
    readers: Floats
    """(readers,) effect of each reader."""
    bias: float

    def liking(self, design: Design) -> Floats:
        """Log-odds of a tick for each reading, without the effects of slot and reader: (n,)."""
        return self.bias + design.offset + _sum(design, self.weights)


def _sum(design: Design, weights: Floats) -> Floats:
    """X w: the sum of the weights of each reading's features, (features,) -> (n,)."""
    return _tally(design.rows, weights[design.columns], len(design.ticked))


def _tally(places: Ids, values: Floats, count: int) -> Floats:
    """The sum of the *values* (M,) at each of *count* places, where *places* (M,) says which: (count,)."""
    return np.bincount(places, values, count).astype(np.float64)


def sigmoid(z: Floats) -> Floats:
    """Log-odds -> probabilities, any shape."""
    return np.asarray(0.5 * (1 + np.tanh(z / 2)))


def fit(design: Design, penalty: float, start: Fit | None = None) -> Fit:
    """The minimum, by a growing working set. *start*: the minimum for a neighbouring penalty, which is close."""
    weights = np.zeros(design.features) if start is None else start.weights
    working = weights != 0
    while True:
        nearby = None if start is None else replace(start, weights=weights[working])
        fitted = _fit(design.of_features(working), penalty, nearby)
        weights = np.zeros(design.features)
        weights[working] = fitted.weights
        start = replace(fitted, weights=weights)
        pulling = ~working & (np.abs(_feature_gradient(design, start)) > SLACK * penalty)
        if not pulling.any():
            return start
        working |= pulling


def _feature_gradient(design: Design, at: Fit) -> Floats:
    """The gradient of the mean loss with respect to the feature weights: (features,)."""
    z = at.liking(design) + at.slots[design.slots] + at.readers[design.readers]
    wrong = design.reading_weights * (sigmoid(z) - design.ticked) / len(z)
    return _tally(design.columns, wrong[design.rows], design.features)


def _fit(design: Design, penalty: float, start: Fit | None) -> Fit:
    """The minimum over all features of the design, by FISTA.

    The parameters are one vector: feature weights, slot effects, reader effects, bias, in this order; *edges* are where
    the parts end.
    """
    n, slots, readers = len(design.ticked), int(design.slots.max()) + 1, int(design.readers.max()) + 1
    edges = np.cumsum([design.features, slots, readers])
    if start is not None:
        here = np.concatenate([start.weights, start.slots[:slots], start.readers[:readers], [start.bias]])
    else:
        here = np.zeros(edges[-1] + 1)
        rate = np.average(design.ticked, weights=design.reading_weights)
        here[-1] = np.log((rate + 1e-3) / (1 - rate + 1e-3))
    length = 4.0 / _largest_eigenvalue(design)  # 4: the second derivative of the logistic loss is at most 1/4
    ahead, momentum = here.copy(), 1.0
    for _ in range(MOST_STEPS):
        after = ahead - length * _gradient(design, ahead, edges, n)
        w = after[: edges[0]]
        after[: edges[0]] = np.sign(w) * np.maximum(np.abs(w) - length * penalty, 0)
        after[edges[1] : edges[2]] /= 1 + length / (n * SPREAD)
        step = after - here
        if (ahead - after) @ step > 0:  # it overshot: restart the momentum (O'Donoghue & Candès 2015)
            momentum = 1.0
        following = (1 + np.sqrt(1 + 4 * momentum * momentum)) / 2
        ahead = after + (momentum - 1) / following * step
        here, momentum = after, following
        if np.abs(step).max() < CLOSE:
            break
    return Fit(here[: edges[0]], here[edges[0] : edges[1]], here[edges[1] : edges[2]], float(here[-1]))


def _gradient(design: Design, at: Floats, edges: Any, n: int) -> Floats:
    """The gradient of the mean loss with respect to all parameters, in the order of `_fit`."""
    z = at[-1] + design.offset + _sum(design, at[: edges[0]]) + at[edges[0] : edges[1]][design.slots]
    z += at[edges[1] : edges[2]][design.readers]
    wrong = design.reading_weights * (sigmoid(z) - design.ticked) / n
    parts = [
        _tally(design.columns, wrong[design.rows], design.features),
        _tally(design.slots, wrong, edges[1] - edges[0]),
        _tally(design.readers, wrong, edges[2] - edges[1]),
        np.array([wrong.sum()]),
    ]
    return np.concatenate(parts)


def ridge(
    columns: NDArray[Any],
    ticked: Floats,
    reading_weights: NDArray[Any],
    precision: Floats,
    start: Floats,
    *,
    offset: NDArray[Any] | float = 0.0,
) -> Floats:
    """Dense logistic regression: columns (n, D), ticked (n,), reading_weights (n,) -> weights (D,).

    *offset*: as in `fit`, (n,). The weights have a normal prior with mean *start* (D,) and *precision* (D,). The
    method is Newton's, with each step halved until the loss does not grow: full steps diverge on separable data.
    """

    def loss(weights: Floats) -> float:
        log_odds = offset + columns @ weights
        surprise = reading_weights @ (np.logaddexp(0, log_odds) - ticked * log_odds)
        return float(surprise + precision @ (weights - start) ** 2 / 2)

    at, now = start.copy(), loss(start)
    for _ in range(MOST_NEWTON):
        chance = sigmoid(offset + columns @ at)
        slope = columns.T @ (reading_weights * (chance - ticked)) + precision * (at - start)
        hessian = (columns * (reading_weights * chance * (1 - chance))[:, None]).T @ columns + np.diag(precision)
        step = np.linalg.solve(hessian, slope)
        while (after := loss(at - step)) > now and np.abs(step).max() > CLOSE_NEWTON:
            step = step / 2
        at, now = at - step, after
        if np.abs(step).max() < CLOSE_NEWTON:
            break
    return at


def _largest_eigenvalue(design: Design) -> float:
    """An upper bound of the largest eigenvalue of X'AX / n, by power iteration and a margin; A: reading weights."""
    n = len(design.ticked)
    v, size = np.ones(design.features), 1.0
    for _ in range(12):
        v = _tally(design.columns, (design.reading_weights * _sum(design, v) / n)[design.rows], design.features)
        size = float(np.linalg.norm(v)) or 1.0
        v /= size
    return 1.1 * size + 3.0 * float(design.reading_weights.max())
