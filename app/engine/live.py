"""The live versions of a process: what is in memory, which version serves each voice, and which are on trial.

A live version is a folder's network, warmed up and found to be what it says it is.

The roster says which of them serves, and how the next one takes over. A swap loads beside, verifies, warms up, compares
with the fingerprint, and then assigns one reference: who is being written finishes with the old version, who comes next
gets the new one. A version that will not load changes nothing but the status.

Challengers are in memory beside the champions. A draw with a known chance says which of the two writes a poem, and the
poem keeps the trial's number: that is what the trial's evidence rests on. One that will not load writes nothing, and
nobody notices but the status.
"""

import random
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import onnxruntime as ort
import structlog

from app.domain.errors import BrokenFolder, EngineFailed, UnknownVoice
from app.domain.poem import Wish
from app.domain.version import Challenger, Serving
from app.engine.choose import ONE, Way, without_taste
from app.engine.metrics import EngineMetrics
from models import checkpoint
from models.checkpoint import Style
from models.sample import Rules
from models.step import Step, alike, fingerprint
from models.vocabulary import Vocabulary

log = structlog.get_logger(__name__)

Precision = Literal["int8", "fp32"]


@dataclass(frozen=True, eq=False)
class LiveVersion:
    """One version, ready to write. Its `step` belongs to the decode thread."""

    voice: str
    id: int
    number: int
    style: Style
    vocabulary: Vocabulary
    rules: Rules
    step: Step
    way: Way = ONE
    """How its lines are chosen where no taste does."""


def load(
    champion: Serving, folder: Path, *, precision: Precision, rows: int, threads: int, candidates: int = 1
) -> LiveVersion:
    """Read, verify, warm up, and compare with the fingerprint; *candidates*: as many as a line may have, whatever the
    version's style. Raises BrokenFolder.
    """
    try:
        found = checkpoint.read(folder)
        style = found.meta.style
        # A word longer than that could leave a line no place to end.
        longest_word = style.longest - style.shortest
        rules = Rules.of(found.vocabulary, banned=style.banned, spell=style.spell, longest=longest_word)
        step = found.step(precision, rules=rules.forbidden, rows=rows, threads=threads)
        measured, said = fingerprint(step, len(found.vocabulary)), found.said
    except (checkpoint.Broken, ValueError) as error:
        raise BrokenFolder(str(error)) from error
    except _ONNX_ERRORS as error:
        raise BrokenFolder(f"{folder}: ONNX Runtime will not run it: {error}") from error
    if not alike(measured, found.meta.fingerprint.get(precision, ())):
        raise BrokenFolder(f"{folder}: the network does not say what it said when it was written")
    _warm_up(step)
    return LiveVersion(
        voice=champion.voice,
        id=champion.version_id,
        number=champion.number,
        style=style,
        vocabulary=found.vocabulary,
        rules=rules,
        step=step,
        way=without_taste(style, candidates, said=said),
    )


# ONNX Runtime's exceptions have no common base of its own.
_ONNX_ERRORS: tuple[type[Exception], ...] = tuple(
    kind
    for kind in vars(ort.capi.onnxruntime_pybind11_state).values()
    if isinstance(kind, type) and issubclass(kind, Exception)
)


def _warm_up(step: Step) -> None:
    """The first run of every batch size allocates; let no reader wait for that."""
    for n in {1, 2, min(8, step.rows), step.rows}:
        if n <= step.rows:
            step.run(n)
    step.reset()


RETRY_S = 60.0
"""Seconds before a challenger that would not load is tried again; by then the worker has probably ended its trial."""


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
        load: Callable[[Serving], LiveVersion] | None = None,
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
        champions: Callable[[], Sequence[Serving]],
        fetch: Callable[[str], Path],
        load: Callable[[Serving, Path], LiveVersion],
        spare: Callable[[str], Serving | None] = lambda _voice: None,
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
        self._wanted: dict[str, Serving] = {}
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

    def _status_of(self, champion: Serving) -> VoiceStatus:
        live, failure = self._live.get(champion.voice), self._failures.get(champion.voice)
        return VoiceStatus(
            voice=champion.voice,
            version=live.id if live else None,
            number=live.number if live else None,
            wanted=champion.number,
            error=failure.error if failure else self._unreachable,
        )

    def _swap(self, champion: Serving, *, patient: bool) -> bool:
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

    def _fall_back(self, champion: Serving) -> bool:
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

    def _note(self, champion: Serving, error: Exception, before: _Failure | None) -> None:
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
