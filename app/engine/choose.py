"""Choosing among candidates: several ways a line could go on from one place, one of which the poem takes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

BAND = 0.35
"""Nats a symbol by which a candidate may be less likely than the likeliest and still be as good."""
RARITY = 3.5
"""Log-odds that a nat a symbol of rarity is worth: it wins back the variety that choosing by taste costs, nearly for
nothing; from 4 on it costs real words (docs/learning.md)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way a line could go."""

    text: str
    logprob: float
    """Nats, summed over its symbols, the line end included."""
    symbols: int
    """How many were drawn, the line end included."""

    @property
    def mean_logprob(self) -> float:
        """Nats a symbol: comparable between lines of different length."""
        return self.logprob / self.symbols


@dataclass(frozen=True, slots=True)
class Choice:
    """Which candidate was chosen."""

    index: int
    propensity: float
    """Probability with which it was chosen among them, 0 to 1."""
    liking: float | None = None
    """Log-odds of a tick, where a taste was asked."""


Chooser = Callable[[Sequence[Candidate], float], Choice]
"""Candidates and a uniform random number in [0, 1) -> one of them."""
Likings = Callable[[Sequence[str]], Sequence[float]]
"""Lines -> log-odds of a tick for each: a taste."""


@dataclass(frozen=True, slots=True)
class Way:
    """How the lines of a poem are chosen."""

    candidates: int
    """Ways each line is drawn."""
    choose: Chooser
    taste: int | None = None
    """Id of the taste that chooses."""


def within_band(candidates: Sequence[Candidate], uniform: float) -> Choice:
    """Any of those whose mean log-probability is near the best, with equal probability."""
    means = [candidate.mean_logprob for candidate in candidates]
    good = [i for i, mean in enumerate(means) if mean >= max(means) - BAND]
    return Choice(good[int(uniform * len(good))], propensity=1 / len(good))


def by_taste(likings: Likings, temperature: float) -> Chooser:
    """The better liked the likelier, and of lines liked alike the rarer: what everybody likes is soon said again.

    A candidate's propensity is proportional to exp(liking / temperature + RARITY * rarity), rarity being minus its
    mean log-probability.
    """

    def choose(candidates: Sequence[Candidate], uniform: float) -> Choice:
        liked = likings([candidate.text for candidate in candidates])
        rarities = [-candidate.mean_logprob for candidate in candidates]
        scores = [liking / temperature + RARITY * rarity for liking, rarity in zip(liked, rarities, strict=True)]
        best = max(scores)
        weights = [math.exp(score - best) for score in scores]  # less the best: exp of 900 is no number
        propensities = [weight / math.fsum(weights) for weight in weights]
        # The first whose running sum exceeds the uniform; the last where rounding leaves the sum short of 1.
        index, cumulative = 0, propensities[0]
        while cumulative <= uniform and index < len(propensities) - 1:
            index += 1
            cumulative += propensities[index]
        return Choice(index, propensities[index], liked[index])

    return choose
