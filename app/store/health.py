"""Health: heartbeats of processes (pulses), and figures for monitoring and the desk."""

from collections import Counter
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import case, delete, func, select

from app.domain.health import Pulse, Vitals, WebReport
from app.domain.run import RunState
from app.domain.submission import SubmissionStatus
from app.store.runs import WORN_OUT
from app.store.session import Queries, insert
from app.store.tables import (
    TICK_OF_IMPRESSION,
    ImpressionRow,
    PoemRow,
    PulseRow,
    RunRow,
    SubmissionRow,
    TickRow,
    VisitorRow,
)
from app.store.versions import Versions

FORGOTTEN_AFTER = timedelta(hours=1)
LATELY = timedelta(seconds=30)
"""A process counts as alive for so long after its last heartbeat."""


class Pulses(Queries):
    """Queries for heartbeats."""

    def beat(self, name: str, kind: str, now: datetime, web: WebReport | None = None) -> None:
        """Store a heartbeat of process *name*; delete rows that are an hour away from now, past or future."""
        detail = web.as_json() if web else {}
        new = insert(self._session, PulseRow).values(name=name, kind=kind, at=now, detail=detail)
        self._session.execute(
            new.on_conflict_do_update(index_elements=["name"], set_={"at": now, "detail": detail, "kind": kind})
        )
        long_ago, ahead = PulseRow.at < now - FORGOTTEN_AFTER, PulseRow.at > now + FORGOTTEN_AFTER
        self._session.execute(delete(PulseRow).where(long_ago | ahead))

    def alive(self, now: datetime, within: timedelta = LATELY) -> list[Pulse]:
        """The processes with a recent heartbeat; one in the future, from a wrong clock, does not count."""
        lately = PulseRow.at.between(now - within, now + within)
        rows = self._session.scalars(select(PulseRow).where(lately).order_by(PulseRow.name))
        return [Pulse(r.name, r.kind, r.at, WebReport.of_json(r.detail)) for r in rows]


class Health(Queries):
    """Figures for monitoring and for the desk."""

    def counts(self, voice: str, since: datetime) -> dict[str, int]:
        """Numbers of poems, impressions, ticks, submissions and visitors of a voice, from *since* on.

        Impressions, ticks and visitors only if the visitor's cookie has come back; `counted_…`: only of readers who
        count (`app/domain/visitor.py`).
        """
        came_back = (VisitorRow.id == ImpressionRow.visitor_id) & VisitorRow.returned.is_not(None)
        read = (ImpressionRow.voice == voice) & (ImpressionRow.at >= since)
        ticked = (ImpressionRow.voice == voice) & (TickRow.at >= since) & ~TickRow.taken_back
        readers = func.count(func.distinct(ImpressionRow.visitor_id))
        queries = {
            "poems": select(func.count()).where(PoemRow.voice == voice, PoemRow.created >= since),
            "impressions": select(func.count()).select_from(ImpressionRow).join(VisitorRow, came_back).where(read),
            "ticks": select(func.count())
            .select_from(TickRow)
            .join(ImpressionRow, TICK_OF_IMPRESSION)
            .join(VisitorRow, came_back)
            .where(ticked),
            "submissions": select(func.count()).where(SubmissionRow.voice == voice, SubmissionRow.created >= since),
            "visitors": select(readers).join(VisitorRow, came_back).where(read),
        }
        for name in ("impressions", "ticks", "visitors"):
            queries[f"counted_{name}"] = queries[name].where(ImpressionRow.counted)
        return {name: self._session.scalar(query) or 0 for name, query in queries.items()}

    def vitals(self, versions: Collection[int], now: datetime) -> Vitals:
        """The figures for monitoring; *versions*: row ids of the versions whose impressions and ticks to include."""
        by_state = self._session.execute(select(RunRow.state, func.count().label("runs")).group_by(RunRow.state))
        counted = {row.state: row.runs for row in by_state}
        waiting = self._session.scalar(
            select(func.count()).select_from(SubmissionRow).where(SubmissionRow.status == SubmissionStatus.WAITING)
        )
        return Vitals(
            runs={state.value: counted.get(state, 0) for state in RunState},
            lease_losses=self._lease_losses(),
            waits_s=self._longest_wait(now),
            submissions_waiting=waiting or 0,
            alive=Counter(pulse.kind for pulse in Pulses(self._session).alive(now)),
            versions=Versions(self._session).read_counts(versions),
        )

    def _lease_losses(self) -> int:
        """How often a lease expired: every attempt after a run's first, and the last one of a run that failed."""
        again = case((RunRow.attempt > 1, RunRow.attempt - 1), else_=0)
        worn_out = case((RunRow.error == WORN_OUT, 1), else_=0)
        return int(self._session.scalar(select(func.coalesce(func.sum(again + worn_out), 0))) or 0)

    def _longest_wait(self, now: datetime) -> float:
        """Seconds for which the oldest free run has waited: queued, or since its lease expired."""
        oldest = self._session.scalar(select(func.min(RunRow.created)).where(RunRow.state == RunState.QUEUED))
        expired = self._session.scalar(
            select(func.min(RunRow.leased_until)).where(RunRow.state == RunState.RUNNING, RunRow.leased_until < now)
        )
        since = [moment for moment in (oldest, expired) if moment is not None]
        return max(0.0, (now - min(since)).total_seconds()) if since else 0.0
