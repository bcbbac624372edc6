"""The live versions of a process: loading, the champion of each voice, hot swap, and challengers on trial.

`load` makes a `LiveVersion` of a version folder: it checks the hashes and the fingerprint, and warms the network up.

`Roster` holds the version that serves each voice. A swap loads the new version beside the old one and then assigns one
reference: poems under way are finished by the old version, and the next poem is written by the new one. If loading
fails, the old version goes on serving, and the status says why.

`Challengers` holds the versions on trial. For each poem a random draw with a known probability decides between champion
and challenger, and the poem keeps the trial's id: this randomisation makes the trial's statistics valid. If a
challenger cannot be loaded, the champion writes all poems, and the status says why.
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
    """One version in memory, ready to write. Only the decode thread may use its `step`."""

    voice: str
    id: int
    """Row id of the version."""
    number: int
    """Number of the version, as readers see it."""
    style: Style
    vocabulary: Vocabulary
    rules: Rules
    step: Step
    way: Way = ONE
    """How its lines are chosen without a taste."""


def load(
    champion: Serving, folder: Path, *, precision: Precision, rows: int, threads: int, candidates: int = 1
) -> LiveVersion:
    """Load the version in *folder*: check its files, compare its fingerprint, and warm it up. Raises BrokenFolder.

    *rows*: lines written at once; *threads*: of ONNX Runtime; *candidates*: most candidates of a line, whatever the
    version's style says.
    """
    try:
        found = checkpoint.read(folder)
        style = found.meta.style
        # A line is cut at the end of a word, so a longer word could make a line too long.
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


# ONNX Runtime's exceptions have no common base class.
_ONNX_ERRORS: tuple[type[Exception], ...] = tuple(
    kind
    for kind in vars(ort.capi.onnxruntime_pybind11_state).values()
    if isinstance(kind, type) and issubclass(kind, Exception)
)


def _warm_up(step: Step) -> None:
    """Run small batch sizes once, so that the first reader need not wait for what ONNX Runtime does at a first run.

    Memory for more rows is taken when there are more readers: a voice that nobody reads should not fill it.
    """
    for n in (1, 2, 8):
        if n <= step.rows:
            step.run(n)


RETRY_S = 60.0
"""Seconds until a challenger that could not be loaded is tried again; the worker has probably ended its trial by
then."""


@dataclass(frozen=True, slots=True)
class OnTrial:
    """A challenger in memory."""

    live: LiveVersion
    trial: int
    """Row id of the trial."""
    share: float
    """Probability that the challenger writes a poem, 0 to 1."""


class Challengers:
    """The challengers by voice. The decode thread calls `draw`, the polling thread calls `refresh`."""

    def __init__(
        self,
        *,
        wanted: Callable[[], Sequence[Challenger]] = tuple,
        load: Callable[[Serving], LiveVersion] | None = None,
    ) -> None:
        """*wanted*: the challengers that should be on trial; by default none. *load*: loads one of them."""
        self.wanted = wanted
        self._load = load
        self._ready: dict[str, OnTrial] = {}
        self._broken: set[int] = set()
        self._again_at: dict[int, float] = {}

    def draw(self, voice: str, wish: Wish) -> tuple[LiveVersion | None, int | None]:
        """Draw the version that writes a poem: the challenger, or None for the champion; and the trial's id.

        Without a draw both are None. A poem with a seed of the reader's is always the champion's, so that it can be
        repeated. So is a poem with kept lines, because the reader's choice of lines would bias the comparison.
        """
        on_trial = self._ready.get(voice)
        if on_trial is None or wish.seed is not None or any(wish.keep):
            return None, None
        return (on_trial.live if random.random() < on_trial.share else None), on_trial.trial

    def of(self, voice: str) -> OnTrial | None:
        """The challenger of a voice, if it is in memory."""
        return self._ready.get(voice)

    def loaded(self, version: int) -> LiveVersion | None:
        """The challenger with that row id if it is in memory: when it wins, it need not be loaded again."""
        return next((one.live for one in self._ready.values() if one.live.id == version), None)

    def lives(self) -> Collection[LiveVersion]:
        """The challengers in memory."""
        return [one.live for one in self._ready.values()]

    def broken(self) -> list[int]:
        """Ids of the trials whose challenger's folder is missing or broken."""
        return sorted(self._broken)

    def refresh(self, wanted: Sequence[Challenger]) -> bool:
        """Load the *wanted* challengers and drop the others; True if something changed."""
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
        """Load a challenger; if that fails, note it, and wait `RETRY_S` before the next attempt."""
        if self._load is None or time.monotonic() < self._again_at.get(challenger.trial, 0.0):
            return
        try:
            live = self._load(challenger)
        except Exception as error:  # noqa: BLE001 - storage and runtime raise many errors; the champion writes on
            self._again_at[challenger.trial] = time.monotonic() + RETRY_S
            if isinstance(error, BrokenFolder):
                self._broken.add(challenger.trial)
            log.error("challenger.failed", voice=challenger.voice, version=challenger.number, error=str(error))  # noqa: TRY400
            return
        self._broken.discard(challenger.trial)
        self._ready[challenger.voice] = OnTrial(live, trial=challenger.trial, share=challenger.share)
        log.info("challenger.ready", voice=challenger.voice, version=challenger.number, trial=challenger.trial)


