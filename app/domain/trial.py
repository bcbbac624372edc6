"""The trial: do readers tick the challenger's lines more often than the champion's?

A bet against the claim that it makes no difference. Which of the two writes a poem is drawn by us,
with a known chance, whatever the reader is like; so if the version made no difference, no way of
betting on the draws could be expected to win (Ville 1939). The wealth of one who bets is therefore
evidence that may be looked at after every reader, and acted on at any moment: it reaches twenty
times the stake in at most one of twenty trials between equals, however often one looks
(Howard et al. 2021; Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by betting").

The unit is the reader, not the tick: what one reader does hangs together, so all of it is one bet,
and a thousand ticks of one reader weigh no more than his first hour.

Some readers lie. So what decides is the wealth that is left without the few networks that won most for it. If so many
are liars, whoever they are and whatever they know, their bets are among what may be left out, and the rest is a fair
game: the bound of one in twenty holds in spite of them. Knows no database.
"""

import math
from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from app.domain.visitor import READERS_PER_ADDRESS

BETS = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Stakes a poem, played side by side with a fifth of the wealth each: large ones find large differences soon."""
BOLDEST = 0.9
"""Most of its wealth that a bet may lose at once."""
DOUBTED = 10
"""Networks whose readers may all lie: what decides holds without any ten of them."""
VISIT = timedelta(hours=1)
"""So long after his first poem a reader's ticks count. Until then nobody is told who wrote a poem of the trial."""
FIRST_GUESS = (1.0, 6.0)
"""Ticks and lines that the rate is guessed from before there are any."""
POINTS = 120
"""Most points of a path that are stored."""


class TrialState(StrEnum):
    """Where a trial stands."""

    RUNNING = "running"
    BETTER = "better"
    """Readers prefer the challenger."""
    WORSE = "worse"
    """They prefer the champion."""
    UNDECIDED = "undecided"
    """It took too long; the admin decides."""
    STOPPED = "stopped"
    """Something else ended it; see its reason."""


class TrialEnd(StrEnum):
    """Why a trial ended."""

    EVIDENCE = "evidence"
    TIME = "time"
    IMPRESSIONS = "impressions"
    ADMIN = "admin"
    PROMOTED = "promoted"
    """The admin did not wait for it, and had the challenger serve."""
    CHAMPION_CHANGED = "champion_changed"
    GONE = "gone"
    """The challenger's folder is missing or broken."""


@dataclass(frozen=True, slots=True)
class TrialRules:
    """When a trial is over."""

    enough: float = 20.0
    """Wealth that decides: 1 / 0.05."""
    fewest: int = 20
    """Readers before anything is decided."""
    fewest_networks: int = 20
    """Different networks that they must have come from."""
    doubted: int = DOUBTED
    longest: timedelta = timedelta(days=14)
    impressions: int = 20_000
    """Most lines that are read for it."""
    visit: timedelta = VISIT
    poems: int = 10
    """Most poems of one reader that count."""
    readers_per_network: int = READERS_PER_ADDRESS
    """Most readers of one network, whether they tick or not; those who came first."""


@dataclass(frozen=True, slots=True)
class Impression:
    """One line of a trial's poem, as the store has it."""

    visitor: str
    network: str
    """The mark of his network: `Visitor.mark`."""
    poem: str
    at: datetime
    """When the poem was written for him."""
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
    """What one reader was shown in his first hour, and whence he came."""

    network: str
    poems: tuple[ShownPoem, ...]


@dataclass(slots=True)
class Arm:
    """What readers were shown by one of the two."""

    poems: int = 0
    lines: int = 0
    ticks: int = 0


@dataclass(slots=True)
class Evidence:
    """What a trial has shown so far."""

    visitors: int = 0
    champion: Arm = field(default_factory=Arm)
    challenger: Arm = field(default_factory=Arm)
    path: list[tuple[float, float]] = field(default_factory=list)
    """After each reader: the wealth of who bets on the challenger, and of who bets on the champion; what is left of it
    without the networks that won most."""
    networks: list[int] = field(default_factory=list)
    """After each reader: from how many networks they came."""

    @property
    def better(self) -> float:
        """Wealth of who bets that the challenger is better; 1 at the start."""
        return self.path[-1][0] if self.path else 1.0

    @property
    def worse(self) -> float:
        """Wealth of who bets that it is worse."""
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
    """Number of the version it is compared with."""
    champion_id: int
    share: float
    state: TrialState
    reason: TrialEnd | None
    started: datetime
    ended: datetime | None
    visitors: int
    networks: int
    """From which the visitors came."""
    better: float
    worse: float
    champion_arm: Arm
    challenger_arm: Arm
    path: tuple[tuple[float, float], ...]
    """The evidence by reader, thinned out."""


