"""Rollout: what becomes of a candidate, and which version serves."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from app.domain.errors import NothingToUndo, TurnedAway, UnknownVersion
from app.domain.lesson import Lesson, LessonItem
from app.domain.run import Claim, RunState
from app.domain.verdict import Verdict
from app.domain.version import VersionReport, VersionStatus


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


class Move(Protocol):
    """One move of the champion pointer: `store.versions.HistoryEntry`."""

    @property
    def version(self) -> int:
        """Number of the version that came."""

    @property
    def was(self) -> int | None:
        """Number of the version that went."""


class VersionStore(Protocol):
    """Where versions are kept: `store.versions.Versions`."""

    def add(
        self,
        voice: str,
        *,
        folder: str,
        status: VersionStatus,
        lesson: Mapping[str, object],
        metrics: Mapping[str, float],
        verdict: Verdict | None,
        run: int | None,
        now: datetime,
        items: Iterable[LessonItem] = (),
        samples: Sequence[Sequence[str]] = (),
    ) -> tuple[int, int]:
        """A new version: its id and number."""

    def one(self, voice: str, number: int) -> VersionReport:
        """A version by its number."""

    def champion(self, voice: str) -> VersionReport:
        """The version that serves."""

    def admit(self, version_id: int) -> None:
        """The admin overrules the gate."""

    def promote(self, voice: str, number: int, *, by: str, reason: str, now: datetime) -> None:
        """Move the champion pointer."""

    def history(self, voice: str) -> Sequence[Move]:
        """Its moves, newest first."""


class TrialStore(Protocol):
    """Where trials are kept: `store.trials.Trials`."""

    def start(self, voice: str, challenger: int, *, share: float, now: datetime) -> int | None:
        """A new trial of that version, or None when another is under way."""


class RunStore(Protocol):
    """Where runs are kept: `store.runs.Runs`."""

    def end(self, claim: Claim, state: RunState, *, error: str | None = None, now: datetime) -> None:
        """The run is over. Raises LeaseLost."""


def publish(
    claim: Claim,
    candidate: Candidate,
    *,
    swap: Literal["auto", "ask"],
    trial_share: float = 0,
    versions: VersionStore,
    runs: RunStore,
    trials: TrialStore,
    now: datetime,
) -> tuple[RunState, int]:
    """Record the candidate, end its run, and put it on trial, or promote it where admission does; its state and number.

    With a *trial_share* whatever was not turned away goes on trial, unless another version is. All in one unit of
    work. Raises LeaseLost when the run is somebody else's by now: then nothing is kept.
    """
    verdict = candidate.verdict
    state = RunState.ADMITTED if verdict.admitted else RunState.UNDECIDED if verdict.undecided else RunState.REJECTED
    runs.end(claim, state, now=now)
    items = [
        LessonItem(text.kind, source, text.weight, candidate.gains.get((text.kind, source)))
        for text in candidate.lesson.texts
        for source in text.sources
    ]
    version, number = versions.add(
        claim.voice,
        folder=candidate.folder,
        status=VersionStatus(state.value),
        lesson=candidate.lesson.summary(),
        metrics=candidate.metrics,
        verdict=candidate.verdict,
        run=claim.run,
        now=now,
        items=items,
        samples=candidate.poems,
    )
    if trial_share and state is not RunState.REJECTED:
        trials.start(claim.voice, version, share=trial_share, now=now)
    elif verdict.admitted and swap == "auto":
        versions.promote(claim.voice, number, by="gate", reason=f"run {claim.run}", now=now)
    return state, number


def promote(
    voice: str,
    number: int,
    *,
    by: str,
    override: bool = False,
    reason: str = "",
    versions: VersionStore,
    now: datetime,
) -> int:
    """Have version *number* serve; its number.

    Raises UnknownVersion (also for one whose folder was pruned), and TurnedAway for one that did not
    pass the gate, unless the admin overrides that and says why. Of one that the gate left undecided he decides.
    """
    version = versions.one(voice, number)
    if version.status is VersionStatus.PRUNED:
        raise UnknownVersion(f"{voice} {number}")
    if version.status is VersionStatus.REJECTED and not (override and reason.strip()):
        raise TurnedAway(number, version.verdict or Verdict(()))
    if version.status in (VersionStatus.REJECTED, VersionStatus.UNDECIDED):
        versions.admit(version.id)
    versions.promote(voice, number, by=by, reason=reason, now=now)
    return number


def rollback(voice: str, *, by: str, reason: str = "", versions: VersionStore, now: datetime) -> int:
    """Have the version serve again that the present one replaced; its number. Raises NothingToUndo.

    Rolling back twice goes back twice: a rollback is not itself undone by the next.
    """
    champion = versions.champion(voice).number
    came_from = next((move.was for move in versions.history(voice) if _forward(move, champion)), None)
    if came_from is None:
        raise NothingToUndo(voice)
    if versions.one(voice, came_from).status is VersionStatus.PRUNED:
        raise NothingToUndo(voice)
    versions.promote(voice, came_from, by=by, reason=reason or f"rollback from {champion}", now=now)
    return came_from


def _forward(move: Move, champion: int) -> bool:
    """Did this move bring the present champion in the place of an older version?"""
    return move.version == champion and move.was is not None and move.was < champion
