"""Runs: the states of one training, and what may follow what.

queued ─▶ running ─▶ admitted | rejected | undecided | failed | cancelled
   ▲          │
   └──────────┘  the lease ran out, or the worker was told to go
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class RunState(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    ADMITTED = "admitted"
    REJECTED = "rejected"
    UNDECIDED = "undecided"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Nothing follows it."""
        return self not in (RunState.QUEUED, RunState.RUNNING)


ACTIVE = (RunState.QUEUED, RunState.RUNNING)


class Phase(StrEnum):
    """What a running run is doing."""

    LESSON = "lesson"
    TRAINING = "training"
    WRITING = "writing"
    EXAMINING = "examining"
    PUBLISHING = "publishing"


class Cause(StrEnum):
    """Who or what started a run."""

    ADMIN = "admin"
    SHELL = "shell"
    COUNT = "count"
    SCHEDULE = "schedule"


@dataclass(frozen=True, slots=True)
class Claim:
    """A run that this worker holds: every write for it names the fence."""

    run: int
    voice: str
    fence: int
    """Grows with each claim; a worker with an older one has lost the run."""
    attempt: int
    """1 for the first."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come."""

    phase: Phase
    step: int = 0
    of: int = 0
    loss: float | None = None
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """A line of a run's log."""

    at: datetime
    text: str

    def __str__(self) -> str:
        """For programs and the shell: the time in UTC."""
        return f"{self.at:%H:%M:%S} {self.text}"


@dataclass(frozen=True, slots=True)
class RunReport:
    """A run as the desk and the API show it."""

    run: int
    voice: str
    state: RunState
    phase: Phase | None
    cause: Cause
    progress: float
    """0 to 1, over all phases."""
    step: int
    of: int
    loss: float | None
    seconds_left: float | None
    said: tuple[Said, ...]
    error: str | None
    version: int | None
    """Number of the version it made."""
    verdict: dict[str, object] | None
    attempt: int
    cancelling: bool
    created: datetime
    started: datetime | None
    ended: datetime | None

    @property
    def log(self) -> tuple[str, ...]:
        """What was said, as plain lines."""
        return tuple(map(str, self.said))