def visits(impressions: Iterable[Impression], *, rules: TrialRules, now: datetime) -> list[Visit]:
    """The visits that are over, in the order of their ends: each reader once, of one network only the first few."""
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
    """One stake of a bettor: its wealth, and how much of that each network has won for it. All in logarithms."""

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
        """The least wealth that leaving out so many networks leaves."""
        best = self._sorted[-self._doubted :] if self._doubted else []
        lost = sum(best) if best and best[0] > 0 else sum(gain for gain in best if gain > 0)
        return math.exp(min(self._whole - lost, 600.0))


def weigh(visits: Iterable[Visit], *, share: float, doubted: int = DOUBTED) -> Evidence:
    """The evidence of *visits*, one after the other; *share* of the poems was the challenger's by draw.

    *doubted*: networks that it must hold without.
    """
    evidence = Evidence()
    bettors = [[_Bettor(doubted) for _ in BETS] for _ in range(2)]
    networks: set[str] = set()
    ticks, lines = FIRST_GUESS
    for visit in visits:
        guess = ticks / lines
        score = sum(_score(one, guess, share) for one in visit.poems) / len(visit.poems)
        least = max(guess / share, (1 - guess) / (1 - share))
        most = max((1 - guess) / share, guess / (1 - share))
        for stakes, result, worst in ((bettors[0], score, least), (bettors[1], -score, most)):
            for bet, bettor in zip(BETS, stakes, strict=True):
                bettor.bet(visit.network, 1 + min(bet * len(visit.poems), BOLDEST / worst) * result)
        for one in visit.poems:
            arm = evidence.challenger if one.challenger else evidence.champion
            arm.poems, arm.lines, arm.ticks = arm.poems + 1, arm.lines + one.lines, arm.ticks + one.ticks
            ticks, lines = ticks + one.ticks, lines + one.lines
        networks.add(visit.network)
        evidence.visitors += 1
        evidence.networks.append(len(networks))
        better, worse = (min(sum(one.left for one in stakes) / len(BETS), 1e12) for stakes in bettors)
        evidence.path.append((better, worse))
    return evidence


def _score(one: ShownPoem, guess: float, share: float) -> float:
    """How much a poem speaks for the challenger: 0 on average where the version makes no difference.

    Horvitz and Thompson's weights, around what was to be expected before this reader came, which lowers the variance.
    """
    excess = one.ticks / one.lines - guess
    return excess / share if one.challenger else -excess / (1 - share)


def decide(evidence: Evidence, *, rules: TrialRules) -> TrialState | None:
    """Which of the two bets first had enough; None when neither has."""
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
    """How the trial ends, and why; None while it goes on."""
    decided = decide(evidence, rules=rules)
    if decided is not None:
        return decided, TrialEnd.EVIDENCE
    if impressions >= rules.impressions:
        return TrialState.UNDECIDED, TrialEnd.IMPRESSIONS
    if now - started >= rules.longest:
        return TrialState.UNDECIDED, TrialEnd.TIME
    return None


def interrupted(trial: TrialReport, *, champion: int, gone: bool) -> TrialEnd | None:
    """Why a trial can't go on, whatever its readers said so far; None while it can.

    *champion*: row id of the version that serves now. *gone*: the challenger can't write any more.
    """
    if champion != trial.champion_id:
        return overtaken(trial, champion)
    return TrialEnd.GONE if gone else None


def overtaken(trial: TrialReport, champion: int) -> TrialEnd:
    """Why a trial ends when the champion pointer moves to *champion* (row id): always, and at once.

    The draws were between its two versions. As soon as its champion no longer writes the rest they are not, so what
    readers do from then on is evidence of nothing; that its champion comes back later does not mend that. Which of the
    two ways it was is worth telling: the admin did not wait for the challenger, or preferred a third.
    """
    return TrialEnd.PROMOTED if champion == trial.challenger_id else TrialEnd.CHAMPION_CHANGED


def thinned(path: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most `POINTS` of a path, its last among them."""
    step = math.ceil(len(path) / POINTS) if path else 1
    return list(path[::-1][::step])[::-1]
