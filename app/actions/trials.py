"""The trial: a challenger writes a share of the poems until readers, or the admin, have decided.

What counts as decided is in `app/domain/trial.py`. Looking is safe to repeat, and safe to be killed in the midst of:
it reads, weighs, and writes in one unit of work that changes nothing once the trial is over.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

from app.domain.trial import (
    Evidence,
    Impression,
    TrialEnd,
    TrialReport,
    TrialRules,
    TrialState,
    verdict,
    visits,
    weigh,
)
from app.domain.version import VersionReport

RULES = TrialRules()


class TrialStore(Protocol):
    """Where trials are kept: `store.trials.Trials`."""

    def start(self, voice: str, challenger: int, *, share: float, now: datetime) -> int | None:
        """A new trial, or None when another is under way."""

    def running(self, voice: str) -> TrialReport | None:
        """The trial under way."""

    def impressions(self, trial: int) -> Sequence[Impression]:
        """What readers were shown for it."""

    def note(self, trial: int, evidence: Evidence) -> None:
        """Keep what it has shown so far."""

    def end(self, trial: int, state: TrialState, reason: TrialEnd, *, now: datetime) -> bool:
        """It is over; False when it was already."""


class VersionStore(Protocol):
    """Where versions are kept: `store.versions.Versions`."""

    def champion(self, voice: str) -> VersionReport:
        """The version that serves."""

    def admit(self, version_id: int) -> None:
        """It may serve."""

    def promote(self, voice: str, number: int, *, by: str, reason: str, now: datetime) -> None:
        """Move the champion pointer."""


def look(
    voice: str,
    *,
    gone: bool = False,
    swap: Literal["auto", "ask"] = "auto",
    rules: TrialRules = RULES,
    trials: TrialStore,
    versions: VersionStore,
    now: datetime,
) -> TrialState | None:
    """Weigh the trial of *voice*, and end it when it is decided; how it stands then, None where there is none.

    *gone*: the challenger can't write any more. With *swap* `auto` a challenger that readers prefer becomes champion;
    with `ask` the admin is told that they do.
    """
    trial = trials.running(voice)
    if trial is None:
        return None
    if versions.champion(voice).id != trial.champion_id:
        return _stop(trial, TrialEnd.CHAMPION_CHANGED, trials=trials, now=now)
    if gone:
        return _stop(trial, TrialEnd.GONE, trials=trials, now=now)
    seen = trials.impressions(trial.id)
    evidence = weigh(visits(seen, rules=rules, now=now), share=trial.share)
    trials.note(trial.id, evidence)
    ended = verdict(evidence, impressions=len(seen), started=trial.started, rules=rules, now=now)
    if ended is None:
        return TrialState.RUNNING
    state, reason = ended
    if trials.end(trial.id, state, reason, now=now) and state is TrialState.BETTER:
        versions.admit(trial.challenger_id)
        if swap == "auto":
            told = f"trial {trial.id}: {evidence.better:.0f} to 1 after {evidence.visitors} readers"
            versions.promote(voice, trial.challenger, by="trial", reason=told, now=now)
    return state


def stop(voice: str, *, trials: TrialStore, now: datetime) -> TrialReport | None:
    """The admin ends the trial of *voice*: the champion writes everything again; the trial that was ended."""
    trial = trials.running(voice)
    if trial is not None:
        _stop(trial, TrialEnd.ADMIN, trials=trials, now=now)
    return trial


def _stop(trial: TrialReport, reason: TrialEnd, *, trials: TrialStore, now: datetime) -> TrialState:
    trials.end(trial.id, TrialState.STOPPED, reason, now=now)
    return TrialState.STOPPED
