"""Runs: one is asked for, by an admin, from the shell, by the count or by the clock; a worker takes it up and ends it.

Every write of a worker but a line of the log names its claim: one that has lost the run changes nothing.
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
from app.store.session import told_by
from app.store.trials import Trials
from app.store.voices import Voices


def request(bot: Bot, voice: str, cause: Cause, *, by: str) -> tuple[RunReport, bool]:
    """Start a run of *voice*, or find the one under way; True when it is new. Raises UnknownVoice.

    It is announced in either case, once this is committed: the first announcement may have been lost.
    """
    with bot.transaction() as session:
        Voices(session).one(voice)
        run, new = Runs(session).start(voice, cause, bot.clock())
        _announce(session, voice)
        if new:
            Audit(session).add(by, "run.start", f"{voice} run {run}", "", bot.clock())
        return Runs(session).one(run), new


def cancel(bot: Bot, run: int, *, by: str) -> tuple[RunReport, bool]:
    """Stop a run: a waiting one at once, one at work at its next step; False when it had ended. Raises UnknownRun."""
    with bot.transaction() as session:
        runs = Runs(session)
        before = runs.one(run)
        if before.state.ended:
            return before, False
        report = runs.cancel(run, bot.clock())
        Audit(session).add(by, "run.cancel", f"{report.voice} run {run}", "", bot.clock())
        return report, True


def claim(bot: Bot) -> Claim | None:
    """Take the oldest run that nobody holds, for `LEASE` seconds; None if there is none."""
    with bot.transaction() as session:
        lease = timedelta(seconds=bot.settings.lease)
        return Runs(session).claim(told_by(session), lease, attempts=bot.settings.attempts)


def report(bot: Bot, claim: Claim, progress: Progress, *, renew: bool) -> None:
    """Write down how far a run has come; *renew*: and that its worker lives. Raises LeaseLost, Cancelled."""
    with bot.transaction() as session:
        runs = Runs(session)
        if renew:
            runs.renew(claim, told_by(session), timedelta(seconds=bot.settings.lease))
        runs.report(
            claim,
            phase=progress.phase,
            step=progress.step,
            of=progress.of,
            loss=progress.loss,
            seconds_left=progress.seconds_left,
        )


def advanced(bot: Bot, claim: Claim) -> None:
    """The run has got further, and that is saved: its attempts count anew. Raises LeaseLost, Cancelled."""
    with bot.transaction() as session:
        Runs(session).advanced(claim)


def say(bot: Bot, run: int, entry: Entry) -> None:
    """Add a line to a run's log."""
    with bot.transaction() as session:
        Runs(session).log(run, str(entry), bot.clock())


def end(bot: Bot, claim: Claim, state: RunState, *, error: str | None = None, verdict: Verdict | None = None) -> None:
    """The run is over without a version; *verdict*: why. Raises LeaseLost."""
    with bot.transaction() as session:
        Runs(session).end(claim, state, error=error, verdict=verdict, now=bot.clock())


def give_back(bot: Bot, claim: Claim) -> None:
    """Put a run back into the queue, unfinished: its worker must stop. The attempt does not count. Raises LeaseLost."""
    with bot.transaction() as session:
        runs = Runs(session)
        runs.release(claim)
        runs.log(claim.run, str(GivenBack()), bot.clock())


def start_due(bot: Bot, *, at: datetime | None = None) -> None:
    """Start the runs that are due, and announce again those that nobody has taken up.

    What is due says `app/domain/run.py`; a voice whose last version is on trial waits for what readers say of it.
    *at*: as if it were then (default: now, by the database's clock).
    """
    schedule = bot.settings.schedule
    with bot.transaction() as session:
        now = at or told_by(session)
        runs = Runs(session)
        on_trial = {one.voice for one in Trials(session).under_way()}
        for voice in Voices(session).all():
            if voice.slug in on_trial:
                continue
            cause = schedule.due(**facts(session, voice.slug, now))
            if cause is not None:
                runs.start(voice.slug, cause, now)
        for slug in runs.waiting(now):
            _announce(session, slug)


def _announce(session: Session, voice: str) -> None:
    """Have *voice* announced to the workers once this transaction is committed."""
    session.info.setdefault(units.TO_ANNOUNCE, set()).add(voice)
