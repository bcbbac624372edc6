"""Choosing among candidates: of several lines drawn for one place in a poem, one is taken."""

import math
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

from models.checkpoint import Style
from models.seen import Hashes, shares_a_run

LIKELY = 8.0
"""Log-odds for each nat of mean log-likelihood: readers prefer the likelier of two lines (docs/log.md)."""
DRAFT_LIKELY, DRAFT_CANDIDATES, DRAFT_TAKES = 7.0, 24, 2
"""The same for drafts, and their candidates and takes: what is likeliest among many candidates is the same every time
(docs/log.md, 2026-12-04)."""
PLAUSIBILITY_TEMPERATURE = 0.25
"""Softmax temperature of the choice by plausibility. Near 0 the same lines would come again and again."""
OPENING_TEMPERATURE = 0.8
"""The same for the first line of a voice with a `Style.opening`: a varied first line makes varied poems."""
FEWEST_CANDIDATES = 4
"""Least candidates of a line under load, for a voice that draws several. Blind readers give poems of two half a mark
less sense (docs/log.md, 2026-11-30)."""
OF_A_TAKE = 4
"""Fewest candidates of a take: two takes of two give a worse choice than one of four, and cost more."""
TASTED = 16
"""Candidates of a line where a taste chooses, of a version that asks for fewer without one."""
REMEMBERED = 4096
"""Lines of a voice that a process remembers to have served: as many as forty readers see in a day."""
SAID_LINE = 30.0
"""Log-odds subtracted from a line that was served lately, or stands in its poem or in the training verse: it is chosen
only where the same holds for all other candidates."""
SAID_HERE = 6.0
"""Log-odds subtracted from a line all of whose word pairs stand in its own poem already; in proportion for some."""
SAID_PAIR, MOST_TIMES = 2.0, 3
"""Log-odds subtracted for each time that a word pair of the line was served lately, mean over its pairs; and the most
times that count."""
JUST_SEEN = 1024
"""Lines whose letters and pairs are kept: a poem's lines are compared with every candidate of those that follow."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A line drawn for one place."""

    text: str
    logprob: float
    """Nats, summed over its symbols, the line end included."""
    symbols: int
    """How many were drawn, the line end included."""
    reward: float = 0.0
    """What the version has learned that readers prefer, in log-odds summed over its symbols; 0 where it has not."""

    @property
    def mean_logprob(self) -> float:
        """Nats a symbol, comparable between lines of different length."""
        return self.logprob / self.symbols

    @property
    def mean_reward(self) -> float:
        """Log-odds a symbol that readers prefer it, likelihood not counted."""
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
    """Its score, in log-odds; comparable only within one choice."""
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
    """Candidates drawn for each line."""
    choose: Chooser
    taste: int | None = None
    """Id of the taste that chooses."""
    score: Scorer | None = None
    """By what it chooses, and by what candidates are given up in mid-line; None: by likelihood."""
    takes: int = 1
    """Ways the poem goes on after its first line, which share its candidates; the best by score is sent."""
    sent: Callable[[str], None] = lambda _line: None
    """Hears each line that was written and sent."""

    def within(self, most: int) -> "Way":
        """The same way, with at most *most* candidates; fewer takes if those do not suffice."""
        candidates = min(self.candidates, most)
        return replace(self, candidates=candidates, takes=max(1, min(self.takes, candidates // OF_A_TAKE)))


def first(_context: Context, _candidates: Sequence[Candidate], _uniform: float) -> Choice:
    """The first of them, and the only one."""
    return Choice(0, propensity=1.0)


def plausibility(said: Hashes | None = None, *, warm: bool = False, likely: float = LIKELY) -> Scorer:
    """Scores by likelihood and reward, less a penalty for what stands in *said* or in the poem already, because the
    network gives repeated lines the highest likelihood. *warm*: the first line is chosen at `OPENING_TEMPERATURE`;
    *likely*: log-odds for each nat of mean log-likelihood.
    """

    def score(context: Context, candidates: Sequence[Candidate]) -> list[float]:
        temperature = OPENING_TEMPERATURE if warm and not context.before else PLAUSIBILITY_TEMPERATURE
        lines = {_letters(line) for line in context.before}
        pairs = {pair for line in context.before for pair in _pairs(line)}
        return [
            (likely * one.mean_logprob + one.mean_reward) / temperature
            - SAID_LINE * (_letters(one.text) in lines or (said is not None and shares_a_run(one.text, said)))
            - SAID_HERE * _share_of(_pairs(one.text), pairs)
            for one in candidates
        ]

    return score


def _share_of(pairs: Sequence[str], known: Collection[str]) -> float:
    """Share of the *pairs* that are known; 0 of none."""
    return sum(pair in known for pair in pairs) / max(1, len(pairs))


class Recent:
    """The lines that a process served lately for a voice, which are avoided. Used by the decode thread only.

    Variety comes from here and not from improbable letters, which make words that do not exist (docs/learning.md).
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
        """Log-odds to subtract from *line*."""
        pairs = _pairs(line)
        again = sum(min(self._pairs[pair], MOST_TIMES) for pair in pairs) / max(1, len(pairs))
        return SAID_PAIR * again + SAID_LINE * (_letters(line) in self._lines)

    def avoided(self, score: Scorer) -> Scorer:
        """*score* less the cost of each candidate."""

        def scored(context: Context, candidates: Sequence[Candidate]) -> list[float]:
            pairs = zip(score(context, candidates), candidates, strict=True)
            return [each - self.cost(one.text) for each, one in pairs]

        return scored


@lru_cache(maxsize=JUST_SEEN)
def _letters(line: str) -> str:
    return "".join(filter(str.isalnum, line.casefold()))


@lru_cache(maxsize=JUST_SEEN)
def _pairs(line: str) -> tuple[str, ...]:
    words = [stem(word) for word in line.casefold().split()]
    return tuple(f"{one} {other}" for one, other in pairwise(words))


def stem(word: str) -> str:
    """The first two syllables of a Korean word, since its ending mostly follows them; other words whole."""
    return word[:2] if "가" <= word[0] <= "힣" else word


def _take_away(counts: Counter[str], keys: Iterable[str]) -> None:
    """Decrement the count of each key; keys at zero are removed."""
    for key in keys:
        counts[key] -= 1
        if not counts[key]:
            del counts[key]


def alike(_context: Context, candidates: Sequence[Candidate]) -> list[float]:
    """The same score for all, for a version that draws one line: its taste counts likelihood already."""
    return [0.0] * len(candidates)


def by_score(score: Scorer) -> Chooser:
    """Chooses with propensities proportional to exp(score)."""

    def choose(context: Context, candidates: Sequence[Candidate], uniform: float) -> Choice:
        return weighted(score(context, candidates), uniform)

    return choose


def tasted(likings: Likings, temperature: float, beside: Scorer = alike) -> Scorer:
    """Scores by taste and a second scorer: liking / temperature + *beside*."""

    def score(context: Context, candidates: Sequence[Candidate]) -> list[float]:
        return _added(_liked(likings, candidates), temperature, beside(context, candidates))

    return score


def _added(liked: Sequence[float], temperature: float, beside: Sequence[float]) -> list[float]:
    return [liking / temperature + rest for liking, rest in zip(liked, beside, strict=True)]


def by_taste(likings: Likings, temperature: float, beside: Scorer) -> Chooser:
    """Chooses as `by_score` does by the scores of `tasted`, and notes the chosen line's log-odds of a tick."""

    def choose(context: Context, candidates: Sequence[Candidate], uniform: float) -> Choice:
        liked = _liked(likings, candidates)
        choice = weighted(_added(liked, temperature, beside(context, candidates)), uniform)
        return replace(choice, liking=liked[choice.index])

    return choose


def noting(likings: Likings, choose: Chooser) -> Chooser:
    """*choose*, with the chosen line's log-odds of a tick noted in the choice."""

    def noted(context: Context, candidates: Sequence[Candidate], uniform: float) -> Choice:
        choice = choose(context, candidates, uniform)
        return replace(choice, liking=_liked(likings, [candidates[choice.index]])[0])

    return noted


def _liked(likings: Likings, candidates: Sequence[Candidate]) -> Sequence[float]:
    """Log-odds of a tick for each."""
    return likings([one.text for one in candidates], [one.mean_logprob for one in candidates])


def weighted(scores: Sequence[float], uniform: float) -> Choice:
    """A draw with propensities proportional to exp(score)."""
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
"""One candidate, which is taken."""


def without_taste(style: Style, most: int, *, said: Hashes | None = None) -> Way:
    """How lines are chosen where there is no taste, of *most* candidates at most; *said*: training verse, avoided."""
    candidates = min(style.candidates, most)
    if candidates == 1:
        return ONE
    score = plausibility(said, warm=style.opening > style.temperature)
    return Way(candidates, by_score(score), score=score, takes=style.takes)


def widely(said: Hashes | None = None) -> Way:
    """How the lines of drafts are chosen: among few, with less weight on what is likely; a judge reads the whole."""
    score = plausibility(said, warm=True, likely=DRAFT_LIKELY)
    return Way(DRAFT_CANDIDATES, by_score(score), score=score, takes=DRAFT_TAKES)


def avoiding(way: Way, recent: Recent) -> Way:
    """*way* with what *recent* remembers avoided; a way without a score is returned as it is."""
    return way if way.score is None else replace(way, choose=by_score(recent.avoided(way.score)))


def with_taste(likings: Likings, most: int, *, temperature: float, without: Way, recent: Recent) -> Way:
    """How lines are chosen by taste added to the score of the way *without* one; *most*: candidates of a line."""
    candidates = min(most, max(without.candidates, TASTED))
    beside = without.score or alike
    choose = by_taste(likings, temperature, recent.avoided(beside))
    return Way(candidates, choose, score=tasted(likings, temperature, beside), takes=without.takes)
