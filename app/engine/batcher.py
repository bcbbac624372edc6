"""The batcher: one thread writes all poems of a process by continuous batching; each step adds a symbol to every line.

Wishes wait in a bounded queue until rows are free, join the batch at any step and leave
it as they finish. Each live version has its own table; a poem stays with the version it
began with. An error of one version, or of one poem, ends no other poem.
"""

import math
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

import structlog

from app.domain.errors import EngineFailed, EngineFull, PoemBotError
from app.domain.fair_queue import FairQueue
from app.domain.poem import Wish, Writing
from app.engine.choose import FEWEST_CANDIDATES, Way
from app.engine.live import Challengers, LiveVersion
from app.engine.metrics import EngineMetrics
from app.engine.poem import Done, Event, Failed, Hear, Poem, Take
from app.engine.table import Draft, Outcome, Table
from app.engine.taste_policy import TastePolicy

log = structlog.get_logger(__name__)

FLUSH_S = 0.05
"""Seconds between two batches of events for a streaming reader; each wakes a thread."""
SEED_BITS = 31
CROWD = 12
"""Number of readers beyond which fewer rows are used: a step of fewer rows is quicker, so first lines come sooner."""
LATEST_WEIGHT = 0.1
"""Weight of the latest poem in the moving average of seconds a poem."""
FIRST_GUESS_S = 0.5
"""Seconds a poem is assumed to take before one has been written."""


@dataclass(eq=False, slots=True)
class Ticket:
    """One wish, from the queue to its end."""

    voice: str
    wish: Wish
    hear: Hear
    stream: bool
    alone: bool = False
    """True: it always gets the maximum number of candidates, however many readers there are."""
    poem: Poem | None = None
    since: float = 0.0
    """Monotonic time at which the poem was begun."""
    ended: bool = False


def share_of(rows: int, readers: int) -> int:
    """Rows for each reader. Up to `CROWD` readers share all rows; beyond that, fewer rows are used."""
    readers = max(1, readers)
    used = rows if readers <= CROWD else rows * CROWD // readers
    return used // readers


