"""Starting runs: by the admin, from the shell, by count, by time."""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from app.domain.run import Cause, RunReport
from app.domain.version import VoiceReport


class RunStore(Protocol):
    """Where runs are kept: `store.runs.Runs`."""

    def start(self, voice: str, cause: Cause, now: datetime) -> tuple[int, bool]:
        """A new run, or the one under way."""

    def one(self, run: int) -> RunReport:
        """A run by its number."""

    def waiting(self, now: datetime) -> list[str]:
        """Voices with a run that nobody holds."""

    def last_started(self, voice: str) -> datetime | None:
        """When the newest run was asked for."""


class VoiceStore(Protocol):
    """Where voices are kept: `store.voices.Voices`."""

    def all(self) -> Sequence[VoiceReport]:
        """Every voice."""

    def one(self, slug: str) -> VoiceReport:
        """A voice. Raises UnknownVoice."""


class VersionStore(Protocol):
    """Where versions are kept: `store.versions.Versions`."""

    def newest_made(self, voice: str) -> datetime:
        """When the newest version of the present base was made."""


class FeedbackStore(Protocol):
    """What readers gave: `store.feedback.FeedbackStore`."""

    def new_since_champion(self, voice: str, now: datetime) -> int:
        """Ticks and approved poems since the newest version."""


Announce = Callable[[str], None]
"""Announce a voice once this unit of work is committed."""


def request(
    voice: str, cause: Cause, *, runs: RunStore, voices: VoiceStore, announce: Announce, now: datetime
) -> tuple[RunReport, bool]:
    """Start a run of *voice*, or find the one under way; True when it is new. Raises UnknownVoice."""
    voices.one(voice)
    run, new = runs.start(voice, cause, now)
    announce(voice)
    return runs.one(run), new


def sweep(
    *,
    every: timedelta | None,
    after: int,
    runs: RunStore,
    voices: VoiceStore,
    versions: VersionStore,
    feedback: FeedbackStore,
    announce: Announce,
    now: datetime,
    on_trial: Collection[str] = (),
) -> None:
    """Start the runs that are due, and announce again those that nobody has taken up.

    A run is due when *after* new ticks and poems have come, or when anything new has come and *every* has
    passed since the newest run (or the newest version, where there was none). After a run that failed the count
    alone does not start another before an hour has passed: a broken lesson must not train for ever.
    A voice whose last version is *on_trial* waits for what readers say of it.
    """
    for voice in voices.all():
        if voice.slug in on_trial:
            continue
        cause = _due(
            feedback.new_since_champion(voice.slug, now),
            runs.last_started(voice.slug),
            versions.newest_made(voice.slug),
            every=every,
            after=after,
            now=now,
        )
        if cause is not None:
            runs.start(voice.slug, cause, now)
    for slug in runs.waiting(now):
        announce(slug)


RETRY_AFTER = timedelta(hours=1)
EVER = datetime(1970, 1, 1, tzinfo=UTC)


def _credible(moment: datetime, now: datetime) -> datetime:
    return moment if moment <= now else EVER


def _due(
    new: int, last_run: datetime | None, last_version: datetime, *, every: timedelta | None, after: int, now: datetime
) -> Cause | None:
    """Why a run should start now, or None. A moment in the future is of a clock that was wrong: it counts as none."""
    if new == 0:
        return None
    last_version = _credible(last_version, now)
    last_run = _credible(last_run, now) if last_run else None
    in_vain = last_run is not None and last_run > last_version
    rested = last_run is None or not in_vain or now - last_run >= RETRY_AFTER
    if after and new >= after and rested:
        return Cause.COUNT
    since = max(last_version, last_run) if last_run else last_version
    if every is not None and now - since >= every:
        return Cause.SCHEDULE
    return None
