"""Runs: the states of one training, and what may follow what.

queued ─▶ running ─▶ admitted | rejected | undecided | failed | cancelled
   ▲          │
   └──────────┘  the lease ran out, or the worker was told to go

The schedule: is a run due, and if not, when will one be? By the count of what is new, or by time. A pure rule.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from app.domain.run_log import Said


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


RETRY_AFTER = timedelta(hours=1)
"""After a run that came to nothing the count alone starts no other: a broken lesson must not train for ever."""
EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Outlook:
    """When the next run starts by itself: by the count or by the clock, whichever comes first."""

    new: int
    """Ticks and poems since the last version."""
    missing: int | None
    """Ticks and poems that are still wanted for the count to start it; None: the count starts none."""
    after: int
    """So many start one; 0: never."""
    at: datetime | None
    """Then it starts at the latest, if anything new has come; None: the clock starts none."""
    learning: bool = False
    """Is a run under way?"""
    challenger: int | None = None
    """Number of the version on trial: as long as it is, no run starts by itself."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When runs start by themselves."""

    every: timedelta | None
    """So long after the newest run, if anything new has come; None: never."""
    after: int
    """So many new ticks and poems; 0: never."""

    def due(self, *, new: int, last_run: datetime | None, last_version: datetime, now: datetime) -> Cause | None:
        """Why a run should start now, or None; *new* ticks and poems came since the last version.

        A moment in the future is of a clock that was wrong: it counts as none.
        """
        if new == 0:
            return None
        last_version = credible(last_version, now)
        last_run = credible(last_run, now) if last_run else None
        in_vain = last_run is not None and last_run > last_version
        rested = last_run is None or not in_vain or now - last_run >= RETRY_AFTER
        if self.after and new >= self.after and rested:
            return Cause.COUNT
        since = max(last_version, last_run) if last_run else last_version
        if self.every is not None and now - since >= self.every:
            return Cause.SCHEDULE
        return None

    def outlook(self, *, new: int, last_run: datetime | None, last_version: datetime, now: datetime) -> Outlook:
        """What `due` will say later, of the same facts."""
        last_version = credible(last_version, now)
        last_run = credible(last_run, now) if last_run else None
        missing = max(0, self.after - new) if self.after else None
        ends = [max(last_version, last_run or EVER) + self.every] if self.every is not None else []
        if missing == 0:
            in_vain = last_run is not None and last_run > last_version
            ends.append(last_run + RETRY_AFTER if last_run is not None and in_vain else now)
        return Outlook(new, missing, self.after, max(now, min(ends)) if ends else None)


def credible(moment: datetime, now: datetime) -> datetime:
    """The moment; `EVER` for one that lies in the future: the clock was wrong then."""
    return moment if moment <= now else EVER
