"""The roster: which version serves each voice in this process, and how the next one takes over.

A swap loads beside, verifies, warms up, compares with the fingerprint, and then
assigns one reference: who is being written finishes with the old version, who comes
next gets the new one. A version that will not load changes nothing but the status.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from app.domain.errors import BrokenFolder, EngineFailed, UnknownVoice
from app.engine.challengers import Challengers
from app.engine.live import Champion, LiveVersion
from app.engine.metrics import EngineMetrics

log = structlog.get_logger(__name__)

PATIENCE_S = (1.0, 2.0, 5.0, 15.0, 60.0)
"""Seconds before a folder that would not load is looked at again, by the number of failures."""


@dataclass(frozen=True, slots=True)
class VoiceStatus:
    """What one voice serves in this process, and what it ought to."""

    voice: str
    version: int | None
    """Row id of the version that serves; None: nothing does."""
    number: int | None
    wanted: int
    """Number of the version that ought to serve."""
    error: str | None
    """Why that is not the one that does, or why we can't know."""


@dataclass(slots=True)
class _Failure:
    version: int
    error: str
    times: int
    again_at: float


class Roster:
    """Live versions by voice. `current` is called by the decode thread, `refresh` by the one that polls."""

    def __init__(
        self,
        *,
        champions: Callable[[], Sequence[Champion]],
        fetch: Callable[[str], Path],
        load: Callable[[Champion, Path], LiveVersion],
        spare: Callable[[str], Champion | None] = lambda _voice: None,
        metrics: EngineMetrics | None = None,
        challengers: Challengers | None = None,
    ) -> None:
        """*spare*: what a voice serves while it has nothing in memory and its champion would not load."""
        self._champions = champions
        self._fetch = fetch
        self._load = load
        self._spare = spare
        self._metrics = metrics or EngineMetrics()
        self._challengers = challengers or Challengers()
        self._live: dict[str, LiveVersion] = {}
        self._wanted: dict[str, Champion] = {}
        self._failures: dict[str, _Failure] = {}
        self._unreachable: str | None = None
        """Why we can't know what ought to serve."""
        self._refreshing = threading.Lock()

    def current(self, voice: str) -> LiveVersion:
        """The version that serves. Raises UnknownVoice, EngineFailed when none has been loaded, or would load."""
        live = self._live.get(voice)
        if live is not None:
            return live
        failure = self._failures.get(voice)
        if failure is not None:
            raise EngineFailed(f"{voice} has no version that would load: {failure.error}")
        if self._unreachable is not None:
            raise EngineFailed(self._unreachable)
        if voice in self._wanted:
            raise EngineFailed(f"{voice} is being loaded")
        raise UnknownVoice(voice)

    def refresh(self, *, patient: bool = False) -> bool:
        """Compare what serves with what ought to, and swap; True when something changed.

        *patient*: leave a folder that lately would not load alone for a while.
        """
        with self._refreshing:
            try:
                wanted = {champion.voice: champion for champion in self._champions()}
                on_trial = self._challengers.wanted()
            except Exception as error:  # noqa: BLE001 - a database away; whatever serves goes on serving
                self._note_unreachable(f"cannot ask which versions ought to serve: {error!r}")
                return False
            self._wanted, self._unreachable = wanted, None  # in this order: `current` asks in the other
            gone = [voice for voice in self._live if voice not in wanted]
            for voice in gone:
                del self._live[voice]
            swapped = [self._swap(champion, patient=patient) for champion in wanted.values()]
            return self._challengers.refresh(on_trial) or bool(gone) or any(swapped)

    def status(self) -> dict[str, VoiceStatus]:
        """By voice."""
        return {voice: self._status_of(champion) for voice, champion in list(self._wanted.items())}

    def _status_of(self, champion: Champion) -> VoiceStatus:
        live, failure = self._live.get(champion.voice), self._failures.get(champion.voice)
        return VoiceStatus(
            voice=champion.voice,
            version=live.id if live else None,
            number=live.number if live else None,
            wanted=champion.number,
            error=failure.error if failure else self._unreachable,
        )

    def _swap(self, champion: Champion, *, patient: bool) -> bool:
        """Have the champion serve; False when it does already, or would not load."""
        voice = champion.voice
        live, failure = self._live.get(voice), self._failures.get(voice)
        if live is not None and live.id == champion.version_id:
            self._failures.pop(voice, None)
            return False
        if failure is not None and failure.version != champion.version_id:
            failure = None  # it was another version's
        if patient and failure is not None and time.monotonic() < failure.again_at:
            return False
        began = time.monotonic()
        try:
            # A challenger that has won is in memory already.
            fresh = self._challengers.loaded(champion.version_id) or self._load(champion, self._fetch(champion.folder))
        except Exception as error:  # noqa: BLE001 - shelves and runtimes fail in their own ways; the old one serves
            self._note(champion, error, failure)
            return live is None and self._fall_back(champion)
        self._live[voice] = fresh
        self._failures.pop(voice, None)
        spent = time.monotonic() - began
        self._metrics.swap_seconds.observe(spent)
        was = live.number if live else None
        log.info("swap.done", voice=voice, champion=fresh.number, was=was, seconds=round(spent, 3))
        return True

    def _fall_back(self, champion: Champion) -> bool:
        """Have the spare serve for a champion whose folder is gone or broken; the failure stays in the status."""
        try:
            spare = self._spare(champion.voice)
            if spare is None or spare.version_id == champion.version_id:
                return False
            self._live[champion.voice] = self._load(spare, self._fetch(spare.folder))
        except Exception as error:  # noqa: BLE001 - as above; then nothing serves, and the status says why
            log.error("swap.no_spare", voice=champion.voice, error=repr(error))  # noqa: TRY400
            return False
        log.warning("swap.spare_serves", voice=champion.voice, champion=champion.number, spare=spare.number)
        return True

    def _note(self, champion: Champion, error: Exception, before: _Failure | None) -> None:
        times = before.times + 1 if before else 1
        wait = PATIENCE_S[min(times, len(PATIENCE_S)) - 1]
        message = str(error) if isinstance(error, BrokenFolder) else repr(error)
        self._metrics.failed_swaps += 1
        self._failures[champion.voice] = _Failure(
            version=champion.version_id, error=message, times=times, again_at=time.monotonic() + wait
        )
        log.error("swap.failed", voice=champion.voice, champion=champion.number, error=message, times=times)

    def _note_unreachable(self, error: str) -> None:
        if self._unreachable is None:
            log.warning("roster.unreachable", error=error)
        self._unreachable = error
