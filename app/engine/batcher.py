"""The batcher: one thread that writes all poems of a process, a symbol of each at every step.

Wishes wait in a bounded queue for a place among the rows, join at any step and leave
as they finish. Each live version has its own table; a poem stays with the version it
began with. What goes wrong with one version, or one poem, is that poem's alone.
"""

import math
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog

from app.domain.errors import EngineFailed, EngineFull, PoemBotError
from app.domain.poem import Wish
from app.engine.challengers import Challengers
from app.engine.choose import Chooser, Way
from app.engine.live import LiveVersion
from app.engine.poem import Failed, Hear, Poem
from app.engine.table import Draft, Outcome, Table
from app.engine.tally import Tally
from app.engine.taste_policy import TastePolicy
from app.engine.waiting import Waiting

log = structlog.get_logger(__name__)

FLUSH_S = 0.05
"""Between two tellings of a streaming reader, who sees no finer: each costs a wake-up of his thread."""
SEED_BITS = 31
NEWS = 0.1
"""Weight of the latest poem in what a poem is thought to take."""
FIRST_GUESS_S = 0.5
"""What a poem is thought to take before one has been written."""


@dataclass(eq=False, slots=True)
class Ticket:
    """One wish, from the queue to its end."""

    voice: str
    wish: Wish
    hear: Hear
    stream: bool
    poem: Poem | None = None
    since: float = 0.0
    ended: bool = False


class Batcher:
    """The queue, the tables, and the thread that steps them."""

    def __init__(
        self,
        current: Callable[[str], LiveVersion],
        *,
        rows: int,
        queue: int,
        candidates: int,
        choose: Chooser | None = None,
        tally: Tally | None = None,
        challengers: Challengers | None = None,
        taste_policy: TastePolicy | None = None,
        dice: Callable[[], int] | None = None,
    ) -> None:
        """*candidates*: the most ways a line is drawn without a taste; *choose*: which of so many a poem takes (None:
        each version's own way); *taste_policy*: how the others are written.
        """
        self._dice = dice or partial(secrets.randbits, SEED_BITS)
        self._tally, self._challengers = tally or Tally(), challengers or Challengers()
        self._current, self._plain = current, None if choose is None else Way(candidates, choose)
        self._taste_policy = taste_policy or TastePolicy(candidates=candidates)
        self._rows, self._most = rows, max(candidates, self._taste_policy.candidates)
        self._places, self._most_waiting = max(1, rows // self._most), queue
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._waiting: Waiting[Ticket] = Waiting()
        self._left: list[Ticket] = []
        self._under_way: dict[Poem, Ticket] = {}
        self._tables: dict[LiveVersion, Table] = {}
        self._thread: threading.Thread | None = None
        self._closing = self._stale = False
        self._silent: set[Poem] = set()
        self._poem_s, self._written = FIRST_GUESS_S, 0
        self._flush_at = 0.0

    def submit(self, voice: str, wish: Wish, hear: Hear, *, stream: bool = False, visitor: str = "") -> Ticket:
        """Wait for a place; *hear* is told everything from then on. Raises EngineFull, EngineFailed when closing."""
        ticket = Ticket(voice, wish, hear, stream)
        with self._wake:
            if self._closing:
                raise EngineFailed("the engine is closing")
            if len(self._waiting) >= self._most_waiting:
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

    def load(self) -> tuple[int, int]:
        """Poems under way, and poems that wait."""
        with self._lock:
            return len(self._under_way), len(self._waiting)

    def versions(self) -> list[LiveVersion]:
        """Those that poems are being written by, or were until a moment ago."""
        return list(self._tables)

    def _retry_after(self) -> int:
        """Seconds until all who wait now have had their turn, by what poems have lately taken."""
        return max(1, math.ceil((len(self._waiting) / self._places + 1) * self._poem_s))

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
            stale, self._stale = self._stale, False
            for ticket in left:
                self._forget(ticket)
            admitted = [self._waiting.take() for _ in range(self._room())] if self._waiting else []
        for ticket in admitted:
            self._open(ticket)
        if stale:
            self._tables = {live: t for live, t in self._tables.items() if t.used or self._serves(live)}
        for live, table in list(self._tables.items()):
            if table.used:
                self._step(live, table)
        self._flush()
        return True

    def _room(self) -> int:
        """How many of those who wait find a place."""
        free = self._rows - sum(poem.candidates for poem in self._under_way)
        return min(free // self._most, len(self._waiting))

    def _open(self, ticket: Ticket) -> None:
        """Fix the version and begin."""
        try:
            live, trial = self._draw(ticket)
        except PoemBotError as error:
            self._tell_failure(ticket, error)
            return
        wish = ticket.wish
        seed = self._dice() if wish.seed is None else wish.seed
        way = self._taste_policy.way(ticket.voice, wish, seed, without=self._plain or live.way)
        poem = Poem(live, wish, ticket.hear, seed=seed, way=way, stream=ticket.stream, trial=trial)
        ticket.poem, ticket.since = poem, time.monotonic()
        table = self._tables.get(live) or self._tables.setdefault(live, Table(live))
        self._under_way[poem] = ticket
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
        self._tally.batches.add(table.used)
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

    def _attend(self, table: Table, draft: Draft) -> None:
        poem: Poem = draft.owner
        if draft.row < 0:  # its poem has ended since, by another of its rows
            return
        if draft.outcome is Outcome.BROKEN:
            log.error("engine.not_a_number", voice=poem.live.voice, version=poem.live.number)
            self._fail(poem, EngineFailed("the network gave no number"))
        else:
            self._guarded(poem, lambda: poem.attend(table, draft))

    def _flush(self) -> None:
        """Tell streaming readers what is new: at once when they have heard nothing yet, else now and then."""
        now = time.monotonic()
        beat = now >= self._flush_at
        if beat:
            self._flush_at = now + FLUSH_S
        elif not self._silent:
            return
        for poem in [p for p, t in self._under_way.items() if t.stream] if beat else list(self._silent):
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
        if not poem.drafts:
            spent = time.monotonic() - self._end(poem).since
            self._written += 1
            self._poem_s += max(NEWS, 1 / self._written) * (spent - self._poem_s)

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
