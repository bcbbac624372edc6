"""The batcher: one thread that writes all poems of a process, a symbol of each at every step.

Wishes wait in a bounded queue for a place among the rows, join at any step and leave
as they finish. Each live version has its own table; a poem stays with the version it
began with. What goes wrong with one version, or one poem, is that poem's alone.
"""

import math
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

import structlog

from app.domain.errors import EngineFailed, EngineFull, PoemBotError
from app.domain.poem import Wish, Writing
from app.engine.choose import FEWEST, Way
from app.engine.live import Challengers, LiveVersion
from app.engine.metrics import EngineMetrics
from app.engine.poem import Done, Event, Failed, Hear, Poem, Take
from app.engine.table import Draft, Outcome, Table
from app.engine.taste_policy import TastePolicy

log = structlog.get_logger(__name__)

FLUSH_S = 0.05
"""Seconds between two events of a streaming reader, who sees no finer: each wakes up his thread."""
SEED_BITS = 31
CROWD = 12
"""Readers beyond whom the rows in use grow fewer: a step of fewer is quicker, and so is everybody's first line."""
IN_A_SWAP = 4
"""Divisor of the rows that readers share while a replaced version finishes its poems: two networks take turns, and a
step of each costs nearly as much as one of all.
"""
LATEST_WEIGHT = 0.1
"""Weight of the latest poem in the moving average of what a poem takes."""
FIRST_GUESS_S = 0.5
"""Seconds a poem is thought to take before one has been written."""

T = TypeVar("T")


