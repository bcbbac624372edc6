"""Challengers: versions on trial, in memory beside the champions.

A draw with a known chance says which of the two writes a poem, and the poem keeps the trial's number: that is what
the trial's evidence rests on. One that will not load writes nothing, and nobody notices but the status.
"""

import random
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from app.domain.errors import BrokenFolder
from app.domain.poem import Wish
from app.engine.live import Champion, LiveVersion

log = structlog.get_logger(__name__)

RETRY_S = 60.0
"""Seconds before a challenger that would not load is tried again; by then the worker has probably ended its trial."""


class Challenger(Champion, Protocol):
    """A version on trial: a row of the store's `challengers()`."""

    @property
    def trial(self) -> int:
        """The trial's number."""

    @property
    def share(self) -> float:
        """Share of the poems that are its to write."""


@dataclass(frozen=True, slots=True)
class OnTrial:
    """A challenger in memory."""

    live: LiveVersion
    trial: int
    share: float


class Challengers:
    """Challengers by voice. `draw` is called by the decode thread, `refresh` by the one that polls."""

    def __init__(
        self,
        *,
        wanted: Callable[[], Sequence[Challenger]] = tuple,
        load: Callable[[Champion], LiveVersion] | None = None,
    ) -> None:
        """*wanted*: who ought to be on trial; nobody without it."""
        self.wanted = wanted
        self._load = load
        self._ready: dict[str, OnTrial] = {}
        self._broken: set[int] = set()
        self._again_at: dict[int, float] = {}

    def draw(self, voice: str, wish: Wish) -> tuple[LiveVersion | None, int | None]:
        """Who writes a poem, None for the champion; and the trial whose draw this was.

        A seed of the reader's is the champion's, so that it can be repeated; so is a poem with lines that
        somebody chose to stand in it: neither is a fair comparison.
        """
        on_trial = self._ready.get(voice)
        if on_trial is None or wish.seed is not None or any(wish.keep):
            return None, None
        return (on_trial.live if random.random() < on_trial.share else None), on_trial.trial

    def loaded(self, version: int) -> LiveVersion | None:
        """The version with that row id, if it is in memory: a challenger that wins need not be loaded again."""
        return next((one.live for one in self._ready.values() if one.live.id == version), None)

    def lives(self) -> Collection[LiveVersion]:
        """Those in memory."""
        return [one.live for one in self._ready.values()]

    def broken(self) -> list[int]:
        """Trials whose challenger's folder is missing or broken."""
        return sorted(self._broken)

    def refresh(self, wanted: Sequence[Challenger]) -> bool:
        """Compare who is on trial with who ought to be; True when something changed."""
        trials = {one.trial for one in wanted}
        self._broken &= trials
        before = {voice: one.trial for voice, one in self._ready.items()}
        for voice in [voice for voice, trial in before.items() if trial not in trials]:
            del self._ready[voice]
        for challenger in wanted:
            if before.get(challenger.voice) != challenger.trial:
                self._admit(challenger)
        return before != {voice: one.trial for voice, one in self._ready.items()}

    def _admit(self, challenger: Challenger) -> None:
        if self._load is None or time.monotonic() < self._again_at.get(challenger.trial, 0.0):
            return
        try:
            live = self._load(challenger)
        except Exception as error:  # noqa: BLE001 - shelves and runtimes fail in their own ways; the champion writes on
            self._again_at[challenger.trial] = time.monotonic() + RETRY_S
            if isinstance(error, BrokenFolder):
                self._broken.add(challenger.trial)
            log.error("challenger.failed", voice=challenger.voice, version=challenger.number, error=str(error))  # noqa: TRY400
            return
        self._broken.discard(challenger.trial)
        self._ready[challenger.voice] = OnTrial(live, trial=challenger.trial, share=challenger.share)
        log.info("challenger.ready", voice=challenger.voice, version=challenger.number, trial=challenger.trial)
