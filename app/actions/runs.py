"""Runs: an admin or the schedule requests one; a worker claims it, reports its progress and ends it.

Every write of a worker except a log line carries its claim: a worker that has lost the run cannot change it.
"""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.bootstrap import Bot
from app.domain.gate import Verdict
from app.domain.run import Cause, Claim, Progress, RunReport, RunState
from app.domain.run_log import Entry, GivenBack
from app.reads.runs import facts
from app.store import session as units
from app.store.admins import Audit
from app.store.runs import Runs
from app.store.session import database_now
from app.store.trials import Trials
from app.store.voices import Voices


def request(bot: Bot, voice: str, cause: Cause, *, by: str) -> tuple[RunReport, bool]:
    """Queue a run of *voice*, or find the active one; True when it is new. Raises UnknownVoice.

    It is announced after the commit in either case, because an earlier announcement may have been lost.
    """
    with bot.transaction() as session:
        Voices(session).one(voice)
        run, new = Runs(session).start(voice, cause, bot.clock())
        _announce(session, voice)
        if new:
            Audit(session).add(by, "run.start", f"{voice} run {run}", "", bot.clock())
        return Runs(session).one(run), new


def cancel(bot: Bot, run: int, *, by: str) -> tuple[RunReport, bool]:
    """Cancel a run: a queued one at once, a running one at its next step; False if it has ended. Raises UnknownRun."""
    with bot.transaction() as session:
        runs = Runs(session)
        before = runs.one(run)
        if before.state.ended:
            return before, False
        report = runs.cancel(run, bot.clock())
        Audit(session).add(by, "run.cancel", f"{report.voice} run {run}", "", bot.clock())
        return report, True


def claim(bot: Bot) -> Claim | None:
    """Claim the oldest free run for `LEASE` seconds; None if there is none."""
    with bot.transaction() as session:
        lease = timedelta(seconds=bot.settings.lease)
        return Runs(session).claim(database_now(session), lease, attempts=bot.settings.attempts)


def report(bot: Bot, claim: Claim, progress: Progress, *, renew: bool) -> None:
    """Store the progress of a run; *renew*: renew its lease too. Raises LeaseLost, Cancelled."""
    with bot.transaction() as session:
        runs = Runs(session)
        if renew:
            runs.renew(claim, database_now(session), timedelta(seconds=bot.settings.lease))
        runs.report(claim, progress)


def advanced(bot: Bot, claim: Claim) -> None:
    """Reset the count of attempts without progress: a checkpoint was saved. Raises LeaseLost, Cancelled."""
    with bot.transaction() as session:
        Runs(session).advanced(claim)


def say(bot: Bot, run: int, entry: Entry) -> None:
    """Add an event to a run's log."""
    with bot.transaction() as session:
        Runs(session).log(run, entry, bot.clock())


def end(bot: Bot, claim: Claim, state: RunState, *, error: str | None = None, verdict: Verdict | None = None) -> None:
    """End a run that made no version; *verdict*: why not. Raises LeaseLost."""
    with bot.transaction() as session:
        Runs(session).end(claim, state, error=error, verdict=verdict, now=bot.clock())


def give_back(bot: Bot, claim: Claim) -> None:
    """Put an unfinished run back into the queue because its worker stops. The attempt does not count.

    Raises LeaseLost.
    """
    with bot.transaction() as session:
        runs = Runs(session)
        runs.release(claim)
        runs.log(claim.run, GivenBack(), bot.clock())


def start_due(bot: Bot, *, at: datetime | None = None) -> None:
    """Queue the runs that are due, and announce waiting runs again.

    `Schedule.due` decides what is due; while a voice has a trial, it gets no new run. *at*: the time to assume
    (default: the database's clock).
    """
    schedule = bot.settings.schedule
    with bot.transaction() as session:
        now = at or database_now(session)
        runs = Runs(session)
        on_trial = {one.voice for one in Trials(session).under_way()}
        for voice in Voices(session).all():
            if voice.slug in on_trial:
                continue
            cause = schedule.due(facts(session, voice.slug, now))
            if cause is not None:
                runs.start(voice.slug, cause, now)
        for slug in runs.waiting(now, timedelta(seconds=bot.settings.lease)):
            _announce(session, slug)


def _announce(session: Session, voice: str) -> None:
    """Announce a run of *voice* to the workers after this transaction has committed."""
    session.info.setdefault(units.TO_ANNOUNCE, set()).add(voice)
