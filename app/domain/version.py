"""Versions: immutable checkpoints of a voice, their tick rates, and the rules for promotion, rollback and retention.

Promotion: the status of a version after the gate, and after an admin promotes it.

Rollback: to the version that the champion replaced. Only forward moves of the champion pointer count, from an older to
a newer version. So a second rollback goes back one more step, and does not undo the first.

Retention: which versions are pruned from the shelf to save space; their rows, poems and metrics stay. A version stays
if it is champion, can be reached by rollback, was champion recently, is on trial, or is in memory of a web process.
`app/actions/versions.py` carries these rules out.
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
    """The decision of the gate or an admin on a version."""

    BASE = "base"
    ADMITTED = "admitted"
    REJECTED = "rejected"
    UNDECIDED = "undecided"
    PRUNED = "pruned"
    """Its folder was removed to save space; its row and its poems stay."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with its 95 % interval (Wilson)."""

    mean: float
    low: float
    high: float


Z = 1.96
"""The interval of a normal distribution that contains 95 %, in standard deviations to either side."""


def wilson(ticks: int, impressions: int) -> Rate | None:
    """A tick rate with its 95 % interval (Wilson 1927); None without impressions."""
    if impressions == 0:
        return None
    share, squared = ticks / impressions, Z * Z / impressions
    middle = (share + squared / 2) / (1 + squared)
    half = Z * math.sqrt(share * (1 - share) / impressions + squared / (4 * impressions)) / (1 + squared)
    return Rate(share, max(0.0, middle - half), min(1.0, middle + half))


FEWEST_READERS = 20
"""Fewest readers of each version for a comparison; the same as in a trial."""


@dataclass(frozen=True, slots=True)
class Reception:
    """Sums over the readers of a version, of the lines shown to each and the ticks of each."""

    readers: int = 0
    lines: int = 0
    ticks: int = 0
    lines_squared: int = 0
    lines_ticks: int = 0
    ticks_squared: int = 0

    @property
    def rate(self) -> float:
        """Ticks per line."""
        return self.ticks / self.lines

    @property
    def relative_variance(self) -> float:
        """Variance of the rate divided by its square. The unit is the reader: ticks of one reader are correlated."""
        spread = self.ticks_squared - 2 * self.rate * self.lines_ticks + self.rate**2 * self.lines_squared
        return spread * self.readers / (self.readers - 1) / self.ticks**2


def times_as_often(one: Reception, other: Reception) -> Rate | None:
    """The ratio of the tick rates of *one* and *other*, with its 95 % interval (delta method).

    None if either has fewer than `FEWEST_READERS` readers, or no ticks.
    """
    if min(one.readers, other.readers) < FEWEST_READERS or not (one.ticks and other.ticks):
        return None
    times = one.rate / other.rate
    factor = math.exp(Z * math.sqrt(max(0.0, one.relative_variance + other.relative_variance)))
    return Rate(times, times / factor, times * factor)


LetIn = Literal["readers", "admin"]
"""Who promoted a version: readers, in a trial, or an admin."""


@dataclass(frozen=True, slots=True)
class Version:
    """An immutable checkpoint of a voice with its metadata."""

    id: int
    number: int
    status: VersionStatus
    created: datetime
    base: str
    folder: str
    """Its key on the shelf."""
    lesson: Mapping[str, object]
    metrics: Mapping[str, float]
    verdict: Verdict | None
    champion: bool

    @property
    def judged(self) -> VersionStatus:
        """The gate's decision, whatever happened since; without a verdict its status."""
        return self.status if self.verdict is None else status_after(self.verdict)


def status_after(verdict: Verdict) -> VersionStatus:
    """The status of a version after the gate: rejected if any rule was broken, even if others were not measured."""
    if verdict.admitted:
        return VersionStatus.ADMITTED
    return VersionStatus.UNDECIDED if verdict.undecided else VersionStatus.REJECTED


def promoted(version: Version, *, override: bool, reason: str) -> VersionStatus:
    """The status of *version* after an admin promotes it. Raises TurnedAway.

    A version that the gate rejected has a known fault: the admin must state that he overrides the gate, and a reason.
    An undecided version has no known fault, so his decision is enough. The promoted version becomes admitted; a base
    keeps its status, which protects it from pruning.

    A pruned version is refused later, by `Versions.promote`, under the lock that pruning takes too.
    """
    if version.status is VersionStatus.REJECTED and not (override and reason):
        raise TurnedAway(version.number, version.verdict or Verdict(()))
    decided = version.status in (VersionStatus.REJECTED, VersionStatus.UNDECIDED)
    return VersionStatus.ADMITTED if decided else version.status


