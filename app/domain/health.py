"""Health: what a process says of itself with each sign of life, and the counts that whoever watches goes by.

A sign of life is written by one process and read by others, of another release at times: `WebReport` alone knows its
JSON.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from app.domain.version import ReadCount


@dataclass(frozen=True, slots=True)
class VoiceStatus:
    """What one voice of one web process serves, and what would not load."""

    voice: str
    number: int | None
    """Of the version that serves; None: nothing does."""
    wanted: int
    error: str | None


@dataclass(frozen=True, slots=True)
class WebReport:
    """What a web process says of itself."""

    voices: tuple[VoiceStatus, ...] = ()
    broken_trials: tuple[int, ...] = ()
    """Trials whose challenger it could not load."""
    live: tuple[int, ...] = ()
    """Ids of the versions it has in memory, those that only finish their poems too."""
    secret: str = ""
    """Mark of the secret that it signs with."""

    def as_json(self) -> dict[str, Any]:
        """As the row keeps it."""
        return asdict(self)

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> "WebReport":
        """Read back; what another release did not say is empty."""
        voices = (VoiceStatus(v["voice"], v["number"], v["wanted"], v["error"]) for v in kept.get("voices", ()))
        return cls(
            voices=tuple(voices),
            broken_trials=tuple(kept.get("broken_trials", ())),
            live=tuple(kept.get("live", ())),
            secret=kept.get("secret", ""),
        )


@dataclass(frozen=True, slots=True)
class Pulse:
    """A sign of life."""

    name: str
    kind: str
    at: datetime
    web: WebReport = WebReport()
    """Empty for a process that is no web."""


@dataclass(frozen=True, slots=True)
class Vitals:
    """What is watched."""

    runs: Mapping[str, int]
    """By state, those of which there is none too."""
    lease_losses: int
    """Times a run was taken up anew because its worker had fallen silent, or failed for that."""
    waits_s: float
    """Seconds that the oldest run has waited for a worker; 0 without one."""
    submissions_waiting: int
    alive: Mapping[str, int]
    """Processes by kind."""
    versions: Sequence[ReadCount]
    """How readers took the versions that were asked for."""
