"""Versions: immutable trained states of a voice, and whether readers like the taught ones better.

Promotion: what the gate's verdict, and then an admin, make of a version's status.

Rollback: which version served before the one that serves now. A pure rule over the history.

The way back leads along forward moves alone: those that brought a newer version in the place of an older one. So
rolling back twice goes back twice; a rollback is not undone by the next.

Retention: which versions leave the shelf to save room. Their rows, poems and figures stay.

Never the champion, nor what it can be rolled back to, nor what served a moment ago, nor what is on trial, nor what a
web process still has in memory for a poem under way. A pure rule; `app/actions/versions.py` carries it out.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from app.domain.errors import TurnedAway
from app.domain.gate import Verdict


class VersionStatus(StrEnum):
    """What the gate, or the admin, has said of a version."""

    BASE = "base"
    ADMITTED = "admitted"
    REJECTED = "rejected"
    UNDECIDED = "undecided"
    PRUNED = "pruned"
    """Its folder was removed to save room; its row and its poems stay."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with its 95 % interval (Wilson)."""

    mean: float
    low: float
    high: float


Z = 1.96
"""Standard deviations that hold 95 % of a normal distribution, to either side."""


def wilson(ticks: int, impressions: int) -> Rate | None:
    """A share with its 95 % interval (Wilson 1927); None without impressions."""
    if impressions == 0:
        return None
    share, squared = ticks / impressions, Z * Z / impressions
    middle = (share + squared / 2) / (1 + squared)
    half = Z * math.sqrt(share * (1 - share) / impressions + squared / (4 * impressions)) / (1 + squared)
    return Rate(share, max(0.0, middle - half), min(1.0, middle + half))


FEWEST_READERS = 20
"""Readers of each of two versions before anything is said of them; the trial's own measure."""


@dataclass(frozen=True, slots=True)
class Reception:
    """How readers took a version: sums over its readers, of the lines each was shown and the ticks each gave."""

    readers: int = 0
    lines: int = 0
    ticks: int = 0
    lines_squared: int = 0
    lines_ticks: int = 0
    ticks_squared: int = 0

    @property
    def rate(self) -> float:
        """Ticks a line."""
        return self.ticks / self.lines

    @property
    def relative_variance(self) -> float:
        """Of the rate, over its square. The unit is the reader, since what one reader does hangs together."""
        spread = self.ticks_squared - 2 * self.rate * self.lines_ticks + self.rate**2 * self.lines_squared
        return spread * self.readers / (self.readers - 1) / self.ticks**2


def times_as_often(one: Reception, other: Reception) -> Rate | None:
    """How many times as often lines of *one* are ticked as lines of *other*, with its 95 % interval (delta method).

    None where either has fewer than `FEWEST_READERS`, or no ticks at all.
    """
    if min(one.readers, other.readers) < FEWEST_READERS or not (one.ticks and other.ticks):
        return None
    times = one.rate / other.rate
    factor = math.exp(Z * math.sqrt(max(0.0, one.relative_variance + other.relative_variance)))
    return Rate(times, times / factor, times * factor)


LetIn = Literal["readers", "admin"]
"""Readers preferred it in a trial; or an admin decided it."""


@dataclass(frozen=True, slots=True)
class Version:
    """An immutable trained state of a voice."""

    id: int
    number: int
    status: VersionStatus
    created: datetime
    base: str
    folder: str
    """Where it lies on the shelf."""
    lesson: Mapping[str, object]
    metrics: Mapping[str, float]
    verdict: Verdict | None
    champion: bool

    @property
    def judged(self) -> VersionStatus:
        """What the gate said of it, whatever became of it since; without a verdict its status."""
        return self.status if self.verdict is None else status_after(self.verdict)


def status_after(verdict: Verdict) -> VersionStatus:
    """The status of a version that the gate has judged.

    A fault outweighs a gap: where a rule is broken, what could not be measured changes nothing.
    """
    if verdict.admitted:
        return VersionStatus.ADMITTED
    return VersionStatus.UNDECIDED if verdict.undecided else VersionStatus.REJECTED


def promoted(version: Version, *, override: bool, reason: str) -> VersionStatus:
    """The status of *version* once an admin has it serve. Raises TurnedAway.

    One that the gate rejected has a known fault. It serves only if he says that he overrides the gate, so that no slip
    does it, and why, for whoever meets the fault later. Against an undecided one nothing is known: his word is the
    measure that was missing. What serves is admitted; a base stays one, since that is what keeps it on the shelf.

    A pruned version stays so here: `Versions.promote` refuses it under the lock that pruning takes too.
    """
    if version.status is VersionStatus.REJECTED and not (override and reason):
        raise TurnedAway(version.number, version.verdict or Verdict(()))
    decided = version.status in (VersionStatus.REJECTED, VersionStatus.UNDECIDED)
    return VersionStatus.ADMITTED if decided else version.status


@dataclass(frozen=True, slots=True)
class VersionReport(Version):
    """A version as pages and API show it: with how readers took it."""

    impressions: int
    ticks: int
    tick_rate: Rate | None
    """None without impressions."""
    let_in: LetIn | None
    """Who had it serve though the gate had not passed it; None for one that passed, or that never served."""


