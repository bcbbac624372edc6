"""Health: how the whole deployment fares, in a few counts, for whoever watches it."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from app.domain.run import RunState
from app.domain.submission import SubmissionStatus
from app.store.pulses import Pulses
from app.store.runs import WORN_OUT
from app.store.tables import RunRow, SubmissionRow
from app.store.versions import ReadCount, Versions


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


class Health:
    """Queries for whoever watches."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def vitals(self, versions: Collection[int], now: datetime) -> Vitals:
        """All of it; of *versions* (row ids) how readers took them."""
        by_state = self._session.execute(select(RunRow.state, func.count().label("runs")).group_by(RunRow.state))
        counted = {row.state: row.runs for row in by_state}
        waiting = self._session.scalar(
            select(func.count()).select_from(SubmissionRow).where(SubmissionRow.status == SubmissionStatus.WAITING)
        )
        return Vitals(
            runs={state.value: counted.get(state, 0) for state in RunState},
            lease_losses=self._lease_losses(),
            waits_s=self._waits(now),
            submissions_waiting=waiting or 0,
            alive=Counter(pulse.kind for pulse in Pulses(self._session).alive(now)),
            versions=Versions(self._session).read_counts(versions),
        )

    def _lease_losses(self) -> int:
        """An attempt that was given back does not count, and a worker that ends its run uses one."""
        again = case((RunRow.attempt > 1, RunRow.attempt - 1), else_=0)
        worn = case((RunRow.error == WORN_OUT, 1), else_=0)
        return int(self._session.scalar(select(func.coalesce(func.sum(again + worn), 0))) or 0)

    def _waits(self, now: datetime) -> float:
        oldest = self._session.scalar(select(func.min(RunRow.created)).where(RunRow.state == RunState.QUEUED))
        expired = self._session.scalar(
            select(func.min(RunRow.leased_until)).where(RunRow.state == RunState.RUNNING, RunRow.leased_until < now)
        )
        since = [moment for moment in (oldest, expired) if moment is not None]
        return max(0.0, (now - min(since)).total_seconds()) if since else 0.0