PATIENCE_S = (1.0, 2.0, 5.0, 15.0, 60.0)
"""Seconds until the next attempt to load a version, by the number of failures so far."""


@dataclass(frozen=True, slots=True)
class VoiceStatus:
    """The version that serves a voice in this process, and the version that should."""

    voice: str
    version: int | None
    """Row id of the version that serves; None: no version does."""
    number: int | None
    """Number of that version."""
    wanted: int
    """Number of the version that should serve."""
    error: str | None
    """Why loading it failed, or why the wanted version is not known; None: no error."""


@dataclass(slots=True)
class _Failure:
    """The failed attempts to load a voice's champion."""

    version: int
    error: str
    times: int
    again_at: float


class Roster:
    """The serving version of each voice. The decode thread calls `current`, the polling thread calls `refresh`."""

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
        """*champions*: the versions that should serve; *fetch*: key on the shelf -> folder; *load*: loads a folder;
        *spare*: the version for a voice that has none in memory and whose champion cannot be loaded.
        """
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
        """Why the champions are not known; None: they are."""
        self._refreshing = threading.Lock()

    def current(self, voice: str) -> LiveVersion:
        """The version that serves *voice*. Raises UnknownVoice, and EngineFailed if no version is loaded."""
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
        """Ask for the champions and swap to new ones; True if something changed.

        *patient*: after a failure wait for the next attempt, as `PATIENCE_S` says.
        """
        with self._refreshing:
            try:
                wanted = {champion.voice: champion for champion in self._champions()}
                on_trial = self._challengers.wanted()
            except Exception as error:  # noqa: BLE001 - the database is away; the versions in memory go on serving
                self._note_unreachable(f"cannot ask which versions ought to serve: {error!r}")
                return False
            self._wanted, self._unreachable = wanted, None  # in this order, because `current` reads them in the other
            gone = [voice for voice in self._live if voice not in wanted]
            for voice in gone:
                del self._live[voice]
            swapped = [self._swap(champion, patient=patient) for champion in wanted.values()]
            return self._challengers.refresh(on_trial) or bool(gone) or any(swapped)

    def unlisted(self) -> frozenset[str]:
        """The voices that are not listed, as of the last refresh."""
        return frozenset(voice for voice, champion in list(self._wanted.items()) if not champion.listed)

    def status(self) -> dict[str, VoiceStatus]:
        """The status of each voice."""
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
        """Load the champion and let it serve; False if it serves already, or if loading fails."""
        voice = champion.voice
        live, failure = self._live.get(voice), self._failures.get(voice)
        if live is not None and live.id == champion.version_id:
            self._failures.pop(voice, None)
            return False
        if failure is not None and failure.version != champion.version_id:
            failure = None  # of another version
        if patient and failure is not None and time.monotonic() < failure.again_at:
            return False
        began = time.monotonic()
        try:
            # A challenger that has won its trial is in memory already.
            fresh = self._challengers.loaded(champion.version_id) or self._load(champion, self._fetch(champion.folder))
        except Exception as error:  # noqa: BLE001 - storage and runtime raise many errors; the old version serves
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
        """Let the spare version serve instead of a champion that cannot be loaded; the status still has the failure."""
        try:
            spare = self._spare(champion.voice)
            if spare is None or spare.version_id == champion.version_id:
                return False
            self._live[champion.voice] = self._load(spare, self._fetch(spare.folder))
        except Exception as error:  # noqa: BLE001 - as above; no version serves, and the status says why
            log.error("swap.no_spare", voice=champion.voice, error=repr(error))  # noqa: TRY400
            return False
        log.warning("swap.spare_serves", voice=champion.voice, champion=champion.number, spare=spare.number)
        return True

    def _note(self, champion: Serving, error: Exception, before: _Failure | None) -> None:
        """Record a failed attempt and the time of the next one; *before*: the attempts until now."""
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
