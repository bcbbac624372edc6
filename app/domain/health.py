"""Health: the heartbeats of processes, with the report of a web process, and the figures for monitoring.

A heartbeat may be read by a process of another release; `WebReport` alone defines its JSON.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from app.domain.version import ReadCount


@dataclass(frozen=True, slots=True)
class VoiceStatus:
    """Which version of a voice a web process serves."""

    voice: str
    number: int | None
    """Number of the version it serves; None: none."""
    wanted: int
    """Number of the champion."""
    error: str | None
    """Why the champion could not be loaded."""


@dataclass(frozen=True, slots=True)
class WebReport:
    """The state of a web process, sent with its heartbeat."""

    voices: tuple[VoiceStatus, ...] = ()
    broken_trials: tuple[int, ...] = ()
    """Ids of the trials whose challenger it could not load."""
    live: tuple[int, ...] = ()
    """Row ids of all versions in its memory, including old ones that finish their last poems."""
    secret: str = ""
    """Short hash of its signing secret (`Settings.secret_mark`)."""

    def as_json(self) -> dict[str, Any]:
        """The JSON that is stored."""
        return asdict(self)

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> "WebReport":
        """The inverse of `as_json`; fields that another release did not write are empty."""
        voices = (VoiceStatus(v["voice"], v["number"], v["wanted"], v["error"]) for v in kept.get("voices", ()))
        return cls(
            voices=tuple(voices),
            broken_trials=tuple(kept.get("broken_trials", ())),
            live=tuple(kept.get("live", ())),
            secret=kept.get("secret", ""),
        )


@dataclass(frozen=True, slots=True)
class Pulse:
    """A heartbeat of a process."""

    name: str
    kind: str
    at: datetime
    web: WebReport = WebReport()
    """Empty for other kinds of processes."""


@dataclass(frozen=True, slots=True)
class Vitals:
    """The figures for monitoring (`/metrics`)."""

    runs: Mapping[str, int]
    """Number of runs by state, for every state."""
    lease_losses: int
    """How often the lease of a run expired because its worker was silent."""
    waits_s: float
    """Seconds that the oldest free run has waited for a worker; 0 without one."""
    submissions_waiting: int
    alive: Mapping[str, int]
    """Number of live processes by kind."""
    versions: Sequence[ReadCount]
    """Impressions and ticks of the versions that were asked for."""
