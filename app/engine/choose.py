"""Choosing among candidates: several continuations from one place, one of which the poem goes on with."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

BAND = 0.35
"""Nats a symbol by which a candidate may be less likely than the likeliest and still be as good."""
RARITY = 3.5
"""What a nat a symbol of surprise is worth among candidates: it wins back variety that choosing by taste costs, nearly
for nothing; from 4 on it costs real words (docs/learning.md)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way a line could go."""

    text: str
    logprob: float
    """Nats, the line end included."""
    symbols: int
    """Drawn, the line end included."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which candidate it is."""

    index: int
    chance: float
    """With which it was chosen among them."""
    liking: float | None = None
    """Log-odds of a tick, where a taste was asked."""


Chooser = Callable[[Sequence[Candidate], float], Choice]
"""Candidates and a random number in [0, 1) -> one of them."""
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


def within_band(candidates: Sequence[Candidate], number: float) -> Choice:
    """Any of those whose mean log-probability is near the best, with equal chance."""
    means = [candidate.logprob / candidate.symbols for candidate in candidates]
    good = [i for i, mean in enumerate(means) if mean >= max(means) - BAND]
    return Choice(good[int(number * len(good))], 1 / len(good))


def by_taste(likings: Likings, temperature: float) -> Chooser:
    """The better liked the likelier, and of lines liked alike the rarer: what everybody likes is soon said again.

    Chances are proportional to exp(liking / temperature + RARITY * surprise), surprise in nats a symbol.
    """

    def choose(candidates: Sequence[Candidate], number: float) -> Choice:
        liked = likings([candidate.text for candidate in candidates])
        surprises = [-candidate.logprob / candidate.symbols for candidate in candidates]
        wanted = [a / temperature + RARITY * b for a, b in zip(liked, surprises, strict=True)]
        best = max(wanted)
        odds = [math.exp(each - best) for each in wanted]
        chances = [each / math.fsum(odds) for each in odds]
        place, below = 0, chances[0]
        while below <= number and place < len(chances) - 1:
            place += 1
            below += chances[place]
        return Choice(place, chances[place], liked[place])

    return choose
