"""Runs: the job queue as rows. Each write by a worker carries its fencing number, so a stale worker changes nothing."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from app.domain.errors import Cancelled, LeaseLost, UnknownRun
from app.domain.gate import Verdict
from app.domain.run import ACTIVE, Cause, Claim, Phase, Progress, RunReport, RunState
from app.domain.run_log import Entry, Said
from app.store.session import Queries
from app.store.tables import RunLogRow, RunRow, VersionRow

_SHARE = {  # of each phase: the progress at its beginning, and its share of the whole
    Phase.LESSON: (0.0, 0.02),
    Phase.TRAINING: (0.02, 0.78),
    Phase.WRITING: (0.80, 0.02),
    Phase.EXAMINING: (0.82, 0.16),
    Phase.PUBLISHING: (0.98, 0.02),
}
LOG_LINES = 200
"""Of a run's log, at most this many lines are shown, the newest."""
FAR = 10
"""A lease that ends more than this many lease times from now is invalid. (Workers may have different lease times.)"""
TOO_OFTEN = 10
"""A run fails after this many times the allowed attempts, even if each of them made progress."""
WORN_OUT = "taken up too often without coming to an end"


class Runs(Queries):
    """Queries for runs."""

    def start(self, voice: str, cause: Cause, now: datetime) -> tuple[int, bool]:
        """Queue a run of *voice*; its id, or the id of the active run; True when it is new."""
        under_way = select(RunRow.id).where(RunRow.voice == voice, RunRow.state.in_(ACTIVE))
        active = self._session.scalar(under_way)
        if active is not None:
            return active, False
        row = RunRow(voice=voice, state=RunState.QUEUED, cause=cause, created=now)
        try:
            with self._session.begin_nested():
                self._session.add(row)
        except IntegrityError:  # the unique index of active runs: another process was faster
            return self._session.scalars(under_way).one(), False
        return row.id, True

    def claim(self, now: datetime, lease: timedelta, *, attempts: int = 3) -> Claim | None:
        """Claim the oldest free run; None if there is none.

        A run that was claimed *attempts* times without progress fails first: it may be what kills its workers.
        """
        worn_out = or_(RunRow.stalled >= attempts, RunRow.attempt >= TOO_OFTEN * attempts)
        self._session.execute(
            update(RunRow)
            .where(_expired(now, lease), or_(worn_out, RunRow.cancelling))
            .values(
                state=case((RunRow.cancelling, RunState.CANCELLED), else_=RunState.FAILED),
                error=case((RunRow.cancelling, None), else_=WORN_OUT),
                ended=now,
                leased_until=None,
                fence=RunRow.fence + 1,
            )
        )
        free = _free(now, lease)
        oldest = select(RunRow.id).where(free).order_by(RunRow.id).limit(1).with_for_update(skip_locked=True)
        taken = self._session.execute(
            update(RunRow)
            .where(RunRow.id == oldest.scalar_subquery(), free)
            .values(
                state=RunState.RUNNING,
                leased_until=now + lease,
                fence=RunRow.fence + 1,
                attempt=RunRow.attempt + 1,
                stalled=RunRow.stalled + 1,
                started=now,
                phase=Phase.LESSON,
                step=0,
                steps=0,
                loss=None,
                seconds_left=None,
            )
            .returning(RunRow.id, RunRow.voice, RunRow.fence, RunRow.attempt)
            .execution_options(synchronize_session=False)
        ).one_or_none()
        return Claim(taken.id, taken.voice, taken.fence, taken.attempt) if taken else None

    def renew(self, claim: Claim, now: datetime, lease: timedelta) -> None:
        """Renew the lease. Raises LeaseLost, or Cancelled when the admin cancelled the run."""
        self._write(claim, leased_until=now + lease)

    def report(self, claim: Claim, progress: Progress) -> None:
        """Store the progress of the run. Raises LeaseLost, Cancelled."""
        self._write(
            claim,
            phase=progress.phase,
            step=progress.step,
            steps=progress.of,
            loss=progress.loss,
            seconds_left=progress.seconds_left,
        )

    def advanced(self, claim: Claim) -> None:
        """Reset the count of attempts without progress. Raises LeaseLost, Cancelled."""
        self._write(claim, stalled=0)

    def release(self, claim: Claim) -> None:
        """Put the unfinished run back into the queue. The attempt does not count. Raises LeaseLost."""
        stalled = case((RunRow.stalled > 0, RunRow.stalled - 1), else_=0)
        back = {"state": RunState.QUEUED, "leased_until": None, "phase": None}
        self._write(claim, heed=False, attempt=RunRow.attempt - 1, stalled=stalled, **back)

    def end(
        self, claim: Claim, state: RunState, *, error: str | None = None, verdict: Verdict | None = None, now: datetime
    ) -> None:
        """End the run; *verdict*: why there is no version. Raises LeaseLost."""
        stored = verdict.as_dict() if verdict else None
        over = {"state": state, "error": error, "verdict": stored, "ended": now}
        self._write(claim, heed=False, leased_until=None, seconds_left=None, **over)

    def _write(self, claim: Claim, *, heed: bool = True, **values: Any) -> None:
        """Change the run of *claim*. Raises LeaseLost; with *heed*, Cancelled if the admin cancelled the run."""
        written = self._session.execute(
            update(RunRow)
            .where(RunRow.id == claim.run, RunRow.fence == claim.fence, RunRow.state == RunState.RUNNING)
            .values(**values)
            .returning(RunRow.cancelling)
            .execution_options(synchronize_session=False)
        ).one_or_none()
        if written is None:
            raise LeaseLost(claim.run)
        if heed and written.cancelling:
            raise Cancelled(claim.run)

    def log(self, run: int, entry: Entry, now: datetime) -> None:
        """Add an event to the run's log."""
        self._session.add(RunLogRow(run_id=run, text=entry.as_json(), at=now))
        self._session.flush()

    def cancel(self, run: int, now: datetime) -> RunReport:
        """Cancel a run: a queued one ends at once, a running one at its next step, an ended one stays as it is."""
        self._session.execute(
            update(RunRow)
            .where(RunRow.id == run, RunRow.state.in_(ACTIVE))
            .values(
                cancelling=True,
                state=case((RunRow.state == RunState.QUEUED, RunState.CANCELLED), else_=RunRow.state),
                ended=case((RunRow.state == RunState.QUEUED, now), else_=None),
            )
            .execution_options(synchronize_session=False)
        )
        self._session.expire_all()
        return self.one(run)

    def one(self, run: int) -> RunReport:
        """The run of that number. Raises UnknownRun."""
        row = self._session.get(RunRow, run)
        if row is None:
            raise UnknownRun(run)
        return self._reports([row])[0]

    def of_voice(self, voice: str | None, limit: int = 20) -> list[RunReport]:
        """The newest runs of a voice (None: of all), newest first, with the newest lines of their logs."""
        rows = select(RunRow).order_by(RunRow.id.desc()).limit(limit)
        if voice is not None:
            rows = rows.where(RunRow.voice == voice)
        return self._reports(self._session.scalars(rows).all())

    def waiting(self, now: datetime, lease: timedelta) -> list[str]:
        """Voices with a free run: its announcement was lost, or its worker died."""
        return list(self._session.scalars(select(RunRow.voice).where(_free(now, lease))))

    def under_way(self) -> bool:
        """Is a worker carrying out any run?"""
        return self._session.scalar(select(RunRow.id).where(RunRow.state == RunState.RUNNING).limit(1)) is not None

    def began(self, voice: str) -> datetime | None:
        """When the running run of *voice* was claimed and read its lesson; None without one."""
        return self._session.scalar(
            select(func.coalesce(RunRow.started, RunRow.created)).where(
                RunRow.voice == voice, RunRow.state == RunState.RUNNING
            )
        )

    def last_started(self, voice: str) -> datetime | None:
        """When the newest run of *voice* was requested."""
        return self._session.scalar(
            select(RunRow.created).where(RunRow.voice == voice).order_by(RunRow.id.desc()).limit(1)
        )

    def _reports(self, rows: Sequence[RunRow]) -> list[RunReport]:
        ids = [row.id for row in rows]
        newest = func.row_number().over(partition_by=RunLogRow.run_id, order_by=RunLogRow.id.desc()).label("newest")
        every = select(RunLogRow.id, RunLogRow.run_id, RunLogRow.at, RunLogRow.text, newest)
        lines = every.where(RunLogRow.run_id.in_(ids)).subquery()
        logs: dict[int, list[Said]] = defaultdict(list)
        for run, at, text in self._session.execute(
            select(lines.c.run_id, lines.c.at, lines.c.text).where(lines.c.newest <= LOG_LINES).order_by(lines.c.id)
        ):
            logs[run].append(Said(at, text))
        made = {
            version.run_id: version
            for version in self._session.scalars(select(VersionRow).where(VersionRow.run_id.in_(ids)))
        }
        return [_report(row, logs[row.id], made.get(row.id)) for row in rows]


