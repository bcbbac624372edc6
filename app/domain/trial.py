"""The trial, an A/B test: do readers tick the challenger's lines more often than the champion's?

It is a sequential test by betting, against the null hypothesis that the version makes no difference. For each poem the
version is drawn at random with a known probability. Under the null hypothesis no strategy of betting on the draws has
a positive expectation, so the wealth of a bettor is a test martingale: in at most 5% of trials between equal versions
it ever reaches 20 times the stake, however often it is checked (Ville 1939; Howard et al. 2021; Waudby-Smith and
Ramdas 2024, "Estimating means of bounded random variables by betting").

The unit is the reader, not the tick, because the ticks of one reader are correlated: everything a reader does in his
first hour is one bet.

Some readers may cheat. The decision therefore uses the smallest wealth that remains when any ten networks are left out.
If no more than ten cheat, in whatever way, that is at most the wealth without the cheaters, which is a fair game; so
the bound of 5% still holds.
"""

import math
from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from app.domain.version import Rate, wilson
from app.domain.visitor import READERS_PER_ADDRESS

BETS = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Bet sizes for each poem; each gets a fifth of the wealth. Large bets detect large differences early."""
BOLDEST = 0.9
"""Largest share of its wealth that a bet may lose at once."""
DOUBTED = 10
"""The decision must hold without any ten networks, in case all their readers cheat."""
VISIT = timedelta(hours=1)
"""A reader's ticks count for this long after his first poem. Until then the version of a trial's poem is hidden."""
FIRST_GUESS = (1.0, 6.0)
"""Prior ticks and lines for the estimate of the tick rate."""
POINTS = 120
"""Most points of the path that are stored."""


class TrialState(StrEnum):
    """The state of a trial."""

    RUNNING = "running"
    BETTER = "better"
    """Readers prefer the challenger."""
    WORSE = "worse"
    """Readers prefer the champion."""
    UNDECIDED = "undecided"
    """It reached its limits; the admin decides."""
    STOPPED = "stopped"
    """It was ended early; see its reason."""


class TrialEnd(StrEnum):
    """Why a trial ended."""

    EVIDENCE = "evidence"
    TIME = "time"
    IMPRESSIONS = "impressions"
    ADMIN = "admin"
    PROMOTED = "promoted"
    """An admin promoted the challenger before the end."""
    CHAMPION_CHANGED = "champion_changed"
    GONE = "gone"
    """The challenger's folder is missing or broken."""


@dataclass(frozen=True, slots=True)
class TrialRules:
    """The rules for ending a trial."""

    enough: float = 20.0
    """Wealth that decides: 1 / 0.05."""
    fewest: int = 20
    """Fewest readers for a decision."""
    fewest_networks: int = 20
    """Fewest networks for a decision."""
    doubted: int = DOUBTED
    longest: timedelta = timedelta(days=14)
    impressions: int = 20_000
    """Most impressions."""
    visit: timedelta = VISIT
    poems: int = 10
    """Only this many poems of a reader count."""
    readers_per_network: int = READERS_PER_ADDRESS
    """Only this many readers of a network count, the first ones, whether they tick or not."""


@dataclass(frozen=True, slots=True)
class Impression:
    """One line of a trial's poem, shown to the reader for whom the poem was written."""

    visitor: str
    network: str
    """Hash of his network: `Visitor.mark`."""
    poem: str
    at: datetime
    """When the poem was written."""
    challenger: bool
    ticked: datetime | None


@dataclass(frozen=True, slots=True)
class ShownPoem:
    """One poem that one reader was shown."""

    challenger: bool
    lines: int
    ticks: int


@dataclass(frozen=True, slots=True)
class Visit:
    """The poems that one reader was shown in his first hour, and his network."""

    network: str
    poems: tuple[ShownPoem, ...]


@dataclass(slots=True)
class Arm:
    """Totals of one of the two versions."""

    poems: int = 0
    lines: int = 0
    ticks: int = 0

    @property
    def rate(self) -> Rate | None:
        """Its tick rate."""
        return wilson(self.ticks, self.lines)

    def add(self, poem: ShownPoem) -> None:
        """Count one more poem."""
        self.poems += 1
        self.lines += poem.lines
        self.ticks += poem.ticks


