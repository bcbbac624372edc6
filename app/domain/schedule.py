"""The schedule: is a run due? By the count of what is new, or by the time since the last one. A pure rule."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.domain.run import Cause

RETRY_AFTER = timedelta(hours=1)
"""After a run that came to nothing the count alone starts no other: a broken lesson must not train for ever."""
EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Outlook:
    """When the next run starts by itself: by the count or by the clock, whichever comes first."""

    new: int
    """Ticks and poems since the last version."""
    missing: int | None
    """So many more start it; None: the count starts none."""
    at: datetime | None
    """Then it starts if anything is new; None: the clock starts none."""


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
        last_version = _credible(last_version, now)
        last_run = _credible(last_run, now) if last_run else None
        in_vain = last_run is not None and last_run > last_version
        rested = last_run is None or not in_vain or now - last_run >= RETRY_AFTER
        if self.after and new >= self.after and rested:
            return Cause.COUNT
        since = max(last_version, last_run) if last_run else last_version
        if self.every is not None and now - since >= self.every:
            return Cause.SCHEDULE
        return None

    def outlook(self, *, new: int, last_run: datetime | None, last_version: datetime, now: datetime) -> Outlook:
        """What is still missing until the next run; the same rule, told in advance."""
        since = max(_credible(moment, now) for moment in (last_version, last_run) if moment)
        at = max(now, since + self.every) if self.every is not None else None
        return Outlook(new, max(0, self.after - new) if self.after else None, at)


def _credible(moment: datetime, now: datetime) -> datetime:
    return moment if moment <= now else EVER
