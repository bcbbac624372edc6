"""The lesson: the texts of one training run, and how much each counts.

A pure function of what readers gave, so that a run can be repeated. A text counts once per visitor; a tick the more the
less it was to be expected, a poem the less the more it is a campaign's. No visitor, and no address, weighs more than a
cap: cookies are free, and so is a second one. What was shown and judged comes along: from it the run learns what
readers like.

Held-out readers: those whose ticks a version is not taught, so that it can be asked what it makes of them.

The newest readers are held out, and only those whom the champion was not taught either: each is taught in a later
version, when others have come. Of one address only one is asked. Where there are too few, nobody is held out.

A line's life: where something that a reader gave stands on its way into the version that serves.
"""

import hashlib
import json
import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal

from app.domain.taste import Judged

MOST_PER_VISITOR = 20.0
MOST_PER_ADDRESS = 30.0
TIMES_THE_USUAL, AT_LEAST = 4.0, 10.0
"""Nor does an address weigh more than four times the middle one, though always what five poems do: so that a few
addresses never outweigh many readers who each gave a little."""
POEM_WEIGHT = 2.0
"""A poem taught on purpose says more than a tick in passing."""
RUN = 18
"""Bytes of letters in a row, six syllables, that no two people come upon by themselves."""
HARSH = 3
"""Power by which a poem loses what is said over and over: the louder, the less."""


@dataclass(frozen=True, slots=True)
class TickedLine:
    """A line the network wrote and a visitor ticked."""

    line: int
    text: str
    before: str
    """The lines above it in its poem: read by the network, not taught."""
    visitor: str
    address: str
    """Keyed hash of the visitor's address that day; "" when unknown."""


@dataclass(frozen=True, slots=True)
class TaughtPoem:
    """An approved submission."""

    submission: int
    text: str
    visitor: str
    address: str


@dataclass(frozen=True, slots=True)
class Feedback:
    """Everything readers have given a voice so far, as stored: no line that was unticked, no poem withdrawn."""

    ticks: tuple[TickedLine, ...]
    submissions: tuple[TaughtPoem, ...]
    judged: tuple[Judged, ...] = ()
    """Every line that was shown, ticked or not."""


@dataclass(frozen=True, slots=True)
class Text:
    """One text of a lesson."""

    text: str
    weight: float
    kind: Literal["line", "poem"]
    before: str = ""
    """What the network reads first, without being taught it."""
    sources: tuple[int, ...] = field(default=())
    """Ids of the lines, or of the submission, it comes from."""


@dataclass(frozen=True, slots=True)
class LessonItem:
    """Where a text of a version's lesson came from, and what became of it."""

    kind: Literal["line", "poem"]
    source: int
    """Id of the line, or of the submission."""
    weight: float
    gain: float | None = None
    """Nats a line by which the version finds it likelier than the base does; None when that was not measured."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """The data of one run, without the rehearsal that the base brings along."""

    texts: tuple[Text, ...]
    ticks: int
    """Ticks counted."""
    submissions: int
    visitors: int
    """Visitors who gave any of it."""
    judged: tuple[Judged, ...] = ()
    """What the run learns readers' taste from."""

    @property
    def hash(self) -> str:
        """SHA-256 over all of it: the same feedback gives the same hash."""
        return hashlib.sha256(json.dumps(self.as_dict(), ensure_ascii=False).encode()).hexdigest()

    def as_dict(self) -> dict[str, object]:
        """All that is taught, for a file; readers are numbers in it, no ids."""
        numbers = {visitor: n for n, visitor in enumerate(dict.fromkeys(one.visitor for one in self.judged))}
        texts = sorted([t.kind, t.before, t.text, round(t.weight, 6)] for t in self.texts)
        judged = [
            [numbers[one.visitor], one.slot, one.text, one.ticked, *([] if one.logprob is None else [one.logprob])]
            for one in self.judged
        ]
        return {"texts": texts, "judged": judged}

    def summary(self) -> Mapping[str, object]:
        """The contract's shape."""
        return {"hash": self.hash, "ticks": self.ticks, "submissions": self.submissions, "visitors": self.visitors}


