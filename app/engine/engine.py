"""The engine: writes poems with the champions, for many readers at once. What the site and the shell call.

It joins the roster (which version serves) and the batcher (which poem is stepped
when); the network itself is `models/step.py`.
"""

import ctypes
import os
import random
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from app.domain.draft import Draft, Memory
from app.domain.poem import Wish, Writing
from app.domain.version import Challenger, Serving
from app.engine.batcher import Batcher, Ticket
from app.engine.choose import Way
from app.engine.drawer import Drawer
from app.engine.live import Challengers, LiveVersion, Roster, VoiceStatus, load
from app.engine.metrics import EngineMetrics
from app.engine.poem import Hear
from app.engine.taste_policy import TastePolicy
from app.settings import Settings

POLL_S = 1.0
"""Seconds between two polls of the versions and tastes that ought to serve."""
LOADING = 5
"""How much nicer the thread is that loads versions. A third of the decode thread's weight: far less, and it could keep
the interpreter's lock from it while another process has the core.
"""


class Engine:
    """Writes poems. All methods are thread-safe."""

    def __init__(
        self,
        *,
        champions: Callable[[], Sequence[Serving]],
        fetch: Callable[[str], Path],
        settings: Settings,
        candidates: int = 1,
        way: Way | None = None,
        spare: Callable[[str], Serving | None] = lambda _voice: None,
        challengers: Callable[[], Sequence[Challenger]] = tuple,
        taste_policy: TastePolicy | None = None,
        dice: Callable[[], int] | None = None,
        drawers: Callable[[], Mapping[int, int]] = dict,
        drafts: Callable[[int], Sequence[Draft]] = lambda _version: (),
    ) -> None:
        """*champions*: the version each voice ought to serve; *spare*: the version that serves if the champion does not
        load at the start; *challengers*: versions on trial; *fetch*: key -> folder; *candidates*: most candidates of a
        line; *way*: how lines are chosen where *taste_policy* has no taste (None: the version's own way); *dice*: seeds
        for poems whose reader names none; *drawers*, *drafts*: as `Drawer` takes them.
        """
        self.metrics = EngineMetrics()
        """Counters of this engine."""
        self._settings = settings
        self._candidates = candidates
        self._taste_policy = taste_policy or TastePolicy(candidates=candidates)
        # At least the rows of one poem with all its candidates, whatever the setting says.
        self._rows = max(settings.slots, candidates, self._taste_policy.candidates)
        self._challengers = Challengers(wanted=challengers, load=lambda one: self._load(one, fetch(one.folder)))
        self._roster = Roster(
            champions=champions,
            fetch=fetch,
            load=self._load,
            spare=spare,
            metrics=self.metrics,
            challengers=self._challengers,
        )
        self._batcher = Batcher(
            self._current,
            rows=self._rows,
            queue=settings.queue,
            candidates=candidates,
            way=way,
            metrics=self.metrics,
            challengers=self._challengers,
            taste_policy=self._taste_policy,
            dice=dice,
        )
        self._drawer = Drawer(changes=drawers, fetch=drafts, taste_policy=self._taste_policy)
        self._first_refresh = threading.Lock()
        self._refreshed = False
        self._stop = threading.Event()
        self._poller: threading.Thread | None = None

    def write(self, voice: str, wish: Wish, *, visitor: str = "") -> Writing:
        """Write a poem and wait for it. *visitor*: whose turn it takes in the queue.

        Raises UnknownVoice, EngineFull, EngineFailed.
        """
        self.check(voice)
        return self._batcher.write(voice, wish, visitor=visitor)

    def hand_out(self, voice: str, wish: Wish, memory: Memory) -> Writing | None:
        """A poem from the drawer for a reader who has seen *memory*; None if it is to be written live.

        While a version is on trial, both hand out drafts or neither: else the trial would compare drafts with poems
        written live. Raises UnknownVoice, EngineFailed.
        """
        champion = self._current(voice)
        on_trial = self._challengers.of(voice)
        playing = [champion] if on_trial is None else [champion, on_trial.live]
        left = {live.id: self._drawer.left(live.id, memory, wish) for live in playing}
        if any(drafts is None for drafts in left.values()):
            return None
        challenger, trial = self._challengers.draw(voice, wish)
        live = challenger or champion
        drafts = left.get(live.id)
        if drafts is None:  # its trial began a moment ago
            return None
        return self._drawer.draw(live, drafts, memory, dice=random.random, trial=trial)

    def drafts(self, voice: str) -> int:
        """Number of drafts of the version that serves. Raises UnknownVoice, EngineFailed."""
        return self._drawer.count(self._current(voice).id)

    def write_all(self, voice: str, wishes: Iterable[Wish]) -> Generator[Writing]:
        """Write a poem for each of *wishes*, in their order, each with the maximum number of candidates.

        For samples and benches. Closing the iterator cancels the rest; raises as `write` does.
        """
        self.check(voice)
        at_once = min(self._batcher.at_once, self._settings.queue)
        yield from self._batcher.write_all(voice, wishes, at_once=at_once)

    def submit(self, voice: str, wish: Wish, hear: Hear, *, visitor: str = "") -> Ticket:
        """Write a poem as a stream: *hear* is called with each event on the decode thread, and must not block.

        Raises UnknownVoice, EngineFull, EngineFailed.
        """
        self.check(voice)
        return self._batcher.submit(voice, wish, hear, stream=True, visitor=visitor)

    def check(self, voice: str) -> None:
        """Raises UnknownVoice, EngineFailed where no version of the voice serves."""
        self._current(voice)

    def temperature(self, voice: str) -> float:
        """The default temperature of a voice. Raises UnknownVoice, EngineFailed."""
        return self._current(voice).style.temperature

    def leave(self, ticket: Ticket) -> None:
        """Cancel a submitted wish."""
        self._batcher.leave(ticket)

    def refresh(self) -> None:
        """Load and serve the champions, now. A version that does not load leaves the old one serving; see `status`."""
        self._refresh(patient=False)

    def status(self) -> dict[str, VoiceStatus]:
        """By voice: the version that serves, the one that ought to, and the error if they differ."""
        return self._roster.status()

    def unlisted(self) -> frozenset[str]:
        """The voices that only admins may see, at most a second ago: asked with the champions, so it costs nothing."""
        return self._roster.unlisted()

    def load(self) -> tuple[int, int]:
        """Number of poems under way, and of waiting wishes."""
        return self._batcher.load()

    def in_memory(self) -> set[int]:
        """Row ids of all versions in memory: those that serve, are on trial, or still finish poems."""
        serving = {status.version for status in self.status().values() if status.version is not None}
        on_trial = {live.id for live in self._challengers.lives()}
        return serving | on_trial | {live.id for live in self._batcher.versions()}

    def broken_trials(self) -> list[int]:
        """Trials whose challenger's folder is missing or broken: the worker ends them."""
        return self._challengers.broken()

    def start(self) -> None:
        """Load the champions and poll for changes from now on. Idempotent."""
        self.refresh()
        if self._poller is None:
            self._poller = threading.Thread(target=self._poll, name="roster", daemon=True)
            self._poller.start()

    def close(self) -> None:
        """Stop the threads; poems under way fail with EngineFailed."""
        self._stop.set()
        self._batcher.close()
        if self._poller is not None:
            self._poller.join()

    def _poll(self) -> None:
        give_way()
        while not self._stop.wait(POLL_S):
            self._refresh(patient=True)

    def _refresh(self, *, patient: bool) -> None:
        if self._roster.refresh(patient=patient):
            self._batcher.prune()
        self._taste_policy.refresh()
        self._drawer.refresh(self.in_memory())
        self._refreshed = True

    def _current(self, voice: str) -> LiveVersion:
        """The version that serves; the first caller waits for the first refresh, which loads it."""
        if not self._refreshed:
            with self._first_refresh:
                if not self._refreshed:
                    self.refresh()
        return self._roster.current(voice)

    def _load(self, champion: Serving, folder: Path) -> LiveVersion:
        return load(
            champion,
            folder,
            precision=self._settings.precision,
            rows=self._rows,
            threads=self._settings.engine_threads,
            candidates=self._candidates,
        )


def give_way() -> None:
    """Let every other thread go first, where threads have a priority of their own: loading a version takes a tenth of a
    second of a core, which is the decode thread's while it has something to write.
    """
    if sys.platform == "linux":
        os.setpriority(
            os.PRIO_PROCESS, threading.get_native_id(), min(19, os.getpriority(os.PRIO_PROCESS, 0) + LOADING)
        )


def return_freed_memory() -> None:
    """Return freed memory to the machine, where the C library can; who allocates meanwhile waits for milliseconds.

    glibc keeps what a program frees for what the program may want next: a replaced version leaves some ten megabytes
    behind in this way, and a network's buffers wander through them. (`MALLOC_ARENA_MAX`, which `poembot serve` sets,
    keeps it from being ten a thread.)
    """
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # a C library without it
            ctypes.CDLL(None).malloc_trim(0)
