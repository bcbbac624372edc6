"""The lecture's first example in numpy, with its gradients written out: the same network as in `lab/lecture.py`.

It is for the page on which readers watch the network learn, because a web process does not load torch. A test compares
the gradients with torch's.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LETTERS = "helo"
READ, WANTED = "hell", "ello"
UNITS = 10
MOST_STEPS = 200
SURE = 0.1
"""Nats a letter; below this mean the lesson is learned."""
RATE, MEAN_DECAY, SQUARE_DECAY = 0.05, 0.9, 0.999
"""Adam's learning rate and decays, as in `lab/lecture.py`."""

Floats = NDArray[np.float64]
Weights = dict[str, Floats]


@dataclass(frozen=True, slots=True)
class Heard:
    """The network's predictions before a step of training."""

    step: int
    loss: float
    """Nats a letter."""
    probabilities: tuple[tuple[float, ...], ...]
    """(T, V): for each letter that is read, the probabilities that h, e, l and o come next."""

    @property
    def said(self) -> str:
        """The most probable letter at each step."""
        return "".join(LETTERS[int(np.argmax(row))] for row in self.probabilities)

    @property
    def learned(self) -> bool:
        """Does it predict `ello`, with a loss below `SURE`?"""
        return self.said == WANTED and self.loss < SURE


def lesson(seed: int = 0) -> Iterator[Heard]:
    """The predictions before each step of training, until it is learned or `MOST_STEPS` have passed."""
    weights = dice(seed)
    means, squares = ({name: np.zeros_like(w) for name, w in weights.items()} for _ in range(2))
    for step in range(MOST_STEPS + 1):
        loss, probabilities, slopes = look(weights)
        heard = Heard(step, loss, tuple(tuple(map(float, row)) for row in probabilities))
        yield heard
        if heard.learned:
            return
        for name, slope in slopes.items():
            means[name] = MEAN_DECAY * means[name] + (1 - MEAN_DECAY) * slope
            squares[name] = SQUARE_DECAY * squares[name] + (1 - SQUARE_DECAY) * slope**2
            mean = means[name] / (1 - MEAN_DECAY ** (step + 1))
            square = squares[name] / (1 - SQUARE_DECAY ** (step + 1))
            weights[name] = weights[name] - RATE * mean / (np.sqrt(square) + 1e-8)


def dice(seed: int) -> Weights:
    """The initial weights, from torch's distribution: uniform in ±1/√units."""
    H, V = UNITS, len(LETTERS)
    draw = np.random.default_rng(seed)
    shapes = {"in": (H, V), "again": (H, H), "bias": (H,), "out": (V, H), "rest": (V,)}
    return {name: draw.uniform(-(H**-0.5), H**-0.5, shape) for name, shape in shapes.items()}


def look(weights: Weights) -> tuple[float, Floats, Weights]:
    """The loss (nats a letter), the probabilities (T, V) and the gradients by weight, for one pass over `hell`."""
    x = np.eye(len(LETTERS))[[LETTERS.index(c) for c in READ]]  # (T, V)
    y = np.eye(len(LETTERS))[[LETTERS.index(c) for c in WANTED]]
    h = [np.zeros(UNITS)]
    for letter in x:
        h.append(np.tanh(weights["in"] @ letter + weights["again"] @ h[-1] + weights["bias"]))
    states = np.array(h[1:])  # (T, H)
    logits = states @ weights["out"].T + weights["rest"]
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    loss = float(-np.log((probabilities * y).sum(axis=1)).mean())
    wrong = (probabilities - y) / len(x)  # the gradient of softmax and cross-entropy together
    slopes = {name: np.zeros_like(w) for name, w in weights.items()}
    slopes["out"], slopes["rest"] = wrong.T @ states, wrong.sum(axis=0)
    later = np.zeros(UNITS)  # backpropagation through time: the gradient at h[t] from the later steps
    for t in reversed(range(len(x))):
        inner = (wrong[t] @ weights["out"] + later) * (1 - states[t] ** 2)
        slopes["in"] += np.outer(inner, x[t])
        slopes["again"] += np.outer(inner, h[t])
        slopes["bias"] += inner
        later = inner @ weights["again"]
    return loss, probabilities, slopes