Given = TickedLine | TaughtPoem
Worth = Callable[[Given], float]


def build(feedback: Feedback) -> Lesson:
    """The lesson of all *feedback* so far."""
    once, worth_of = _once(feedback), _worth_in(feedback)
    everything: tuple[Given, ...] = (*feedback.ticks, *feedback.submissions)
    shares = _shares(once, worth_of)
    weighed: dict[tuple[str, str], float] = defaultdict(float)
    sources: dict[tuple[str, str], set[int]] = defaultdict(set)
    before: dict[tuple[str, str], str] = {}
    for given in everything:
        sources[_key(given)].add(given.line if isinstance(given, TickedLine) else given.submission)
    for given in once:
        weighed[_key(given)] += worth_of(given) * shares[given.visitor, given.address]
        before.setdefault(_key(given), given.before if isinstance(given, TickedLine) else "")
    texts = [
        Text(
            text,
            round(weight, 6),
            "line" if kind == "line" else "poem",
            before[kind, text],
            tuple(sorted(sources[kind, text])),
        )
        for (kind, text), weight in sorted(weighed.items())
    ]
    visitors = {given.visitor for given in once}
    return Lesson(
        tuple(texts), len(feedback.ticks), len(feedback.submissions), len(visitors), tuple(sorted(feedback.judged))
    )


def _once(feedback: Feedback) -> list[Given]:
    """What was given, each text once a visitor."""
    once: dict[tuple[str, str, str], Given] = {}
    everything: tuple[Given, ...] = (*feedback.ticks, *feedback.submissions)
    for given in everything:
        once.setdefault((type(given).__name__, given.visitor, given.text), given)
    return list(once.values())


def _key(given: Given) -> tuple[str, str]:
    return ("line" if isinstance(given, TickedLine) else "poem", given.text)


def _worth_in(feedback: Feedback) -> Worth:
    """What each gift is worth before the caps."""
    of_tick, of_text = unforeseen(feedback.judged), candour(feedback.submissions)

    def worth_of(given: Given) -> float:
        return of_tick(given) if isinstance(given, TickedLine) else POEM_WEIGHT * of_text[given.text]

    return worth_of


def _shares(given: Iterable[Given], worth_of: Worth) -> dict[tuple[str, str], float]:
    """By visitor and address: the share of each gift's worth that stays under both caps."""
    by_visitor: dict[str, float] = defaultdict(float)
    pairs: dict[tuple[str, str], float] = defaultdict(float)
    for gift in given:
        by_visitor[gift.visitor] += worth_of(gift)
        pairs[gift.visitor, gift.address] += worth_of(gift)
    shares = {pair: min(1.0, MOST_PER_VISITOR / by_visitor[pair[0]]) for pair in pairs}
    by_address: dict[str, float] = defaultdict(float)
    for (visitor, address), mine in pairs.items():
        by_address[address or visitor] += mine * shares[visitor, address]
    most = most_of_an_address(by_address.values())
    return {
        pair: share if not pair[1] else share * min(1.0, most / by_address[pair[1]]) for pair, share in shares.items()
    }


def most_of_an_address(weights: Iterable[float]) -> float:
    """What one address may weigh in a lesson, by what all of them would weigh without a cap."""
    usual = statistics.median_high(list(weights) or [0.0])
    return min(MOST_PER_ADDRESS, max(AT_LEAST, TIMES_THE_USUAL * usual))


def weights(feedback: Feedback) -> dict[str, float]:
    """What each visitor's gifts weigh in the lesson of *feedback*, together."""
    once = _once(feedback)
    worth_of = _worth_in(feedback)
    shares = _shares(once, worth_of)
    found: dict[str, float] = defaultdict(float)
    for given in once:
        found[given.visitor] += worth_of(given) * shares[given.visitor, given.address]
    return dict(found)


