"""Rollout: what becomes of a candidate, and which version serves."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from app.domain.errors import NothingToUndo, TurnedAway, UnknownVersion
from app.domain.lesson import Lesson
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
        items: Iterable[tuple[str, int, float]] = (),
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


class RunStore(Protocol):
    """Where runs are kept: `store.runs.Runs`."""

    def end(self, claim: Claim, state: RunState, *, error: str | None = None, now: datetime) -> None:
        """The run is over. Raises LeaseLost."""


def publish(
    claim: Claim,
    candidate: Candidate,
    *,
    swap: Literal["auto", "ask"],
    versions: VersionStore,
    runs: RunStore,
    now: datetime,
) -> tuple[RunState, int]:
    """Record the candidate, end its run, and promote it where admission does; its state and number.

    All in one unit of work. Raises LeaseLost when the run is somebody else's by now: then nothing is kept.
    """
    admitted = candidate.verdict.admitted
    state = RunState.ADMITTED if admitted else RunState.REJECTED
    runs.end(claim, state, now=now)
    items = [(text.kind, source, text.weight) for text in candidate.lesson.texts for source in text.sources]
    _, number = versions.add(
        claim.voice,
        folder=candidate.folder,
        status=VersionStatus.ADMITTED if admitted else VersionStatus.REJECTED,
        lesson=candidate.lesson.summary(),
        metrics=candidate.metrics,
        verdict=candidate.verdict,
        run=claim.run,
        now=now,
        items=items,
    )
    if admitted and swap == "auto":
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
    pass the gate, unless the admin overrides that and says why.
    """
    version = versions.one(voice, number)
    if version.status is VersionStatus.PRUNED:
        raise UnknownVersion(f"{voice} {number}")
    if version.status not in (VersionStatus.BASE, VersionStatus.ADMITTED):
        if not (override and reason.strip()):
            raise TurnedAway(number, version.verdict or Verdict(()))
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
