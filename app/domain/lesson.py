"""The lesson: the weighted training texts of one run, as a pure function of the feedback.

Weights: a text counts once per visitor. A tick weighs more if it was less expected; a submission weighs less if it
looks like part of a campaign. The total weight of a visitor and of an address is capped, because cookies are free. The
judged lines, from which the run learns what readers like, are part of the lesson.

Held-out readers: the ticks of some readers are kept out of the lesson, to evaluate the candidate on them. They are the
newest readers, at most one of an address, and none that the champion was taught; a later lesson includes them. With too
few readers, nobody is held out.
"""

import hashlib
import json
import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from app.domain.taste import Judged

MOST_PER_VISITOR = 20.0
MOST_PER_ADDRESS = 30.0
TIMES_THE_USUAL, AT_LEAST = 4.0, 10.0
"""An address may weigh four times the median address, and at least as much as five poems: so a few addresses never
outweigh many readers who each gave a little."""
POEM_WEIGHT = 2.0
"""A submission weighs more than a tick, because it takes more effort."""
RUN_BYTES = 18
"""Length of a run of letters, in bytes (six syllables): long enough that two people do not write it independently."""
DISCOUNT_POWER = 3
"""Exponent of the discount for repeated runs of letters."""
Kind = Literal["line", "poem"]


@dataclass(frozen=True, slots=True)
class Given:
    """A line the network wrote and a visitor ticked, or an approved submission."""

    kind: Kind
    source: int
    """Id of the line or submission."""
    text: str
    visitor: str
    address: str
    """Keyed hash of the visitor's address that day; "" when unknown."""
    before: str = ""
    """The lines above a ticked line in its poem: context for the network, not a training target."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """All feedback on a voice, without ticks that were taken back and without withdrawn submissions."""

    ticks: tuple[Given, ...]
    submissions: tuple[Given, ...]
    judged: tuple[Judged, ...] = ()
    """Every line that was shown, ticked or not."""

    @property
    def all(self) -> tuple[Given, ...]:
        """Ticked lines and submissions."""
        return (*self.ticks, *self.submissions)


@dataclass(frozen=True, slots=True)
class Text:
    """One text of a lesson."""

    text: str
    weight: float
    kind: Kind
    before: str = ""
    """The lines above it: context for the network, not a training target."""
    sources: tuple[int, ...] = field(default=())
    """Ids of the lines or submissions it comes from."""


@dataclass(frozen=True, slots=True)
class LessonItem:
    """The source of a text in a version's lesson, and the effect of the training on it."""

    kind: Kind
    source: int
    """Id of the line or submission."""
    weight: float
    gain: float | None = None
    """Log-likelihood a line by the version minus that by the base, in nats; None if not measured."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """The training data of one run, without the rehearsal data of the base."""

    texts: tuple[Text, ...]
    ticks: int
    submissions: int
    visitors: int
    """Number of visitors who gave feedback."""
    judged: tuple[Judged, ...] = ()
    """The judged lines, from which the run learns what readers like."""

    @property
    def hash(self) -> str:
        """SHA-256 of the content: the same feedback gives the same hash."""
        return hashlib.sha256(json.dumps(self.as_dict(), ensure_ascii=False).encode()).hexdigest()

    def as_dict(self) -> dict[str, object]:
        """The content for a file; readers are numbered, without their ids."""
        numbers = {visitor: n for n, visitor in enumerate(dict.fromkeys(one.visitor for one in self.judged))}
        texts = sorted([t.kind, t.before, t.text, round(t.weight, 6)] for t in self.texts)
        judged = [
            [numbers[one.visitor], one.slot, one.text, one.ticked, *([] if one.logprob is None else [one.logprob])]
            for one in self.judged
        ]
        return {"texts": texts, "judged": judged}

    def summary(self) -> Mapping[str, object]:
        """The JSON form of the API contract."""
        return {"hash": self.hash, "ticks": self.ticks, "submissions": self.submissions, "visitors": self.visitors}


def build(feedback: Feedback) -> Lesson:
    """The lesson of *feedback*."""
    weighed = _weighed(feedback)
    totals: dict[tuple[Kind, str], float] = defaultdict(float)
    before: dict[tuple[Kind, str], str] = {}
    sources: dict[tuple[Kind, str], set[int]] = defaultdict(set)
    for given, weight in weighed:
        totals[given.kind, given.text] += weight
        before.setdefault((given.kind, given.text), given.before)
    for given in feedback.all:
        sources[given.kind, given.text].add(given.source)
    texts = tuple(
        Text(text, round(weight, 6), kind, before[kind, text], tuple(sorted(sources[kind, text])))
        for (kind, text), weight in sorted(totals.items())
    )
    visitors = {given.visitor for given, _ in weighed}
    return Lesson(texts, len(feedback.ticks), len(feedback.submissions), len(visitors), tuple(sorted(feedback.judged)))


def weights(feedback: Feedback) -> dict[str, float]:
    """The total weight of each visitor in the lesson of *feedback*."""
    totals: dict[str, float] = defaultdict(float)
    for given, weight in _weighed(feedback):
        totals[given.visitor] += weight
    return dict(totals)


def _weighed(feedback: Feedback) -> list[tuple[Given, float]]:
    """What was given, each text once per visitor, with its weight."""
    once: dict[tuple[str, str, str], Given] = {}
    for given in feedback.all:
        once.setdefault((given.kind, given.visitor, given.text), given)
    of_tick, of_text = tick_weight(feedback.judged), campaign_discount(feedback.submissions)
    uncapped = [
        (given, of_tick(given) if given.kind == "line" else POEM_WEIGHT * of_text[given.text])
        for given in once.values()
    ]
    factors = _caps(uncapped)
    return [(given, weight * factors[given.visitor, given.address]) for given, weight in uncapped]


def _caps(uncapped: Iterable[tuple[Given, float]]) -> dict[tuple[str, str], float]:
    """By visitor and address: the factor that brings the weights under both caps."""
    by_visitor: dict[str, float] = defaultdict(float)
    pairs: dict[tuple[str, str], float] = defaultdict(float)
    for given, weight in uncapped:
        by_visitor[given.visitor] += weight
        pairs[given.visitor, given.address] += weight
    factors = {pair: min(1.0, MOST_PER_VISITOR / by_visitor[pair[0]]) for pair in pairs}
    by_address: dict[str, float] = defaultdict(float)
    for (visitor, address), weight in pairs.items():
        by_address[address or visitor] += weight * factors[visitor, address]
    most = most_of_an_address(by_address.values())
    return {
        (visitor, address): factor * min(1.0, most / by_address[address]) if address else factor
        for (visitor, address), factor in factors.items()
    }


def most_of_an_address(weights: Iterable[float]) -> float:
    """The cap on an address's weight; *weights*: of all addresses before this cap."""
    usual = statistics.median_high(list(weights) or [0.0])
    return min(MOST_PER_ADDRESS, max(AT_LEAST, TIMES_THE_USUAL * usual))


