"""Choosing among candidates: several ways a line could go on from one place, one of which the poem takes."""

import math
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from models.checkpoint import Style
from models.seen import Hashes, shares_a_run

LIKELY = 8.0
"""Log-odds that a nat a symbol of likelihood is worth: readers prefer the likelier of two lines (docs/log.md)."""
PLAUSIBILITY_TEMPERATURE = 0.25
"""How freely plausibility chooses: of two lines 1 apart, e^(1/T) to 1. Near 0 it would say the same things again."""
OPENING_TEMPERATURE = 0.8
"""The same of the first line of a voice that opens warm (`Style.opening`): all that follows differs with it."""
FEWEST = 2
"""Candidates of a line, however many readers there are, where its way draws several."""
OF_A_TAKE = 4
"""Candidates that a take has at least: two takes of two are chosen from worse than one of four, and cost more."""
TASTED = 16
"""Candidates of a line where a taste chooses, of a version that asks for fewer without one."""
REMEMBERED = 4096
"""Lines of a voice that a process remembers to have served: as many as forty readers see in a day."""
SAID_LINE = 30.0
"""Log-odds that a line loses that was said lately, in its poem, or in the verse that the version learned from: it comes
only where all its rivals were said, too."""
SAID_HERE = 6.0
"""Log-odds that a line loses all of whose pairs of words stand in its own poem already."""
SAID_PAIR, MOST_TIMES = 2.0, 3
"""Log-odds that a line loses, in the mean of its pairs of words, for each time a pair was said lately; and how many
times count."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way a line could go."""

    text: str
    logprob: float
    """Nats, summed over its symbols, the line end included."""
    symbols: int
    """How many were drawn, the line end included."""
    reward: float = 0.0
    """What the version has learned that readers prefer, in log-odds summed over its symbols; 0 where it has not."""

    @property
    def mean_logprob(self) -> float:
        """Nats a symbol: comparable between lines of different length."""
        return self.logprob / self.symbols

    @property
    def mean_reward(self) -> float:
        """Log-odds that it is preferred to another, likelihood apart."""
        return self.reward / self.symbols


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
    score: float = 0.0
    """Log-odds that it was chosen for, up to the constant of its chooser."""
    liking: float | None = None
    """Log-odds of a tick, where a taste was asked."""


