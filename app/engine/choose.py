"""Choosing among candidates: several continuations from one place, one of which the poem goes on with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

BAND = 0.35
"""Nats a symbol by which a candidate may be less likely than the likeliest and still be as good."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way a line could go."""

    text: str
    logprob: float
    """Nats, the line end included."""
    symbols: int
    """Drawn, the line end included."""


Chooser = Callable[[Sequence[Candidate], float], tuple[int, float]]
"""Candidates and a random number in [0, 1) -> which one, and the chance it had."""


def within_band(candidates: Sequence[Candidate], number: float) -> tuple[int, float]:
    """Any of those whose mean log-probability is near the best, with equal chance."""
    means = [candidate.logprob / candidate.symbols for candidate in candidates]
    good = [i for i, mean in enumerate(means) if mean >= max(means) - BAND]
    return good[int(number * len(good))], 1 / len(good)
