"""What an admin does, from the desk or by program: each deed in one unit of work with its entry in the audit log."""

from collections.abc import Sequence

from app.actions import rollout
from app.actions import runs as run_deeds
from app.actions import trials as trial_deeds
from app.bootstrap import Bot, announcer, now
from app.domain.run import Cause, RunReport
from app.domain.submission import Submission, SubmissionStatus
from app.domain.trial import TrialReport
from app.store.audit import Audit
from app.store.pieces import Pieces
from app.store.runs import Runs
from app.store.submissions import Submissions
from app.store.trials import Trials
from app.store.versions import Versions
from app.store.voices import Voices


def start_run(bot: Bot, voice: str, *, by: str) -> tuple[RunReport, bool]:
    """Start a run of *voice*, or find the one under way; True when it is new. Raises UnknownVoice."""
    with bot.transaction() as session:
        report, new = run_deeds.request(
            voice,
            Cause.ADMIN,
            runs=Runs(session),
            voices=Voices(session),
            announce=announcer(session),
            now=now(),
        )
        if new:
            Audit(session).add(by, "run.start", f"{voice} run {report.run}", "", now())
    return report, new


def cancel_run(bot: Bot, run: int, *, by: str) -> RunReport:
    """Stop a run; one that has ended stays as it is. Raises UnknownRun."""
    with bot.transaction() as session:
        runs = Runs(session)
        if runs.one(run).state.ended:
            return runs.one(run)
        report = runs.cancel(run, now())
        Audit(session).add(by, "run.cancel", f"{report.voice} run {run}", "", now())
    return report


def promote(bot: Bot, voice: str, number: int, *, by: str, override: bool, reason: str) -> int:
    """Have a version serve; its number. Raises UnknownVersion, TurnedAway (also for an override without a reason)."""
    with bot.transaction() as session:
        versions = Versions(session)
        was = versions.champion(voice).number
        champion = rollout.promote(
            voice, number, by=by, override=override, reason=reason.strip(), versions=versions, now=now()
        )
        deed = "promote.override" if override else "promote"
        detail = f"from {was}" + (f": {reason.strip()}" if reason.strip() else "")
        Audit(session).add(by, deed, f"{voice} {champion}", detail, now())
    return champion


def rollback(bot: Bot, voice: str, *, by: str, serving: int | None = None) -> int:
    """Have the version before serve again; its number. Raises UnknownVoice, NothingToUndo.

    *serving*: the version that he saw serve. When another serves by now, it is done already, or not what he meant.
    """
    with bot.transaction() as session:
        versions = Versions(session)
        was = versions.champion(voice).number
        if serving not in (None, was):
            return was
        champion = rollout.rollback(voice, by=by, versions=versions, now=now())
        Audit(session).add(by, "rollback", f"{voice} {champion}", f"from {was}", now())
    return champion


def stop_trial(bot: Bot, voice: str, *, by: str) -> TrialReport | None:
    """End the trial of a voice, as it then stands; None when none is under way. Raises UnknownVoice."""
    with bot.transaction() as session:
        Voices(session).one(voice)
        trials = Trials(session)
        ended = trial_deeds.stop(voice, trials=trials, now=now())
        if ended is None:
            return None
        Audit(session).add(by, "trial.stop", f"{voice} {ended.challenger}", f"trial {ended.id}", now())
        return trials.of_voice(voice)[0]


def decide(bot: Bot, ids: Sequence[int], status: SubmissionStatus, *, by: str) -> list[Submission]:
    """Approve or reject submissions. Raises UnknownSubmission."""
    with bot.transaction() as session:
        decided = Submissions(session).decide(ids, status, by=by, now=now())
        for given in decided:
            Audit(session).add(by, f"submission.{status}", f"submission {given.id}", f"now {given.status}", now())
    return decided


def decide_pieces(bot: Bot, ids: Sequence[str], status: SubmissionStatus, *, by: str) -> None:
    """Approve, reject or put back what visitors wove. Raises UnknownPiece."""
    with bot.transaction() as session:
        for piece in Pieces(session).decide(ids, status, by=by, now=now()):
            Audit(session).add(by, f"piece.{status}", f"piece {piece.id}", f"now {piece.status}", now())
