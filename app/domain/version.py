"""Versions: immutable checkpoints of a voice, their tick rates, and their status after the gate or an admin decided."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
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
    listed: bool
    """Do visitors find it? An unlisted voice is there for admins only."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """What there is of a voice, for its owner."""

    voice: VoiceReport
    shipped: bool
    """Did its base come with the project?"""
    poems: int
    ticks: int
    """Ticks that were not taken back."""
    submissions: int

    def as_dict(self) -> dict[str, object]:
        """The object in `poembot voice list --json` (CONTRACT)."""
        voice = self.voice
        names = {"slug": voice.slug, "title": voice.title, "language": voice.language, "base": voice.base}
        counts = {"poems": self.poems, "ticks": self.ticks, "submissions": self.submissions}
        return {**names, "version": voice.champion, "listed": voice.listed, "shipped": self.shipped, **counts}


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
    listed: bool = field(default=True, kw_only=True)
    """As in `VoiceReport`."""


@dataclass(frozen=True, slots=True)
class Challenger(Serving):
    """The version on trial, which writes a share of a voice's poems."""

    trial: int
    share: float