class FairQueue(Generic[T]):
    """First come, first served within a visitor, and visitors in turn: one with many wishes does not fill it for the
    others. Not thread-safe.
    """

    def __init__(self) -> None:
        self._lines: OrderedDict[str, deque[T]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        """How many wait."""
        return self._count

    def put(self, visitor: str, one: T) -> None:
        """Wait behind this visitor's others; "" is everybody who has no name."""
        self._lines.setdefault(visitor, deque()).append(one)
        self._count += 1

    def take(self) -> T:
        """Whose turn it is; his next one comes after everybody else's first. IndexError when nobody waits."""
        if not self._lines:
            raise IndexError("nobody waits")
        visitor, line = self._lines.popitem(last=False)
        one = line.popleft()
        if line:
            self._lines[visitor] = line
        self._count -= 1
        return one

    def first(self) -> T:
        """Whose turn it is, who goes on waiting. StopIteration when nobody waits."""
        return next(iter(self._lines.values()))[0]

    def leave(self, one: T) -> bool:
        """Stop waiting; False for one that does not wait."""
        for visitor, line in self._lines.items():
            if one in line:
                line.remove(one)
                if not line:
                    del self._lines[visitor]
                self._count -= 1
                return True
        return False

    def clear(self) -> list[T]:
        """Everybody who waited."""
        everybody = [one for line in self._lines.values() for one in line]
        self._lines.clear()
        self._count = 0
        return everybody


@dataclass(eq=False, slots=True)
class Ticket:
    """One wish, from the queue to its end."""

    voice: str
    wish: Wish
    hear: Hear
    stream: bool
    alone: bool = False
    """Is it written as for a lone reader, however many there are?"""
    poem: Poem | None = None
    since: float = 0.0
    """When the poem was begun, by the monotonic clock."""
    ended: bool = False


def share_of(rows: int, readers: int) -> int:
    """Rows for each of so many *readers*: of all, and of fewer the more they are beyond a `CROWD`."""
    return rows * min(readers, CROWD) // max(1, readers) ** 2


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
        *candidates*: the most ways a line is drawn without a taste; *way*: how lines are chosen without one (None: each
        version's own); *taste_policy*: how the others are written; *dice*: seeds.
        """
        self._current = current
        self._way = way
        self._taste_policy = taste_policy or TastePolicy(candidates=candidates)
        self._challengers = challengers or Challengers()
        self._metrics = metrics or EngineMetrics()
        self._dice = dice or partial(secrets.randbits, SEED_BITS)
        self._rows = rows
        self._queue = queue
        # Rows that a poem may need at once: who waits does not know yet whether a taste will choose.
        self._rows_per_poem = max(candidates, self._taste_policy.candidates)

        # Shared between threads, under the lock.
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._waiting: FairQueue[Ticket] = FairQueue()
        self._left: list[Ticket] = []
        self._closing = False
        self._stale = False
        self._thread: threading.Thread | None = None

        # Of the decode thread. Others only look at them.
        self._under_way: dict[Poem, Ticket] = {}
        self._tables: dict[LiveVersion, Table] = {}
        self._silent: set[Poem] = set()
        self._flush_at = 0.0
        self._poem_s = FIRST_GUESS_S
        self._written = 0

    def write(self, voice: str, wish: Wish, *, visitor: str = "") -> Writing:
        """A poem; waits for it. Raises EngineFull, EngineFailed, and what the voice's version raises."""
        ticket, written = self._promise(voice, wish, visitor)
        try:
            return written.result()
        finally:
            self.leave(ticket)

    def write_all(self, voice: str, wishes: Iterable[Wish], *, at_once: int) -> Generator[Writing]:
        """A poem for each of *wishes*, in their order, so many of them begun at once.

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
        """Wait for a place; *hear* is told everything from then on. Raises EngineFull, EngineFailed when closing."""
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
        """The reader has gone: his rows are free within one step. Repeating it, or after the end, changes nothing."""
        with self._wake:
            if not ticket.ended and not self._waiting.leave(ticket):
                self._left.append(ticket)
                self._wake.notify()

    def prune(self) -> None:
        """Versions may have been replaced: forget those that nobody is written by."""
        with self._wake:
            self._stale = True
            self._wake.notify()

    def close(self) -> None:
        """Fail what is under way or waits, and stop the thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    @property
    def at_once(self) -> int:
        """Poems that find room together with all the candidates that a lone reader's has."""
        return max(1, self._rows // self._rows_per_poem)

    def load(self) -> tuple[int, int]:
        """Poems under way, and poems that wait."""
        with self._lock:
            return len(self._under_way), len(self._waiting)

    def versions(self) -> list[LiveVersion]:
        """Those that poems are being written by, or were until a moment ago."""
        return list(self._tables)

    def _retry_after(self) -> int:
        """Seconds until all who wait now have had their turn, by what poems have lately taken."""
        at_once = max(1, len(self._under_way))  # a crowd has fewer rows each than a lone reader
        return max(1, math.ceil((len(self._waiting) / at_once + 1) * self._poem_s))

    def _run(self) -> None:
        """The decode thread. However it ends, nobody is left waiting for it."""
        try:
            while self._serve():
                pass
        finally:
            with self._wake:
                self._closing = True
                tickets = [*self._waiting.clear(), *self._under_way.values()]
            for ticket in tickets:
                self._tell_failure(ticket, EngineFailed("the engine is closing"))

    def _serve(self) -> bool:
        """Let in who waits, let out who has left, and write one symbol more; False when closing."""
        with self._wake:
            while not (self._closing or self._left or self._stale or self._under_way or self._waiting):
                self._wake.wait()
            if self._closing:
                return False
            left, self._left = self._left, []
            stale, self._stale = self._stale, False  # taken, and reset
            for ticket in left:
                self._forget(ticket)
            admitted = self._admitted()
        for ticket, most in admitted:
            self._open(ticket, most)
        if stale:
            self._tables = {live: t for live, t in self._tables.items() if t.used or self._serves(live)}
        for live, table in list(self._tables.items()):
            if table.used:
                self._step(live, table)
        self._flush()
        return True

    def _admitted(self) -> list[tuple[Ticket, int]]:
        """Those who wait and find a place now, each with the most candidates a line that there are rows for.

        Readers share the rows: the more, the fewer candidates, and nobody waits for more rows than he will get. A crowd
        leaves rows free as well. A seed's poem must come again the same, in a crowd too, and waits until there is room
        for all of it; so do the many poems that one asks for.
        """
        free = self._rows - sum(poem.way.candidates for poem in self._under_way)
        rows = self._rows // IN_A_SWAP if self._swapping() else self._rows
        share = share_of(rows, len(self._under_way) + len(self._waiting))
        found: list[tuple[Ticket, int]] = []
        while self._waiting:
            fair = max(FEWEST, min(share, free // 2))  # whoever comes next finds room, too
            most = self._rows_per_poem if self._waiting.first().alone else min(self._rows_per_poem, fair)
            if most > free:
                break
            found.append((self._waiting.take(), most))
            free -= most
        return found

    def _swapping(self) -> bool:
        """Does a version that was replaced still finish poems?"""
        return len(self._tables) > 1 and any(t.used and not self._serves(live) for live, t in self._tables.items())

    def _open(self, ticket: Ticket, most: int) -> None:
        """Fix the version and begin, with so many candidates a line at most."""
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
        """Who writes it: the champion, or by draw a challenger; and the trial of that draw."""
        champion = self._current(ticket.voice)
        challenger, trial = self._challengers.draw(ticket.voice, ticket.wish)
        return challenger or champion, trial

    def _step(self, live: LiveVersion, table: Table) -> None:
        """One symbol more for all poems of a version."""
        self._metrics.batch_size.observe(table.used)
        try:
            drafts = table.step()
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
        """Tell streaming readers what is new: at once when they have heard nothing yet, else now and then."""
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
        """Do something for one poem; what goes wrong is its own."""
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
        """Forget a poem, and its version with the last of its poems if it serves no more; its ticket is used."""
        self._silent.discard(poem)
        ticket = self._under_way.pop(poem)
        ticket.ended = True
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