Chooser = Callable[[Context, Sequence[Candidate], float], Choice]
"""Where the line is to stand, candidates, and a uniform random number in [0, 1) -> one of them."""
Scorer = Callable[[Context, Sequence[Candidate]], Sequence[float]]
"""Where the line is to stand, and candidates -> log-odds of each, up to a constant."""
Likings = Callable[[Sequence[str], Sequence[float]], Sequence[float]]
"""Lines, and nats a symbol of each -> log-odds of a tick for each: a taste."""


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
    takes: int = 1
    """Ways the poem goes on after its first line, which share its candidates; the best by score is told."""
    told: Callable[[str], None] = lambda _line: None
    """Hears each line that was written and told."""

    def within(self, most: int) -> "Way":
        """The same with so many candidates at most, and as many takes as those suffice for."""
        candidates = min(self.candidates, most)
        return replace(self, candidates=candidates, takes=max(1, min(self.takes, candidates // OF_A_TAKE)))


def first(_context: Context, _candidates: Sequence[Candidate], _uniform: float) -> Choice:
    """The first of them, and the only one."""
    return Choice(0, propensity=1.0)


def plausibility(said: Hashes | None = None, *, warm: bool = False) -> Scorer:
    """How likely the network finds a line, and what readers prefer, in log-odds; less for what stands in *said*, or in
    the poem already: nothing is likelier than to say the same again.
    """

    def score(context: Context, candidates: Sequence[Candidate]) -> list[float]:
        temperature = OPENING_TEMPERATURE if warm and not context.before else PLAUSIBILITY_TEMPERATURE
        lines = {_letters(line) for line in context.before}
        pairs = {pair for line in context.before for pair in _pairs(line)}
        return [
            (LIKELY * one.mean_logprob + one.mean_reward) / temperature
            - SAID_LINE * (_letters(one.text) in lines or (said is not None and shares_a_run(one.text, said)))
            - SAID_HERE * _share_of(_pairs(one.text), pairs)
            for one in candidates
        ]

    return score


def _share_of(pairs: Sequence[str], known: Collection[str]) -> float:
    """Share of the *pairs* that are known; 0 of none."""
    return sum(pair in known for pair in pairs) / max(1, len(pairs))


class Recent:
    """What a process has lately said for a voice, so that it is not said again. Of the decode thread.

    Variety comes from here: improbable letters are no variety, they are words that are none (docs/learning.md).
    """

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._served = deque[tuple[str, tuple[str, ...]]]()
        self._lines = Counter[str]()
        self._pairs = Counter[str]()

    def note(self, line: str) -> None:
        """Remember a line that is served, and forget the oldest."""
        said = _letters(line), _pairs(line)
        self._served.append(said)
        self._lines[said[0]] += 1
        self._pairs.update(said[1])
        if len(self._served) > self._most:
            old, pairs = self._served.popleft()
            _take_away(self._lines, (old,))
            _take_away(self._pairs, pairs)

    def cost(self, line: str) -> float:
        """Log-odds that *line* loses."""
        pairs = _pairs(line)
        again = sum(min(self._pairs[pair], MOST_TIMES) for pair in pairs) / max(1, len(pairs))
        return SAID_PAIR * again + SAID_LINE * (_letters(line) in self._lines)

    def avoided(self, score: Scorer) -> Scorer:
        """The *score*, less what each candidate loses."""

        def scored(context: Context, candidates: Sequence[Candidate]) -> list[float]:
            pairs = zip(score(context, candidates), candidates, strict=True)
            return [each - self.cost(one.text) for each, one in pairs]

        return scored


def _letters(line: str) -> str:
    return "".join(c for c in line.casefold() if c.isalnum())


def _pairs(line: str) -> tuple[str, ...]:
    words = [stem(word) for word in line.casefold().split()]
    return tuple(f"{one} {other}" for one, other in pairwise(words))


def stem(word: str) -> str:
    """Of a Korean word its first two syllables: what comes after them is mostly its ending."""
    return word[:2] if "가" <= word[0] <= "힣" else word


def _take_away(counts: Counter[str], keys: Iterable[str]) -> None:
    """One less of each; what is at nothing is forgotten."""
    for key in keys:
        counts[key] -= 1
        if not counts[key]:
            del counts[key]


def alike(_context: Context, candidates: Sequence[Candidate]) -> list[float]:
    """All are as good as each other: of a version that draws one, whose taste knows likelihood already."""
    return [0.0] * len(candidates)


def by_score(score: Scorer) -> Chooser:
    """A candidate's propensity is proportional to exp(score)."""

    def choose(context: Context, candidates: Sequence[Candidate], uniform: float) -> Choice:
        return weighted(score(context, candidates), uniform)

    return choose


def tasted(likings: Likings, temperature: float, beside: Scorer = alike) -> Scorer:
    """The better liked the better; of lines liked alike, those that are the better *beside*: liking / temperature +
    beside.
    """

    def score(context: Context, candidates: Sequence[Candidate]) -> list[float]:
        liked = _liked(likings, candidates)
        return [liking / temperature + rest for liking, rest in zip(liked, beside(context, candidates), strict=True)]

    return score


def noting(likings: Likings, choose: Chooser) -> Chooser:
    """As *choose* chooses, with a note of what taste says of it."""

    def noted(context: Context, candidates: Sequence[Candidate], uniform: float) -> Choice:
        choice = choose(context, candidates, uniform)
        return replace(choice, liking=_liked(likings, [candidates[choice.index]])[0])

    return noted


def _liked(likings: Likings, candidates: Sequence[Candidate]) -> Sequence[float]:
    """Log-odds of a tick for each."""
    return likings([one.text for one in candidates], [one.mean_logprob for one in candidates])


def weighted(scores: Sequence[float], uniform: float) -> Choice:
    """One of them, with a propensity proportional to exp(score)."""
    best = max(scores)
    weights = [math.exp(score - best) for score in scores]  # less the best: exp of 900 is no number
    propensities = [weight / math.fsum(weights) for weight in weights]
    # The first whose running sum exceeds the uniform; the last where rounding leaves the sum short of 1.
    index, cumulative = 0, propensities[0]
    while cumulative <= uniform and index < len(propensities) - 1:
        index += 1
        cumulative += propensities[index]
    return Choice(index, propensities[index], scores[index])


ONE = Way(1, first)
"""The first line that comes."""


def without_taste(style: Style, most: int, *, said: Hashes | None = None) -> Way:
    """How a version of that style writes for readers without a taste, with so many candidates at most; what it has read
    is avoided.
    """
    candidates = min(style.candidates, most)
    if candidates == 1:
        return ONE
    score = plausibility(said, warm=style.opening > style.temperature)
    return Way(candidates, by_score(score), score=score, takes=style.takes)


def avoiding(way: Way, recent: Recent) -> Way:
    """The same, less what *recent* remembers; one that chooses by no score stays as it is."""
    return way if way.score is None else replace(way, choose=by_score(recent.avoided(way.score)))


def with_taste(likings: Likings, most: int, *, temperature: float, without: Way, recent: Recent) -> Way:
    """How lines are chosen by taste, and beside it by what the version has *without* one; *most*: of the candidates."""
    candidates = min(most, max(without.candidates, TASTED))
    beside = without.score or alike
    choose = noting(likings, by_score(tasted(likings, temperature, recent.avoided(beside))))
    return Way(candidates, choose, score=tasted(likings, temperature, beside), takes=without.takes)
