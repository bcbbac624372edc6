"""Health: how the whole deployment fares, in a few counts, for whoever watches it.

Counts: how much of everything there is, for the desk.

Pulses: the processes that say they are alive.
"""

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


class Counts(Queries):
    """Queries that count."""

    def of(self, voice: str | None, since: datetime) -> dict[str, int]:
        """Poems, impressions, ticks, submissions and visitors from *since* on; voice None: of all voices.

        Impressions, ticks and visitors count once a cookie has come back.
        """
        back = VisitorRow.returned.is_not(None)
        poems = select(func.count()).select_from(PoemRow).where(PoemRow.created >= since)
        read = (
            select(func.count())
            .select_from(ImpressionRow)
            .join(VisitorRow, VisitorRow.id == ImpressionRow.visitor_id)
            .where(ImpressionRow.at >= since, back)
        )
        ticks = (
            select(func.count())
            .select_from(TickRow)
            .join(ImpressionRow, TICK_OF_IMPRESSION)
            .join(VisitorRow, VisitorRow.id == TickRow.visitor_id)
            .where(TickRow.at >= since, ~TickRow.taken_back, back)
        )
        taught = select(func.count()).select_from(SubmissionRow).where(SubmissionRow.created >= since)
        visitors = (
            select(func.count(func.distinct(ImpressionRow.visitor_id)))
            .join(VisitorRow, VisitorRow.id == ImpressionRow.visitor_id)
            .where(ImpressionRow.at >= since, back)
        )
        if voice is not None:
            poems, taught = poems.where(PoemRow.voice == voice), taught.where(SubmissionRow.voice == voice)
            read, ticks = read.where(ImpressionRow.voice == voice), ticks.where(ImpressionRow.voice == voice)
            visitors = visitors.where(ImpressionRow.voice == voice)
        asked = {"poems": poems, "impressions": read, "ticks": ticks, "submissions": taught, "visitors": visitors}
        return {name: self._session.scalar(query) or 0 for name, query in asked.items()}


FORGOTTEN_AFTER = timedelta(hours=1)
LATELY = timedelta(seconds=30)


class Pulses(Queries):
    """Queries for pulses."""

    def beat(self, name: str, kind: str, now: datetime, web: WebReport | None = None) -> None:
        """Process *name* is alive; long silent ones are forgotten, and what a wrong clock said."""
        detail = web.as_json() if web else {}
        new = insert(self._session, PulseRow).values(name=name, kind=kind, at=now, detail=detail)
        self._session.execute(
            new.on_conflict_do_update(index_elements=["name"], set_={"at": now, "detail": detail, "kind": kind})
        )
        long_ago, ahead = PulseRow.at < now - FORGOTTEN_AFTER, PulseRow.at > now + FORGOTTEN_AFTER
        self._session.execute(delete(PulseRow).where(long_ago | ahead))

    def alive(self, now: datetime, within: timedelta = LATELY) -> list[Pulse]:
        """Who has given a sign of life lately; one from the future is of a clock that was wrong, and tells nothing."""
        lately = PulseRow.at.between(now - within, now + within)
        rows = self._session.scalars(select(PulseRow).where(lately).order_by(PulseRow.name))
        return [Pulse(r.name, r.kind, r.at, WebReport.of_json(r.detail)) for r in rows]


class Health(Queries):
    """Queries for whoever watches."""

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