@dataclass(slots=True)
class Evidence:
    """The result of a trial so far."""

    visitors: int = 0
    champion: Arm = field(default_factory=Arm)
    challenger: Arm = field(default_factory=Arm)
    path: list[tuple[float, float]] = field(default_factory=list)
    """After each reader: the wealth of the bet on the challenger, and of the bet on the champion, without the networks
    that won most."""
    networks: list[int] = field(default_factory=list)
    """After each reader: the number of networks so far."""

    @property
    def better(self) -> float:
        """Wealth of the bet that the challenger is better; 1 at the start."""
        return self.path[-1][0] if self.path else 1.0

    @property
    def worse(self) -> float:
        """Wealth of the bet that it is worse; 1 at the start."""
        return self.path[-1][1] if self.path else 1.0


@dataclass(frozen=True, slots=True)
class TrialReport:
    """A trial as the desk and the API show it."""

    id: int
    voice: str
    challenger: int
    """Number of the version on trial."""
    challenger_id: int
    champion: int
    """Number of the champion it is compared with."""
    champion_id: int
    share: float
    state: TrialState
    reason: TrialEnd | None
    started: datetime
    ended: datetime | None
    visitors: int
    networks: int
    """Number of networks of the visitors."""
    better: float
    worse: float
    champion_arm: Arm
    challenger_arm: Arm
    path: tuple[tuple[float, float], ...]
    """`Evidence.path` with fewer points."""


def visits(impressions: Iterable[Impression], *, rules: TrialRules, now: datetime) -> list[Visit]:
    """The visits that have ended, in the order of their ends: one for each reader, only the first few of a network."""
    by_visitor: dict[str, list[Impression]] = defaultdict(list)
    for one in impressions:
        by_visitor[one.visitor].append(one)
    ends = {visitor: min(one.at for one in seen) + rules.visit for visitor, seen in by_visitor.items()}
    networks: Counter[str] = Counter()
    counted = []
    for end, visitor in sorted((end, visitor) for visitor, end in ends.items() if end <= now):
        seen = [one for one in by_visitor[visitor] if one.at <= end]
        network = min(seen, key=lambda one: one.at).network
        networks[network] += 1
        if networks[network] <= rules.readers_per_network:
            counted.append(Visit(network, _read(seen, end, rules.poems)))
    return counted


def _read(seen: Sequence[Impression], end: datetime, most: int) -> tuple[ShownPoem, ...]:
    poems: dict[tuple[datetime, str], list[Impression]] = defaultdict(list)
    for one in seen:
        poems[one.at, one.poem].append(one)
    return tuple(
        ShownPoem(lines[0].challenger, len(lines), sum(one.ticked is not None and one.ticked <= end for one in lines))
        for _, lines in sorted(poems.items())[:most]
    )


class _Bettor:
    """A bettor with one bet size: his wealth, and what each network has won or lost for him, all as logarithms."""

    def __init__(self, doubted: int) -> None:
        self._doubted = doubted
        self._whole = 0.0
        self._won: dict[str, float] = {}
        self._sorted: list[float] = []
        """The same, ascending."""

    def bet(self, network: str, factor: float) -> None:
        """A reader of *network* multiplied the wealth by *factor*."""
        gain, before = math.log(factor), self._won.get(network)
        if before is not None:
            del self._sorted[bisect_left(self._sorted, before)]
        self._won[network] = (before or 0.0) + gain
        insort(self._sorted, self._won[network])
        self._whole += gain

    @property
    def left(self) -> float:
        """The wealth without the networks that won most."""
        best = self._sorted[-self._doubted :] if self._doubted else []
        lost = sum(max(gain, 0.0) for gain in best)
        return math.exp(min(self._whole - lost, 600.0))


def _wealth(bettors: Sequence[_Bettor]) -> float:
    """The mean wealth of *bettors*, at most 1e12."""
    return min(sum(one.left for one in bettors) / len(BETS), 1e12)