def _expired(now: datetime, lease: timedelta) -> ColumnElement[bool]:
    """Has the lease expired? One that ends far in the future counts as expired: the clock has been set back."""
    over = or_(RunRow.leased_until < now, RunRow.leased_until > now + FAR * lease)
    return and_(RunRow.state == RunState.RUNNING, over)


def _free(now: datetime, lease: timedelta) -> ColumnElement[bool]:
    """May a worker claim it?"""
    return or_(RunRow.state == RunState.QUEUED, _expired(now, lease))


def _progress(row: RunRow) -> float:
    if RunState(row.state).ended:
        return 1.0
    if row.phase is None:
        return 0.0
    before, share = _SHARE[Phase(row.phase)]
    return before + share * (row.step / row.steps if row.steps else 0)


def _report(row: RunRow, said: Sequence[Said], version: VersionRow | None) -> RunReport:
    return RunReport(
        run=row.id,
        voice=row.voice,
        state=RunState(row.state),
        phase=Phase(row.phase) if row.phase else None,
        cause=Cause(row.cause),
        progress=round(_progress(row), 4),
        step=row.step,
        of=row.steps,
        loss=row.loss,
        seconds_left=row.seconds_left,
        said=tuple(said),
        error=row.error,
        version=version.number if version else None,
        verdict=version.verdict if version else row.verdict,
        attempt=row.attempt,
        cancelling=row.cancelling,
        created=row.created,
        started=row.started,
        ended=row.ended,
    )
