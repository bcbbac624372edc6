"""Versions: publish the candidate of a run, promote, roll back, prune old versions."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from app.bootstrap import Bot
from app.domain.errors import NothingToUndo
from app.domain.gate import Verdict
from app.domain.lesson import Lesson, LessonItem
from app.domain.rollback import came_from, doomed, needed
from app.domain.run import Claim, RunState
from app.domain.trial import TrialState, overtaken
from app.domain.version import VersionStatus, promoted, status_after
from app.store.admins import Audit
from app.store.runs import Runs
from app.store.trials import Trials
from app.store.versions import Retention, Versions
from app.store.voices import Voices


@dataclass(frozen=True, slots=True)
class TrainedVersion:
    """A version that was trained, stored on the shelf and evaluated."""

    folder: str
    """Its key on the shelf."""
    lesson: Lesson
    metrics: Mapping[str, float]
    verdict: Verdict
    poems: Sequence[Sequence[str]] = ()
    """Sample poems, from the same seeds as those of every version."""
    gains: Mapping[tuple[str, int], float] = field(default_factory=dict)
    """By kind and id of a lesson text: its log-likelihood a line minus that of the base, in nats."""

    @property
    def items(self) -> list[LessonItem]:
        """The rows that record which ticked lines and submissions the lesson contained."""
        return [
            LessonItem(text.kind, source, text.weight, self.gains.get((text.kind, source)))
            for text in self.lesson.texts
            for source in text.sources
        ]


def publish(bot: Bot, claim: Claim, candidate: TrainedVersion) -> tuple[RunState, int]:
    """Record the candidate, end its run, and start a trial or promote it; returns the run's state and the number.

    With `TRIAL_SHARE` above 0 a candidate that the gate did not reject goes on trial, unless another trial is running.
    Without trials, an admitted candidate is promoted if `SWAP=auto`. Raises LeaseLost, and then stores nothing.
    """
    now, status = bot.clock(), status_after(candidate.verdict)
    state = RunState(status.value)
    with bot.transaction() as session:
        versions = Versions(session)
        Runs(session).end(claim, state, now=now)
        version, number = versions.add(
            claim.voice,
            folder=candidate.folder,
            status=status,
            lesson=candidate.lesson.summary(),
            metrics=candidate.metrics,
            verdict=candidate.verdict,
            run=claim.run,
            now=now,
            items=candidate.items,
            samples=candidate.poems,
        )
        if bot.settings.trial_share and status is not VersionStatus.REJECTED:
            Trials(session).start(claim.voice, version, share=bot.settings.trial_share, now=now)
        elif status is VersionStatus.ADMITTED and bot.settings.swap == "auto":
            serve(session, claim.voice, number, by="gate", reason=f"run {claim.run}", now=now)
    return state, number


def add_ungated(
    bot: Bot, voice: str, folder: str, *, lesson: Mapping[str, object], items: Sequence[LessonItem] = ()
) -> int:
    """Record a version that comes from no run, as admitted without the gate; its number. For the lab."""
    with bot.transaction() as session:
        _, number = Versions(session).add(
            voice,
            folder=folder,
            status=VersionStatus.ADMITTED,
            lesson=lesson,
            metrics={},
            verdict=None,
            run=None,
            now=bot.clock(),
            items=items,
        )
    return number


def note_base(bot: Bot, base: int, metrics: Mapping[str, float], poems: Sequence[Sequence[str]]) -> None:
    """Store the metrics and sample poems of a base (row id), measured together with its first candidate."""
    with bot.transaction() as session:
        Versions(session).measured(base, metrics, poems)


def promote(bot: Bot, voice: str, number: int, *, by: str, override: bool = False, reason: str = "") -> int:
    """Make version *number* the champion, if the rule `app/domain/version.py:promoted` allows it; its number.

    Raises TurnedAway, and UnknownVersion, also for a pruned version.
    """
    reason = reason.strip()
    with bot.transaction() as session:
        versions = Versions(session)
        version, was = versions.one(voice, number), versions.champion(voice).number
        status = promoted(version, override=override, reason=reason)
        # First, because it locks the voice and refuses a version that was pruned meanwhile.
        serve(session, voice, number, by=by, reason=reason, now=bot.clock())
        if status is not version.status:
            versions.admit(version.id)
        deed = "promote.override" if version.status is VersionStatus.REJECTED else "promote"
        Audit(session).add(by, deed, f"{voice} {number}", _with_reason(f"from {was}", reason), bot.clock())
    return number


def serve(session: Session, voice: str, number: int, *, by: str, reason: str, now: datetime) -> None:
    """Move the champion pointer to version *number*; nothing happens if it is the champion already.

    A running trial ends, because its comparison is no longer valid. Raises UnknownVersion.
    """
    trials = Trials(session)
    came = Versions(session).promote(voice, number, by=by, reason=reason, now=now)
    if came is not None and (trial := trials.running(voice)) is not None:
        trials.end(trial.id, TrialState.STOPPED, overtaken(trial, came), now=now)


def rollback(bot: Bot, voice: str, *, by: str, reason: str = "", serving: int | None = None) -> int:
    """Make the version that the champion replaced the champion again; its number. Raises UnknownVoice, NothingToUndo.

    *serving*: number of the champion that the admin saw. If another version is champion by now, nothing happens: the
    rollback was done already, or it is not the one he meant.
    """
    with bot.transaction() as session:
        versions = Versions(session)
        champion = versions.champion(voice)
        if serving not in (None, champion.number):
            return champion.number
        before = came_from(versions.moves(voice), champion.id)
        version = versions.of_base(voice, before) if before is not None else None
        if version is None or version.status is VersionStatus.PRUNED:
            raise NothingToUndo(voice)
        why = reason.strip() or f"rollback from {champion.number}"
        serve(session, voice, version.number, by=by, reason=why, now=bot.clock())
        detail = _with_reason(f"from {champion.number}", reason.strip())
        Audit(session).add(by, "rollback", f"{voice} {version.number}", detail, bot.clock())
    return version.number


def prune(bot: Bot, *, live: Collection[int]) -> list[str]:
    """Mark versions beyond `KEEP_VERSIONS` as pruned; returns the folders to remove from the shelf.

    The rules `needed` and `doomed` in `app/domain/rollback.py` select them. *live*: row ids of the versions that web
    processes have in memory.
    """
    folders: list[str] = []
    with bot.transaction() as session:
        shelved, versions, on_trial = Retention(session), Versions(session), Trials(session).under_way()
        for voice in Voices(session).all():
            kept = needed(voice.champion_id, versions.moves(voice.slug), now=bot.clock())
            kept |= {*live, *(trial.version_id for trial in on_trial)}
            gone = doomed(shelved.taught(voice.slug), keep=bot.settings.keep_versions, needed=kept)
            folders += shelved.prune(voice.slug, gone) if gone else []
    return folders


def forget_pruned(bot: Bot) -> int:
    """Remove cached copies of versions that were pruned, by this machine or another; how many.

    Only an object store has copies. Versions in memory do not need them.
    """
    held = bot.shelf.cached()
    if not held:
        return 0
    with bot.reads(Retention) as shelved:
        kept = shelved.kept(held)
    gone = [key for key in held if key not in kept]
    for key in gone:
        bot.shelf.uncache(key)
    return len(gone)


def _with_reason(detail: str, reason: str) -> str:
    return f"{detail}: {reason}" if reason else detail
