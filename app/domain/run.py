"""Runs: the states of a training job and their transitions.

queued ─▶ running ─▶ admitted | rejected | undecided | failed | cancelled
   ▲          │
   └──────────┘  the lease expired, or the worker was shut down

The schedule decides when a run starts automatically: by the amount of new feedback, or by time.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from app.domain.run_log import Said


class RunState(StrEnum):
    """The state of a run."""

    QUEUED = "queued"
    RUNNING = "running"
    ADMITTED = "admitted"
    REJECTED = "rejected"
    UNDECIDED = "undecided"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Is this a final state?"""
        return self not in (RunState.QUEUED, RunState.RUNNING)


ACTIVE = (RunState.QUEUED, RunState.RUNNING)


class Phase(StrEnum):
    """The phase of a running run."""

    LESSON = "lesson"
    TRAINING = "training"
    WRITING = "writing"
    EXAMINING = "examining"
    PUBLISHING = "publishing"


class Cause(StrEnum):
    """Who or what requested a run."""

    ADMIN = "admin"
    SHELL = "shell"
    COUNT = "count"
    SCHEDULE = "schedule"


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's claim on a run; every write for the run checks it."""

    run: int
    voice: str
    fence: int
    """Fencing number: grows with each claim; a worker with an older one has lost the run."""
    attempt: int
    """Counted from 1."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a run."""

    phase: Phase
    step: int = 0
    of: int = 0
    loss: float | None = None
    seconds_left: float | None = None


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
        """The log as plain lines."""
        return tuple(map(str, self.said))


RETRY_AFTER = timedelta(hours=1)
"""Pause after a run without a version before the count starts another: a broken lesson must not train for ever."""
EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Outlook:
    """When the next run starts automatically: by count or by time, whichever comes first."""

    new: int
    """Ticks and submissions since the last version."""
    missing: int | None
    """How many more start a run; None: the count starts none."""
    after: int
    """How many in all start a run; 0: the count starts none."""
    at: datetime | None
    """When a run starts at the latest, if there is new feedback; None: time starts none."""
    learning: bool = False
    """Is a run in progress?"""
    challenger: int | None = None
    """Number of the version on trial; during a trial no run starts automatically."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the schedule decides on. Times in the future come from a wrong clock and are ignored."""

    new: int
    """Ticks and submissions since the last version."""
    last_run: datetime | None
    last_version: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class Schedule:
    """When runs start automatically."""

    every: timedelta | None
    """This long after the newest run, if there is new feedback; None: never."""
    after: int
    """With this many new ticks and submissions; 0: never."""

    def due(self, facts: Facts) -> Cause | None:
        """Why a run should start now, or None."""
        by_count, by_time = self._starts(facts)
        if by_count is not None and by_count <= facts.now:
            return Cause.COUNT
        return Cause.SCHEDULE if facts.new and by_time is not None and by_time <= facts.now else None

    def outlook(self, facts: Facts) -> Outlook:
        """When `due` will be true, given the same facts."""
        starts = [start for start in self._starts(facts) if start is not None]
        missing = max(0, self.after - facts.new) if self.after else None
        return Outlook(facts.new, missing, self.after, max(facts.now, min(starts)) if starts else None)

    def _starts(self, facts: Facts) -> tuple[datetime | None, datetime | None]:
        """When a run may start by the count of what is new, and by time; None: not by that."""
        last_version, last_run = (credible(at, facts.now) for at in (facts.last_version, facts.last_run or EVER))
        by_count = last_run + RETRY_AFTER if last_run > last_version else last_version
        by_time = max(last_version, last_run) + self.every if self.every is not None else None
        return by_count if self.after and facts.new >= self.after else None, by_time


def credible(moment: datetime, now: datetime) -> datetime:
    """The moment, or `EVER` for one in the future, which comes from a wrong clock."""
    return moment if moment <= now else EVER