def unforeseen(judged: Sequence[Judged]) -> Callable[[TickedLine], float]:
    """A tick's worth: near 1 in the mean, less where readers tick anyway, more where nobody was expected to.

    What was to be expected is told by the slot's own tick-rate, and by what a taste foretold of the line. Without
    anything judged every tick is worth 1.
    """
    shown = Counter(one.slot for one in judged)
    ticked = Counter(one.slot for one in judged if one.ticked)
    rate = (sum(ticked.values()) + 1) / (len(judged) + 2)
    known = {(one.line, one.visitor): one for one in judged}

    def worth(tick: TickedLine) -> float:
        one = known.get((tick.line, tick.visitor))
        if one is None:
            return 1.0
        odds = _log_odds((ticked[one.slot] + rate) / (shown[one.slot] + 1))
        if one.liking is not None:
            odds += one.liking - _log_odds(rate)
        return (1 - 1 / (1 + math.exp(-max(-30.0, min(30.0, odds))))) / (1 - rate)

    return worth


def _log_odds(chance: float) -> float:
    return math.log(chance / (1 - chance))


def candour(poems: Iterable[TaughtPoem]) -> dict[str, float]:
    """By text: 1 for what somebody says once; near 0 for what a few addresses say in poem after poem.

    A run of letters that many people use comes from as many addresses; a campaign's comes again and again from its own.
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
    return {text: max([1.0, *(crowd[run] for run in mine)]) ** -HARSH for text, mine in runs.items()}


def _runs(text: str) -> set[bytes]:
    letters = "".join(c for c in text.casefold() if c.isalnum()).encode()
    return {letters[start : start + RUN] for start in range(len(letters) - RUN + 1)}


FEWEST = 8
"""Readers without whom nothing is measured."""
SHARE = 0.2
"""Of the readers who ticked."""
MOST = 1 / 3
"""Of the readers, when a fifth is too few."""


@dataclass(frozen=True, slots=True)
class ReadLine:
    """A line that a held-out reader was shown."""

    visitor: str
    text: str
    before: str
    """The lines above it in its poem."""
    ticked: bool


def split(feedback: Feedback, known: Collection[int]) -> tuple[Feedback, frozenset[str]]:
    """What is taught, and the readers who are held out. *known*: ids of the lines the champion was taught."""
    addresses: dict[str, str] = {}
    taught: set[str] = set()
    for tick in feedback.ticks:  # in the order of the ticks
        addresses.setdefault(tick.visitor, tick.address or tick.visitor)
        if tick.line in known:
            taught.add(tick.visitor)
    newest = {addresses[visitor]: visitor for visitor in addresses if visitor not in taught}
    wanted = max(FEWEST, round(SHARE * len(addresses)))
    if len(newest) < FEWEST or wanted > MOST * len(addresses):
        return feedback, frozenset()
    held = frozenset(sorted(newest.values(), key=list(addresses).index)[-wanted:])
    ticks = tuple(tick for tick in feedback.ticks if tick.visitor not in held)
    judged = tuple(one for one in feedback.judged if one.visitor not in held)
    return replace(feedback, ticks=ticks, judged=judged), held


def choosers(read: Sequence[ReadLine]) -> list[ReadLine]:
    """What those read who both ticked and passed over lines: who ticks everything has chosen nothing."""
    did: dict[str, set[bool]] = defaultdict(set)
    for line in read:
        did[line.visitor].add(line.ticked)
    return [line for line in read if len(did[line.visitor]) == 2]


class Life(StrEnum):
    """Where a ticked line or an approved poem stands."""

    WAITING = "waiting"
    """No version was taught it yet."""
    LEARNING = "learning"
    """A run that began after it was given is under way."""
    LEARNED = "learned"
    """A version was taught it, but another one serves."""
    SERVING = "serving"
    """The version that serves was taught it."""
    WITHDRAWN = "withdrawn"
    """Its reader took it back: the next version is without it."""


def life(*, given: datetime, withdrawn: bool, learned: bool, serves: bool, run_began: datetime | None) -> Life:
    """Where it stands. *learned*: by any version, *serves*: by the one that serves; *run_began*: of the run at work."""
    if withdrawn:
        return Life.WITHDRAWN
    if serves:
        return Life.SERVING
    if learned:
        return Life.LEARNED
    return Life.LEARNING if run_began is not None and given <= run_began else Life.WAITING