def weigh(visits: Iterable[Visit], *, share: float, doubted: int = DOUBTED) -> Evidence:
    """The evidence of *visits*, in their order.

    *share*: probability with which the challenger was drawn. *doubted*: number of networks that are left out.
    """
    evidence = Evidence()
    for_better = [_Bettor(doubted) for _ in BETS]
    for_worse = [_Bettor(doubted) for _ in BETS]
    networks: set[str] = set()
    ticks, lines = FIRST_GUESS
    for visit in visits:
        guess = ticks / lines
        score = sum(_score(one, guess, share) for one in visit.poems) / len(visit.poems)
        most_lost_by_better_bet = max(guess / share, (1 - guess) / (1 - share))
        most_lost_by_worse_bet = max((1 - guess) / share, guess / (1 - share))
        for bettors, result, most_lost in (
            (for_better, score, most_lost_by_better_bet),
            (for_worse, -score, most_lost_by_worse_bet),
        ):
            for bet, bettor in zip(BETS, bettors, strict=True):
                stake = min(bet * len(visit.poems), BOLDEST / most_lost)
                bettor.bet(visit.network, 1 + stake * result)
        for one in visit.poems:
            arm = evidence.challenger if one.challenger else evidence.champion
            arm.add(one)
            ticks += one.ticks
            lines += one.lines
        networks.add(visit.network)
        evidence.visitors += 1
        evidence.networks.append(len(networks))
        evidence.path.append((_wealth(for_better), _wealth(for_worse)))
    return evidence


def _score(one: ShownPoem, guess: float, share: float) -> float:
    """Evidence of a poem for the challenger; its expectation is 0 if the version makes no difference.

    A Horvitz-Thompson estimate (weights by inverse probability), centred on the tick rate expected before this reader,
    which reduces the variance.
    """
    excess = one.ticks / one.lines - guess
    return excess / share if one.challenger else -excess / (1 - share)


def decide(evidence: Evidence, *, rules: TrialRules) -> TrialState | None:
    """The outcome by the bet that first had enough wealth; None if neither had."""
    steps = list(zip(evidence.path, evidence.networks, strict=True))
    for (better, worse), networks in steps[rules.fewest - 1 :]:
        if networks < rules.fewest_networks:
            continue
        if better >= rules.enough:
            return TrialState.BETTER
        if worse >= rules.enough:
            return TrialState.WORSE
    return None


def verdict(
    evidence: Evidence, *, impressions: int, started: datetime, rules: TrialRules, now: datetime
) -> tuple[TrialState, TrialEnd] | None:
    """The final state of the trial and the reason; None while it goes on."""
    decided = decide(evidence, rules=rules)
    if decided is not None:
        return decided, TrialEnd.EVIDENCE
    if impressions >= rules.impressions:
        return TrialState.UNDECIDED, TrialEnd.IMPRESSIONS
    if now - started >= rules.longest:
        return TrialState.UNDECIDED, TrialEnd.TIME
    return None


def interrupted(trial: TrialReport, *, champion: int, gone: bool) -> TrialEnd | None:
    """Why a trial cannot go on, whatever its evidence; None while it can.

    *champion*: row id of the present champion. *gone*: the challenger's folder can no longer be loaded.
    """
    if champion != trial.champion_id:
        return overtaken(trial, champion)
    return TrialEnd.GONE if gone else None


def overtaken(trial: TrialReport, champion: int) -> TrialEnd:
    """The reason for ending a trial when the champion pointer moves to *champion* (row id).

    A trial always ends then, because its draws are between its two versions: without its champion there is no
    comparison, even if that champion comes back later. The reason tells whether the challenger was promoted, or a
    third version.
    """
    return TrialEnd.PROMOTED if champion == trial.challenger_id else TrialEnd.CHAMPION_CHANGED


def thinned(path: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most `POINTS` points of a path, including the last."""
    step = math.ceil(len(path) / POINTS) if path else 1
    first = (len(path) - 1) % step  # every step-th point from this one on: the last is among them
    return list(path[first::step])