class Growth(StrEnum):
    """Is it getting better? What can be said of it."""

    UNTAUGHT = "untaught"
    """There is no taught version yet."""
    UNREAD = "unread"
    """There is, and no reader has met one."""
    FEW = "few"
    """Too few readers of one of the two."""
    EVEN = "even"
    """Enough readers, and the two can't be told apart."""
    BETTER = "better"
    WORSE = "worse"


@dataclass(frozen=True, slots=True)
class GrowthReport:
    """The answer, and of which version it speaks."""

    answer: Growth
    version: int = 0
    """The taught version that is compared with version 0: the one that serves, else the newest that readers met."""
    few: int = 0
    """Where the readers are too few: of which version."""
    readers: int = 0
    """Of that version, else of *version*."""
    times: Rate | None = None
    """How many times as often its lines are ticked."""


def growth(versions: Sequence[VersionReport], receptions: Mapping[int, Reception]) -> GrowthReport:
    """Compare a taught version with version 0 by what readers ticked. *receptions*: by number."""
    taught = sorted((one for one in versions if one.number), key=lambda one: (one.champion, one.number), reverse=True)
    met = [one.number for one in taught if one.number in receptions]
    if not met:
        return GrowthReport(Growth.UNREAD if taught else Growth.UNTAUGHT)
    version, nothing = met[0], Reception()
    fewest = min(version, 0, key=lambda number: receptions.get(number, nothing).readers)
    readers = receptions.get(fewest, nothing).readers
    if readers < FEWEST_READERS:
        return GrowthReport(Growth.FEW, version, few=fewest, readers=readers)
    times = times_as_often(receptions[version], receptions[0])
    answer = Growth.EVEN
    if times is not None and (times.low > 1 or times.high < 1):
        answer = Growth.BETTER if times.low > 1 else Growth.WORSE
    return GrowthReport(answer, version, readers=receptions[version].readers, times=times)


@dataclass(frozen=True, slots=True)
class VoiceReport:
    """A voice as pages and API show it."""

    slug: str
    title: str
    language: str
    base: str
    champion: int
    """Number of the version that serves."""
    champion_id: int
    versions: int
    lines_taught: int
    """Ticks and submissions in the champion's lesson."""
    taught: datetime | None
    """When the champion was made; None for the base."""
    lesson: Mapping[str, object]
    """The champion's lesson, in the contract's shape."""


@dataclass(frozen=True, slots=True)
class Move:
    """One move of the champion pointer."""

    version: int
    """Row id of the version that came; a newer version has a higher one, whatever its base."""
    was: int | None
    """Row id of the version that went; None for a voice's first."""
    at: datetime

    @property
    def forward(self) -> bool:
        """Did a newer version come in the place of an older one?"""
        return self.was is not None and self.was < self.version


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One move of the champion pointer."""

    version: int
    was: int | None
    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReadCount:
    """How readers took one version."""

    voice: str
    number: int
    impressions: int
    ticks: int


def came_from(moves: Sequence[Move], version: int) -> int | None:
    """The version that *version* last replaced on its way up; None when it replaced none. *moves*: newest first."""
    return next((move.was for move in moves if move.version == version and move.forward), None)


def way_back(moves: Sequence[Move], champion: int, *, steps: int) -> list[int]:
    """The champion, and the versions that so many rollbacks lead to, one after the other."""
    way = [champion]
    while len(way) <= steps and (before := came_from(moves, way[-1])) is not None:
        way.append(before)
    return way


def compared_with(moves: Sequence[Move], version: int, *, champion: int, of_base: Collection[int]) -> int | None:
    """The version whose poems are shown beside those of *version*; None for the base. *of_base*: all of that base.

    The one that it took over from when it first served, in whichever direction: that was the change readers met. A
    later move, as by a rollback, only brings back what they knew; so it is not `came_from`, which asks where the way
    back leads. One that never served would take over from the champion, if that is older; one that a newer champion
    has passed over is compared with the base, which it was taught from.
    """
    before = next((move.was for move in reversed(moves) if move.version == version), None)
    if before in of_base:
        return before
    older = champion if champion < version else min(of_base)
    return older if older < version else None


RECENT = timedelta(hours=1)
"""What served so lately may still be loading somewhere, or be written with."""
ROLLBACKS = 2
"""Steps back from the champion that stay possible: to the one it replaced, and to the one before that."""


def needed(champion: int | None, moves: Sequence[Move], *, now: datetime) -> set[int]:
    """Row ids of the champion, of what it can be rolled back to, and of what served lately. *moves*: newest first."""
    lately = {id for move in moves if move.at > now - RECENT for id in (move.version, move.was) if id is not None}
    return lately | set(way_back(moves, champion, steps=ROLLBACKS) if champion is not None else ())


def doomed(shelved: Sequence[int], *, keep: int, needed: Collection[int]) -> list[int]:
    """Of the taught versions on the shelf, newest first: those past the newest *keep* (0: all stay) nobody needs."""
    return [version for version in shelved[keep:] if version not in needed] if keep else []


@dataclass(frozen=True, slots=True)
class Serving:
    """Which version writes for a voice: what an engine polls, and has in memory."""

    voice: str
    version_id: int
    number: int
    """0 is the base."""
    folder: str
    """Its key on the shelf."""
    base: str


@dataclass(frozen=True, slots=True)
class Challenger(Serving):
    """Which version writes a share of a voice's poems, on trial."""

    trial: int
    share: float