class Batcher:
    """The queue, the tables, and the thread that steps them."""

    def __init__(
        self,
        current: Callable[[str], LiveVersion],
        *,
        rows: int,
        queue: int,
        candidates: int,
        way: Way | None = None,
        metrics: EngineMetrics | None = None,
        challengers: Challengers | None = None,
        taste_policy: TastePolicy | None = None,
        dice: Callable[[], int] | None = None,
    ) -> None:
        """*current*: the version that serves a voice; *rows*: lines written at once; *queue*: poems that may wait;
        *candidates*: most candidates of a line where no taste chooses; *way*: how lines are chosen there (None: the
        version's own way); *taste_policy*: which poems a taste chooses, and how; *dice*: seeds.
        """
        self._current = current
        self._way = way
        self._taste_policy = taste_policy or TastePolicy(candidates=candidates)
        self._challengers = challengers or Challengers()
        self._metrics = metrics or EngineMetrics()
        self._dice = dice or partial(secrets.randbits, SEED_BITS)
        self._rows = rows
        self._queue = queue
        # Most rows of a poem: whether a taste will choose is not known while it waits.
        self._rows_per_poem = max(candidates, self._taste_policy.candidates)

        # Shared between threads, under the lock.
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._waiting: FairQueue[Ticket] = FairQueue()
        self._left: list[Ticket] = []
        self._closing = False
        self._stale = False
        self._thread: threading.Thread | None = None

        # Written by the decode thread only.
        self._under_way: dict[Poem, Ticket] = {}
        self._tables: dict[LiveVersion, Table] = {}
        self._silent: set[Poem] = set()
        self._flush_at = 0.0
        self._poem_s = FIRST_GUESS_S
        self._written = 0

    def write(self, voice: str, wish: Wish, *, visitor: str = "") -> Writing:
        """Write a poem and wait for it. Raises EngineFull, EngineFailed, and what *current* raises."""
        ticket, written = self._promise(voice, wish, visitor)
        try:
            return written.result()
        finally:
            self.leave(ticket)

    def write_all(self, voice: str, wishes: Iterable[Wish], *, at_once: int) -> Generator[Writing]:
        """Write a poem for each of *wishes*, in their order, *at_once* of them at the same time.

        Closing the iterator gives up the rest; raises as `write` does.
        """
        under_way: deque[tuple[Ticket, Future[Writing]]] = deque()
        try:
            for wish in wishes:
                under_way.append(self._promise(voice, wish, alone=True))
                if len(under_way) == at_once:
                    yield under_way.popleft()[1].result()
            while under_way:
                yield under_way.popleft()[1].result()
        finally:
            for ticket, _ in under_way:
                self.leave(ticket)

    def _promise(
        self, voice: str, wish: Wish, visitor: str = "", *, alone: bool = False
    ) -> tuple[Ticket, Future[Writing]]:
        """Submit a wish whose reader wants the whole poem."""
        written: Future[Writing] = Future()

        def hear(event: Event | Failed) -> None:
            match event:
                case Done():
                    written.set_result(event.writing)
                case Failed():
                    written.set_exception(event.error)

        return self.submit(voice, wish, hear, visitor=visitor, alone=alone), written

    def submit(
        self, voice: str, wish: Wish, hear: Hear, *, stream: bool = False, visitor: str = "", alone: bool = False
    ) -> Ticket:
        """Queue a wish; *hear* is called with each event of its poem. Raises EngineFull, EngineFailed when closing."""
        ticket = Ticket(voice, wish, hear, stream, alone=alone or wish.seed is not None)
        with self._wake:
            if self._closing:
                raise EngineFailed("the engine is closing")
            if len(self._waiting) >= self._queue:
                raise EngineFull(self._retry_after())
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="decode", daemon=True)
                self._thread.start()
            self._waiting.put(visitor, ticket)
            self._wake.notify()
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Cancel a wish: its rows are free within one step. Idempotent, also after the end."""
        with self._wake:
            if not ticket.ended and not self._waiting.leave(ticket):
                self._left.append(ticket)
                self._wake.notify()

    def prune(self) -> None:
        """Drop the tables of replaced versions that write no poem any more."""
        with self._wake:
            self._stale = True
            self._wake.notify()

    def close(self) -> None:
        """Stop the thread; poems under way and waiting wishes fail with EngineFailed."""
        with self._wake:
            self._closing = True
            self._wake.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    @property
    def at_once(self) -> int:
        """Number of poems that fit at once if each has the maximum number of candidates."""
        return max(1, self._rows // self._rows_per_poem)

    def load(self) -> tuple[int, int]:
        """Number of poems under way, and of waiting wishes."""
        with self._lock:
            return len(self._under_way), len(self._waiting)

    def versions(self) -> list[LiveVersion]:
        """Versions with a table: those that write poems, or did until the last prune."""
        return list(self._tables)

    def _retry_after(self) -> int:
        """Seconds until the present queue is empty, by the moving average."""
        at_once = max(1, len(self._under_way))  # a crowd has fewer rows each than a lone reader
        return max(1, math.ceil((len(self._waiting) / at_once + 1) * self._poem_s))

    def _run(self) -> None:
        """The decode thread. However it ends, every ticket is answered."""
        try:
            while self._serve():
                pass
        finally:
            with self._wake:
                self._closing = True
                tickets = list(self._under_way.values())
                while self._waiting:
                    tickets.append(self._waiting.take())
            for ticket in tickets:
                self._tell_failure(ticket, EngineFailed("the engine is closing"))

    def _serve(self) -> bool:
        """One round: remove cancelled poems, admit waiting wishes, step every table; False when closing."""
        with self._wake:
            while not (self._closing or self._left or self._stale or self._under_way or self._waiting):
                self._wake.wait()
            if self._closing:
                return False
            left = self._left
            self._left = []
            stale = self._stale
            self._stale = False
            for ticket in left:
                self._forget(ticket)
            admitted = self._admitted()
        for ticket, most in admitted:
            self._open(ticket, most)
        if stale:
            self._tables = {live: t for live, t in self._tables.items() if t.used or self._serves(live)}
        for live, table in list(self._tables.items()):
            # A reader waits for a first line, and has a line to read while the next ones are written: so the rows of
            # first lines take two steps while the others take one.
            if 0 < table.urgent < table.used:
                self._step(live, table, urgent=True)
            if table.used and self._tables.get(live) is table:
                self._step(live, table)
        self._flush()
        return True

    def _admitted(self) -> list[tuple[Ticket, int]]:
        """Take from the queue what there are rows for: tickets, each with the most candidates a line it may have.

        Readers share the rows: the more readers, the fewer candidates each; a crowd leaves some rows free. Only the
        poem of a seed, which must come out the same each time, and those of `write_all` wait for all their candidates.
        """
        if not self._waiting:
            return []
        free = self._rows - sum(poem.way.candidates for poem in self._under_way)
        share = share_of(self._rows, len(self._under_way) + len(self._waiting))
        admitted: list[tuple[Ticket, int]] = []
        while self._waiting:
            fair = max(FEWEST_CANDIDATES, min(share, free // 2))  # whoever comes next finds room, too
            most = self._rows_per_poem if self._waiting.first().alone else min(self._rows_per_poem, fair)
            if most > free:
                break
            admitted.append((self._waiting.take(), most))
            free -= most
        return admitted

    def _open(self, ticket: Ticket, most: int) -> None:
        """Choose the version and begin the poem, with at most *most* candidates for each line."""
        try:
            live, trial = self._draw(ticket)
        except PoemBotError as error:
            self._tell_failure(ticket, error)
            return
        wish = ticket.wish
        seed = self._dice() if wish.seed is None else wish.seed
        way = self._taste_policy.way(ticket.voice, wish, seed, without=self._way or live.way)
        way = way.within(most)
        poem = Poem(live, wish, ticket.hear, seed=seed, way=way, stream=ticket.stream, trial=trial)
        ticket.poem, ticket.since = poem, time.monotonic()
        table = self._tables.get(live) or self._tables.setdefault(live, Table(live))
        self._under_way[poem] = ticket
        self._metrics.poem_begun(way.candidates)
        if ticket.stream:
            self._silent.add(poem)
        self._guarded(poem, lambda: poem.open(table))

    def _draw(self, ticket: Ticket) -> tuple[LiveVersion, int | None]:
        """The version that writes the poem, champion or challenger; and the id of the trial that drew."""
        champion = self._current(ticket.voice)
        challenger, trial = self._challengers.draw(ticket.voice, ticket.wish)
        return challenger or champion, trial

    def _step(self, live: LiveVersion, table: Table, *, urgent: bool = False) -> None:
        """One step of a table: one symbol more for all lines of a version, or only for the *urgent* ones."""
        self._metrics.batch_size.observe(table.urgent if urgent else table.used)
        try:
            drafts = table.step(urgent=urgent)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not stop the other versions' poems
            log.error("engine.step_failed", voice=live.voice, version=live.number, error=repr(error))  # noqa: TRY400
            self._tables.pop(live)
            for poem in [p for p in self._under_way if p.live is live]:
                self._tell_failure(self._end(poem), EngineFailed("the network failed in mid-line"))
            return
        for draft in drafts:
            self._attend(table, draft)
        for take, slot in table.woken():
            if take.poem in self._under_way:
                self._guarded(take.poem, partial(take.thin, table, slot))

    def _attend(self, table: Table, draft: Draft) -> None:
        take: Take = draft.owner
        poem = take.poem
        if draft.row < 0:  # its poem has ended since, by another of its rows
            return
        if draft.outcome is Outcome.BROKEN:
            log.error("engine.not_a_number", voice=poem.live.voice, version=poem.live.number)
            self._fail(poem, EngineFailed("the network gave no number"))
        else:
            self._guarded(poem, lambda: take.attend(table, draft))

    def _flush(self) -> None:
        """Send streaming readers what is new: a first character at once, the rest every `FLUSH_S`."""
        now = time.monotonic()
        if now >= self._flush_at:
            self._flush_at = now + FLUSH_S
            poems = [poem for poem, ticket in self._under_way.items() if ticket.stream]
        else:
            poems = list(self._silent)
        for poem in poems:
            self._guarded(poem, partial(poem.flush, self._tables[poem.live]))
            if not poem.silent:
                self._silent.discard(poem)

    def _guarded(self, poem: Poem, deed: Callable[[], None]) -> None:
        """Run *deed* for one poem; an exception fails that poem alone."""
        try:
            deed()
        except Exception as error:
            log.exception("engine.poem_failed", voice=poem.live.voice, version=poem.live.number)
            self._fail(poem, EngineFailed(f"the poem could not be written: {error!r}"))
            return
        if poem.done:
            spent = time.monotonic() - self._end(poem).since
            self._written += 1
            # The mean of the first ten poems, then a moving average.
            self._poem_s += max(LATEST_WEIGHT, 1 / self._written) * (spent - self._poem_s)

    def _end(self, poem: Poem) -> Ticket:
        """Remove a poem, and its version's table if that is empty and the version replaced; returns its ticket."""
        self._silent.discard(poem)
        ticket = self._under_way.pop(poem)
        ticket.ended = True
        # A take knows its poem: without this, only the garbage collector would free a poem, and a replaced network.
        poem.takes.clear()
        table = self._tables.get(poem.live)
        if table is not None and not table.used and not self._serves(poem.live):
            del self._tables[poem.live]
        return ticket

    def _serves(self, live: LiveVersion) -> bool:
        try:
            return self._current(live.voice) is live or live in self._challengers.lives()
        except PoemBotError:  # the voice is gone, or has nothing that would load
            return False

    def _fail(self, poem: Poem, error: PoemBotError) -> None:
        poem.close(self._tables[poem.live])
        self._tell_failure(self._end(poem), error)

    def _forget(self, ticket: Ticket) -> None:
        if ticket.poem in self._under_way:
            ticket.poem.close(self._tables[ticket.poem.live])
            self._end(ticket.poem)

    @staticmethod
    def _tell_failure(ticket: Ticket, error: PoemBotError) -> None:
        ticket.ended = True
        try:
            ticket.hear(Failed(error))
        except Exception:
            log.exception("engine.reader_lost", voice=ticket.voice)
