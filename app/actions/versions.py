"""Which version of a voice serves: publish what a run has made, promote, roll back; prune what nobody needs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from app.bootstrap import Bot
from app.domain.errors import NothingToUndo
from app.domain.gate import Verdict
from app.domain.lesson import Lesson, LessonItem
from app.domain.run import Claim, RunState
from app.domain.trial import TrialState, overtaken
from app.domain.version import VersionStatus, came_from, doomed, needed, promoted, status_after
from app.store.admins import Audit
from app.store.runs import Runs
from app.store.trials import Trials
from app.store.versions import Retention, Versions
from app.store.voices import Voices


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version that was trained, placed on the shelf and examined."""

    folder: str
    """Its key on the shelf."""
    lesson: Lesson
    metrics: Mapping[str, float]
    verdict: Verdict
    poems: Sequence[Sequence[str]] = ()
    """A few it wrote, of the same seeds as every version's."""
    gains: Mapping[tuple[str, int], float] = field(default_factory=dict)
    """By kind and source of the lesson: nats a line by which it finds that likelier than the base does."""

    @property
    def items(self) -> list[LessonItem]:
        """Where its lesson came from, and what became of it."""
        return [
            LessonItem(text.kind, source, text.weight, self.gains.get((text.kind, source)))
            for text in self.lesson.texts
            for source in text.sources
        ]


def publish(bot: Bot, claim: Claim, candidate: Candidate) -> tuple[RunState, int]:
    """Record the candidate, end its run, and put it on trial, or promote it where admission does; its state and number.

    With `TRIAL_SHARE` whatever was not turned away goes on trial, unless another version is; without it `SWAP` decides.
    Raises LeaseLost when the run is somebody else's by now: then nothing is kept.
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


def bring(bot: Bot, voice: str, folder: str, *, lesson: Mapping[str, object], items: Sequence[LessonItem] = ()) -> int:
    """Record a version that no run has made and no gate has examined, as admitted; its number. For the lab."""
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
    """Keep what was measured of a base (row id) and poems it wrote: once per release, beside its first candidate."""
    with bot.transaction() as session:
        Versions(session).measured(base, metrics, poems)


def promote(bot: Bot, voice: str, number: int, *, by: str, override: bool = False, reason: str = "") -> int:
    """Have version *number* serve; its number.

    Whether it may says `app/domain/version.py`. Raises TurnedAway, and UnknownVersion, also for a pruned one.
    """
    reason = reason.strip()
    with bot.transaction() as session:
        versions = Versions(session)
        version, was = versions.one(voice, number), versions.champion(voice).number
        status = promoted(version, override=override, reason=reason)
        # First, for it locks the voice and refuses one that was pruned meanwhile.
        serve(session, voice, number, by=by, reason=reason, now=bot.clock())
        if status is not version.status:
            versions.admit(version.id)
        deed = "promote.override" if version.status is VersionStatus.REJECTED else "promote"
        Audit(session).add(by, deed, f"{voice} {number}", _because(f"from {was}", reason), bot.clock())
    return number


def serve(session: Session, voice: str, number: int, *, by: str, reason: str, now: datetime) -> None:
    """Have version *number* serve from now on; a version that serves already stays.

    A trial that is under way has lost what it compares with: it ends. Raises UnknownVersion.
    """
    trials = Trials(session)
    came = Versions(session).promote(voice, number, by=by, reason=reason, now=now)
    if came is not None and (trial := trials.running(voice)) is not None:
        trials.end(trial.id, TrialState.STOPPED, overtaken(trial, came), now=now)


def rollback(bot: Bot, voice: str, *, by: str, reason: str = "", serving: int | None = None) -> int:
    """Have the version serve again that the present one replaced; its number. Raises UnknownVoice, NothingToUndo.

    *serving*: the version that the admin saw serve. When another serves by now, it is done already, or not what he
    meant.
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
        told = reason.strip() or f"rollback from {champion.number}"
        serve(session, voice, version.number, by=by, reason=told, now=bot.clock())
        detail = _because(f"from {champion.number}", reason.strip())
        Audit(session).add(by, "rollback", f"{voice} {version.number}", detail, bot.clock())
    return version.number


def prune(bot: Bot, *, live: Collection[int]) -> list[str]:
    """Take the versions past `KEEP_VERSIONS` off the books; the folders to remove once that is kept.

    Which are needed says `app/domain/version.py`. *live*: row ids that web processes have in memory.
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
    """Remove this machine's copies of versions that were taken off the shelf since, by whatever machine; how many.

    A shelf that is a folder has no copies. What is in memory needs none.
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


def _because(what: str, reason: str) -> str:
    return f"{what}: {reason}" if reason else what
