"""Choosing among candidates: several ways a line could go on from one place, one of which the poem takes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

BAND = 0.35
"""Nats a symbol by which a candidate may be less likely than the likeliest and still be as good."""
LIKELY = 1.0
"""Log-odds that a nat a symbol of likelihood is worth beside the reranker's (docs/log.md, 2026-11-25)."""
PLAUSIBILITY_TEMPERATURE = 0.5
"""How freely plausibility chooses: of two lines 1 apart, e^(1/T) to 1. Near 0 it would say the same things again."""
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
    follows: float = 0.0
    """How well it goes on after the lines before: the reranker's log-odds, up to a constant; 0 without one."""

    @property
    def mean_logprob(self) -> float:
        """Nats a symbol: comparable between lines of different length."""
        return self.logprob / self.symbols


@dataclass(frozen=True, slots=True)
class Context:
    """Where in a poem a line is to stand."""

    before: tuple[str, ...] = ()
    """The poem's lines so far."""
    ends: bool = False
    """Is it the poem's last line?"""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which candidate was chosen."""

    index: int
    propensity: float
    """Probability with which it was chosen among them, 0 to 1."""
    liking: float | None = None
    """Log-odds of a tick, where a taste was asked."""


Chooser = Callable[[Context, Sequence[Candidate], float], Choice]
"""Where the line is to stand, candidates, and a uniform random number in [0, 1) -> one of them."""
Scorer = Callable[[Context, Sequence[Candidate]], Sequence[float]]
"""Where the line is to stand, and candidates -> log-odds of each, up to a constant."""
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
    score: Scorer | None = None
    """By what it chooses, and by what candidates are given up in mid-line; None: by likelihood."""


def within_band(_context: Context, candidates: Sequence[Candidate], uniform: float) -> Choice:
    """Any of those whose mean log-probability is near the best, with equal probability."""
    means = [candidate.mean_logprob for candidate in candidates]
    good = [i for i, mean in enumerate(means) if mean >= max(means) - BAND]
    return Choice(good[int(uniform * len(good))], propensity=1 / len(good))


def plausibility(_context: Context, candidates: Sequence[Candidate]) -> list[float]:
    """How well a line follows, by the version's reranker, and how likely its network finds it, in log-odds."""
    return [(one.follows + LIKELY * one.mean_logprob) / PLAUSIBILITY_TEMPERATURE for one in candidates]


def rarity(_context: Context, candidates: Sequence[Candidate]) -> list[float]:
    """The rarer a line, the better: for a version without a reranker, whose taste would say the same things again."""
    return [-RARITY * candidate.mean_logprob for candidate in candidates]


def by_score(score: Scorer) -> Chooser:
    """A candidate's propensity is proportional to exp(score)."""

    def choose(context: Context, candidates: Sequence[Candidate], uniform: float) -> Choice:
        return _draw(score(context, candidates), uniform)

    return choose


def by_taste(likings: Likings, temperature: float, beside: Scorer = rarity) -> Chooser:
    """The better liked the likelier; of lines liked alike, those that are the better *beside*.

    A candidate's propensity is proportional to exp(liking / temperature + beside).
    """

    def choose(context: Context, candidates: Sequence[Candidate], uniform: float) -> Choice:
        liked = likings([candidate.text for candidate in candidates])
        scores = [liking / temperature + rest for liking, rest in zip(liked, beside(context, candidates), strict=True)]
        choice = _draw(scores, uniform)
        return replace(choice, liking=liked[choice.index])

    return choose


def tasted(likings: Likings, temperature: float, beside: Scorer = rarity) -> Scorer:
    """What `by_taste` chooses by."""

    def score(context: Context, candidates: Sequence[Candidate]) -> list[float]:
        liked = likings([candidate.text for candidate in candidates])
        return [liking / temperature + rest for liking, rest in zip(liked, beside(context, candidates), strict=True)]

    return score


def noting(likings: Likings, choose: Chooser) -> Chooser:
    """As *choose* chooses, with a note of what taste would have said of it."""

    def noted(context: Context, candidates: Sequence[Candidate], uniform: float) -> Choice:
        choice = choose(context, candidates, uniform)
        return replace(choice, liking=likings([candidates[choice.index].text])[0])

    return noted


def _draw(scores: Sequence[float], uniform: float) -> Choice:
    """One of them, with a propensity proportional to exp(score)."""
    best = max(scores)
    weights = [math.exp(score - best) for score in scores]  # less the best: exp of 900 is no number
    propensities = [weight / math.fsum(weights) for weight in weights]
    # The first whose running sum exceeds the uniform; the last where rounding leaves the sum short of 1.
    index, cumulative = 0, propensities[0]
    while cumulative <= uniform and index < len(propensities) - 1:
        index += 1
        cumulative += propensities[index]
    return Choice(index, propensities[index])


ONE = Way(1, within_band)
"""The first line that comes: how a version without a reranker writes for readers without a taste."""