def tick_weight(judged: Sequence[Judged]) -> Callable[[Given], float]:
    """The weight of a tick: about 1 on average, less where a tick was expected, more where it was not.

    The expectation comes from the tick rate of the slot and from the taste's prediction for the line. Without judged
    lines every tick weighs 1.
    """
    impressions = Counter(one.slot for one in judged)
    ticked = Counter(one.slot for one in judged if one.ticked)
    rate = (sum(ticked.values()) + 1) / (len(judged) + 2)
    judgements = {(one.line, one.visitor): one for one in judged}

    def worth(tick: Given) -> float:
        one = judgements.get((tick.source, tick.visitor))
        if one is None:
            return 1.0
        odds = _log_odds((ticked[one.slot] + rate) / (impressions[one.slot] + 1))
        if one.liking is not None:
            odds += one.liking - _log_odds(rate)
        return (1 - 1 / (1 + math.exp(-max(-30.0, min(30.0, odds))))) / (1 - rate)

    return worth


def _log_odds(chance: float) -> float:
    return math.log(chance / (1 - chance))


def campaign_discount(poems: Iterable[Given]) -> dict[str, float]:
    """By text, the discount against campaigns: 1 for a unique poem, near 0 for text that few addresses repeat.

    A run of letters is suspicious if it occurs in many more poems than addresses: many people use a common phrase from
    as many addresses, but a campaign repeats its phrase from its own few.
    """
    texts: dict[bytes, set[str]] = defaultdict(set)
    addresses: dict[bytes, set[str]] = defaultdict(set)
    runs: dict[str, set[bytes]] = {}
    for poem in poems:
        mine = runs.setdefault(poem.text, _runs(poem.text))
        for run in mine:
            texts[run].add(poem.text)
            addresses[run].add(poem.address or poem.visitor)
    crowd = {run: len(texts[run]) / len(addresses[run]) for run in texts}
    return {text: max([1.0, *(crowd[run] for run in mine)]) ** -DISCOUNT_POWER for text, mine in runs.items()}


def _runs(text: str) -> set[bytes]:
    letters = "".join(c for c in text.casefold() if c.isalnum()).encode()
    return {letters[start : start + RUN_BYTES] for start in range(len(letters) - RUN_BYTES + 1)}


FEWEST_HELD_OUT = 8
"""Fewest held-out readers; with fewer candidates, nobody is held out."""
MOST_HELD_OUT = 50
"""Most held-out readers: with more the examination takes too long."""
HELD_OUT_SHARE = 0.2
"""Share of the readers who ticked that is held out."""
LARGEST_SHARE = 1 / 3
"""Largest share of the readers that is held out to reach `FEWEST_HELD_OUT`."""


@dataclass(frozen=True, slots=True)
class ReadLine:
    """A line that a held-out reader was shown."""

    visitor: str
    text: str
    before: str
    """The lines above it in its poem."""
    ticked: bool


def split(feedback: Feedback, taught_lines: Collection[int]) -> tuple[Feedback, frozenset[str]]:
    """The feedback to train on, and the held-out readers. *taught_lines*: ids of those the champion was taught."""
    addresses: dict[str, str] = {}
    taught: set[str] = set()
    for tick in feedback.ticks:  # in the order of the ticks
        addresses.setdefault(tick.visitor, tick.address or tick.visitor)
        if tick.source in taught_lines:
            taught.add(tick.visitor)
    newest = {addresses[visitor]: visitor for visitor in addresses if visitor not in taught}
    wanted = max(FEWEST_HELD_OUT, min(MOST_HELD_OUT, round(HELD_OUT_SHARE * len(addresses))))
    if len(newest) < FEWEST_HELD_OUT or wanted > LARGEST_SHARE * len(addresses):
        return feedback, frozenset()
    held = frozenset(sorted(newest.values(), key=list(addresses).index)[-wanted:])
    ticks = tuple(tick for tick in feedback.ticks if tick.visitor not in held)
    judged = tuple(one for one in feedback.judged if one.visitor not in held)
    return replace(feedback, ticks=ticks, judged=judged), held


def choosers(read: Sequence[ReadLine]) -> list[ReadLine]:
    """The lines of readers who ticked some and not others; who ticks every line, or none, expresses no preference."""
    answers: dict[str, set[bool]] = defaultdict(set)
    for line in read:
        answers[line.visitor].add(line.ticked)
    return [line for line in read if len(answers[line.visitor]) == 2]
