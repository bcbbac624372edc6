"""Versions: immutable trained states of a voice."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.verdict import Verdict


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


def wilson(ticks: int, impressions: int, z: float = 1.96) -> Rate | None:
    """A share with its 95 % interval (Wilson 1927); None without impressions."""
    if impressions == 0:
        return None
    share, squared = ticks / impressions, z * z / impressions
    middle = (share + squared / 2) / (1 + squared)
    half = z * math.sqrt(share * (1 - share) / impressions + squared / (4 * impressions)) / (1 + squared)
    return Rate(share, max(0.0, middle - half), min(1.0, middle + half))


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


@dataclass(frozen=True, slots=True)
class VersionReport(Version):
    """A version as pages and API show it: with how readers took it."""

    impressions: int
    ticks: int
    tick_rate: Rate | None
    """None without impressions."""


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