@dataclass(frozen=True, slots=True)
class VersionReport(Version):
    """A version with its impressions and ticks, for pages and API."""

    impressions: int
    ticks: int
    tick_rate: Rate | None
    """None without impressions."""
    let_in: LetIn | None
    """Who promoted it although the gate had not admitted it; None if the gate had, or if it never was champion."""


class Growth(StrEnum):
    """Does training improve the voice? The possible answers."""

    UNTAUGHT = "untaught"
    """There is no taught version yet."""
    UNREAD = "unread"
    """No reader has seen a taught version yet."""
    FEW = "few"
    """One of the two versions has too few readers."""
    EVEN = "even"
    """The difference is not significant."""
    BETTER = "better"
    WORSE = "worse"


@dataclass(frozen=True, slots=True)
class GrowthReport:
    """Comparison of a taught version with version 0."""

    answer: Growth
    version: int = 0
    """The taught version: the champion, else the newest version that has readers."""
    few: int = 0
    """With `Growth.FEW`: the version that has too few readers."""
    readers: int = 0
    """Readers of `few`, else of `version`."""
    times: Rate | None = None
    """Ratio of its tick rate to that of version 0."""


def growth(versions: Sequence[VersionReport], receptions: Mapping[int, Reception]) -> GrowthReport:
    """Compare a taught version with version 0 by tick rate. *receptions*: by version number."""
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
    """A voice with its champion, for pages and API."""

    slug: str
    title: str
    language: str
    base: str
    champion: int
    """Number of the champion."""
    champion_id: int
    versions: int
    lines_taught: int
    """Ticks and submissions in the champion's lesson."""
    taught: datetime | None
    """When the champion was made; None for the base."""
    lesson: Mapping[str, object]
    """Summary of the champion's lesson (`Lesson.summary`)."""


@dataclass(frozen=True, slots=True)
class Move:
    """One move of the champion pointer, by row ids."""

    version: int
    """Row id of the new champion; newer versions have higher ids, whatever their base."""
    was: int | None
    """Row id of the old champion; None for a voice's first."""
    at: datetime

    @property
    def forward(self) -> bool:
        """Did a newer version replace an older one?"""
        return self.was is not None and self.was < self.version


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One move of the champion pointer, by version numbers."""

    version: int
    was: int | None
    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReadCount:
    """Impressions and ticks of one version."""

    voice: str
    number: int
    impressions: int
    ticks: int


def came_from(moves: Sequence[Move], version: int) -> int | None:
    """The version that *version* replaced in its last forward move, or None. *moves*: newest first."""
    return next((move.was for move in moves if move.version == version and move.forward), None)


def way_back(moves: Sequence[Move], champion: int, *, steps: int) -> list[int]:
    """The champion, and the versions that the next *steps* rollbacks lead to."""
    way = [champion]
    while len(way) <= steps and (before := came_from(moves, way[-1])) is not None:
        way.append(before)
    return way


def compared_with(moves: Sequence[Move], version: int, *, champion: int, of_base: Collection[int]) -> int | None:
    """The version whose poems are shown beside those of *version*; None for the base.

    It is the champion that *version* replaced when it first became champion, forward or backward, because that is the
    change readers saw. (`came_from` differs: it looks for the last forward move.) A version that never was champion is
    compared with the present champion if that is older, else with the base. *of_base*: row ids of all versions of the
    base.
    """
    before = next((move.was for move in reversed(moves) if move.version == version), None)
    if before in of_base:
        return before
    older = champion if champion < version else min(of_base)
    return older if older < version else None


RECENT = timedelta(hours=1)
"""A version that was champion this recently may still be loading or writing somewhere."""
ROLLBACKS = 2
"""Number of rollbacks that always stay possible."""


def needed(champion: int | None, moves: Sequence[Move], *, now: datetime) -> set[int]:
    """Row ids of the champion, its rollback targets, and recent champions. *moves*: newest first."""
    lately = {id for move in moves if move.at > now - RECENT for id in (move.version, move.was) if id is not None}
    return lately | set(way_back(moves, champion, steps=ROLLBACKS) if champion is not None else ())


def doomed(shelved: Sequence[int], *, keep: int, needed: Collection[int]) -> list[int]:
    """The versions to prune: all but the newest *keep* of *shelved* (newest first) and those needed; 0: none."""
    return [version for version in shelved[keep:] if version not in needed] if keep else []


@dataclass(frozen=True, slots=True)
class Serving:
    """The version that writes for a voice, as the engine loads it."""

    voice: str
    version_id: int
    number: int
    """0 is the base."""
    folder: str
    """Its key on the shelf."""
    base: str


@dataclass(frozen=True, slots=True)
class Challenger(Serving):
    """The version on trial, which writes a share of a voice's poems."""

    trial: int
    share: float
