"""Limits: of one visitor and one address, of all requests together, and of a connection.

**Rate limits**: how often one visitor, and one address, may do something; what is done they do not know. The tick
routes take TICKS, writing takes POEMS, teaching and weaving take SUBMISSIONS, costly reading takes READINGS, the game
takes GUESSES, the desk's login takes LOGINS (`tests/web/test_limits.py` holds every route to its limit). A moving
window: in memory for one process, in Redis where several share a broker. When Redis is away, nothing is limited rather
than everything refused; each unlimited request is logged.

**Admission**: how many requests one web process works at, at the same time, and how long the others wait for a place. A
crowd that is let in at once is answered late, all of it, when its browsers have given up, and what it sent is stored
unheard. So a few are worked at, and the others take turns, by address and then by visitor, before they get a thread.
Who would wait too long is refused with 503 and `Retry-After`, before anything was done. A request has its place from
when it has come whole until its answer begins, or until it waits for the engine, which has a queue of its own: a slow
client holds none.

**HTTP limits**: what a connection may cost before its request is read, and after it is answered. uvicorn limits neither
the size of a request's head nor the time it may take to arrive, nor how many requests come on ahead of their answers,
nor how long an answer may wait for a client that does not read. One connection could fill the memory, and a thousand
silent ones could keep everybody else out. The body's size is limited in `edge.py`.
"""

import asyncio
import math
import resource
import socket
import sys
import threading
import time
from asyncio import TimerHandle, Transport
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

import structlog
from limits import parse_many
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import MovingWindowRateLimiter
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.domain.visitor import Visitor
from app.engine.batcher import FairQueue
from app.settings import Settings
from app.web.http.edge import FOR_MACHINES
from app.web.http.visitors import VISITOR_COOKIE, client_of, keys_of, visit_of

log = structlog.get_logger(__name__)
REDIS_TIMEOUT = 0.5
"""Seconds a limit may wait for Redis."""
SWEEP_EVERY = 60.0
"""Seconds between two looks for empty windows in memory."""


class Limited(Exception):
    """Too often: come back in `retry_after` seconds."""

    code = "limited"

    def __init__(self, rule: str, retry_after: int) -> None:
        super().__init__(f"too many {rule}; try again in {retry_after} s")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Rule:
    """How often something may be done; several limits are parted by `;`, and all of them hold."""

    name: str
    each: str
    """By one visitor, or to one account."""
    address: str
    """From one address: a classroom or a household shares it."""


POEMS = Rule("poems", each="40/minute", address="240/minute")
TICKS = Rule("ticks", each="240/minute", address="1200/minute")
SUBMISSIONS = Rule("submissions", each="20/10minute; 60/day", address="120/hour; 400/day")
READINGS = Rule("readings", each="120/minute", address="600/minute")
GUESSES = Rule("guesses", each="40/minute; 300/day", address="120/minute; 2000/day")
LOGINS = Rule("logins", each="10/5minute", address="30/5minute")
"""*each*: by a device that has logged in to the account before; by others at one address, to one account."""
LOGIN_TRIES = "60/hour"
"""By one such device, or one address, refused tries too: who goes on trying is looked at less and less."""
STRANGERS = "100/10minute"
"""To one account, by all who are neither such a device nor at an address that got in today."""
GOT_IN = "1/day"
"""One note a day that an address got into an account."""


class Limits:
    """Counts what is done. With `LIMITS=off` everything is allowed."""

    def __init__(self, settings: Settings) -> None:
        self._on = settings.limits == "on"
        storage = _storage(settings.broker)
        self._limiter = MovingWindowRateLimiter(storage)
        self.memory = storage if isinstance(storage, MemoryWindows) else None
        """The windows of this process; None where Redis keeps them."""

    def take(self, rule: Rule, *, who: str | None, address: str) -> None:
        """Count one act of *who* (None: nobody we know yet) from *address*. Raises Limited.

        The address is tested before anything is counted against *who*: else one exhausted address could lock an admin
        out of his account for ever, or fill the memory with visitors it makes up.
        """
        if not self._on:
            return
        if who is not None:
            self._check(self._limiter.test, rule.address, rule.name, f"address:{address}")
            self._check(self._limiter.hit, rule.each, rule.name, f"who:{who}")
        self._check(self._limiter.hit, rule.address, rule.name, f"address:{address}")

    def take_login(self, account: str, *, device: str | None, address: str) -> None:
        """Count one try to log in to *account*. Raises Limited.

        It counts against who tries. A *device* that has logged in to the account before (None: it has not) is counted
        by itself alone, so nobody's guesses at the account, from whatever address, shut its owner out.
        """
        if not self._on:
            return
        who = f"device:{device}" if device else f"address:{address}"
        self._check(self._limiter.hit, LOGIN_TRIES, "login tries", who)
        if device:
            self._check(self._limiter.hit, LOGINS.each, LOGINS.name, who)
            return
        self._check(self._limiter.hit, LOGINS.each, LOGINS.name, f"{who}:account:{account}")
        self._check(self._limiter.hit, LOGINS.address, LOGINS.name, who)
        if not self._got_in(account, address):
            self._check(self._limiter.hit, STRANGERS, LOGINS.name, f"account:{account}")

    def note_login(self, account: str, *, address: str) -> None:
        """Somebody got in: today that address is no stranger to the account."""
        with suppress(Limited):  # it was none already
            self._check(self._limiter.hit, GOT_IN, "got in", f"{address}:account:{account}")

    def _got_in(self, account: str, address: str) -> bool:
        try:
            self._check(self._limiter.test, GOT_IN, "got in", f"{address}:account:{account}")
        except Limited:
            return True
        return False

    def _check(self, test_or_hit: Callable[..., bool], limits: str, name: str, key: str) -> None:
        for item in parse_many(limits):
            try:
                if test_or_hit(item, name, key):
                    continue
                free_at = self._limiter.get_window_stats(item, name, key).reset_time
            except StorageError as error:
                log.warning("limits.away", error=str(error))
                return
            raise Limited(name, max(1, math.ceil(free_at - time.time())))


def take(request: Request, rule: Rule, visitor: Visitor) -> None:
    """Count one act of *visitor*. Raises Limited."""
    limits: Limits = request.app.state.limits
    limits.take(rule, who=visitor.id if visitor.returned else None, address=visitor.address)


def _storage(broker: str) -> Storage:
    if not broker.startswith(("redis://", "rediss://")):
        return MemoryWindows()
    return RedisStorage(
        broker, wrap_exceptions=True, socket_timeout=REDIS_TIMEOUT, socket_connect_timeout=REDIS_TIMEOUT
    )


class MemoryWindows(MemoryStorage):
    """Moving windows in the memory of one process: the times of what was done, by key.

    Ours and not the library's, whose memory forgets no key and looks through all of them a hundred times a second:
    after some ten thousand visitors that is half a processor, for ever. This one sweeps once a minute, and forgets.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._times: dict[str, tuple[float, list[float]]] = {}
        """By key: the window's length in seconds, and the times, oldest first (a deque weighs ten times as much)."""
        self._swept = time.monotonic()

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._times)

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Note *amount* acts at this moment, unless the window is full."""
        with self._lock:
            self._sweep()
            now = time.time()
            times = self._window(key, expiry, now)
            if len(times) + amount > limit:
                return False
            times.extend([now] * amount)
            self._times[key] = (expiry, times)
            return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """The oldest time in the window, and how many there are."""
        with self._lock:
            now = time.time()
            times = self._window(key, expiry, now)
            return (times[0] if times else now), len(times)

    def _window(self, key: str, expiry: float, now: float) -> list[float]:
        """The times of a key that count."""
        times = self._times.get(key, (expiry, []))[1]
        del times[: bisect_right(times, now - expiry)]
        while times and times[-1] > now:  # noted by a clock that has since been set back
            times.pop()
        return times

    def _sweep(self) -> None:
        if time.monotonic() < self._swept + SWEEP_EVERY:
            return
        self._swept, now = time.monotonic(), time.time()
        for key, (expiry, _) in list(self._times.items()):
            if not self._window(key, expiry, now):
                del self._times[key]


ROOM = 24
"""Requests that are worked at, at the same time: what is no waiting for a database is Python, one at a time."""
LONGEST_WAIT = 4.0
"""Seconds that a request may wait for a place."""
LONGEST_LINE = 200
"""Requests of one address that may wait; the next is refused at once."""
RETRY_AFTER = 5
"""Seconds after which it is worth asking again."""
Refuse = Callable[[Request, int], Response]
"""Makes the answer to who is refused, on the event loop: it must not block."""


class Admission:
    """ASGI middleware: lets requests in as there is room."""

    def __init__(self, app: ASGIApp, refuse: Refuse) -> None:
        self._app = app
        self._refuse = refuse
        self._inside = 0
        self._lines: OrderedDict[str, FairQueue[asyncio.Future[None]]] = OrderedDict()
        """Who waits, by address; the first address is next."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request when it has a place."""
        if scope["type"] != "http" or scope["path"] in FOR_MACHINES or scope["path"].startswith("/static/"):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        if not await self._enter(request):
            await self._refuse(request, RETRY_AFTER)(scope, receive, send)
            return
        place = Place(self._left)
        visit_of(request).leave = place.leave

        async def begin(message: Message) -> None:
            place.leave()
            await send(message)

        try:
            await self._app(scope, receive, begin)
        finally:
            place.leave()

    async def _enter(self, request: Request) -> bool:
        """Wait for a place; False when there is none in time."""
        if self._inside < ROOM:
            self._inside += 1
            return True
        address = client_of(request)
        line = self._lines.setdefault(address, FairQueue())
        if len(line) >= LONGEST_LINE:
            return False
        turn = asyncio.get_running_loop().create_future()
        line.put(keys_of(request).read_visitor(request.cookies.get(VISITOR_COOKIE, "")) or "", turn)
        try:
            await asyncio.wait([turn], timeout=LONGEST_WAIT)
        except asyncio.CancelledError:
            if turn.done():
                self._left()
            raise
        finally:
            if not turn.done():
                line.leave(turn)
                if not line:
                    self._lines.pop(address, None)
        return turn.done()

    def _left(self) -> None:
        """A place is free: whose turn it is comes in."""
        self._inside -= 1
        with suppress(KeyError):
            address, line = self._lines.popitem(last=False)
            turn = line.take()
            if line:
                self._lines[address] = line
            turn.set_result(None)
            self._inside += 1


class Place:
    """The place of one request, which it leaves once."""

    def __init__(self, left: Callable[[], None]) -> None:
        self._left = left
        self._loop = asyncio.get_running_loop()
        self._held = True

    def leave(self) -> None:
        """Make room for another. Called on the event loop, or on a thread that works at the request."""
        if self._held:
            self._held = False
            self._loop.call_soon_threadsafe(self._left)


LARGEST_HEAD = 64 * 1024
"""Bytes of a request's first line and headers, beyond the packet that they begin in."""
FRAMING = 16
"""Bytes of framing allowed for each byte of a chunked body: a chunk of one byte needs six."""
REQUEST_TIMEOUT = 60.0
"""Seconds in which a request must have arrived whole, its body too."""
MOST_AHEAD = 8
"""Requests of a connection that may wait for the answer before them (pipelining): browsers send none ahead."""
WRITE_TIMEOUT = 30.0
"""Seconds in which a client must take what it was answered, unless it goes on taking it …"""
SLOWEST = 200
"""… at so many bytes a second; an old telephone takes twenty times as many."""
OPEN_FILES = 65_536
"""Open files that a web process asks for: each reader who waits for a poem holds a socket."""


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 with a limit on the head's size, and timeouts for each request and for its answer."""

    _received = 0
    """Bytes of this request, of whatever kind."""
    _body = 0
    """Bytes of its body."""
    _too_far_ahead = False
    """Has more been asked than may wait? Then what is asked from there on is not read."""
    _timer: TimerHandle | None = None
    _watch: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Start the timer for the request header, and watch how answers are taken."""
        super().connection_made(transport)
        _limit_silence(transport)
        self._counted = _Counted(transport)
        self.transport = cast("Transport", self._counted)
        self._start_timer()
        self._watch = self.loop.call_later(WRITE_TIMEOUT, self._look, 0, 0)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers."""
        self._stop_timer()
        if self._watch is not None:
            self._watch.cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Count from zero, and start the timer again: a connection may carry several requests."""
        self._received = self._body = 0
        self._start_timer()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Take the request, unless too many wait before it: then the connection ends with the last of those."""
        if len(self.pipeline) < MOST_AHEAD and not self._too_far_ahead:
            super().on_headers_complete()
        else:
            self._too_far_ahead = True
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Count the body's bytes."""
        self._body += len(body)
        if not self._too_far_ahead:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop the timer: the request has arrived whole."""
        self._stop_timer()
        if not self._too_far_ahead:
            super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Count all bytes, and refuse a head that is too large."""
        if self._too_far_ahead:
            return
        self._received += len(data)
        super().data_received(data)
        if self._received > LARGEST_HEAD + FRAMING * self._body and not self.transport.is_closing():
            self.send_400_response("Too much before the request begins.")

    def _start_timer(self) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(REQUEST_TIMEOUT, self._close)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close(self) -> None:
        self._timer = None
        if not self.transport.is_closing():
            self.transport.close()

    def _look(self, written: int, taken: int) -> None:
        """Hang up on a client that does not read; *written* and *taken*: in bytes, until the last look.

        What the kernel holds for it counts as taken.
        """
        written_now = self._counted.written
        taken_now = written_now - self.transport.get_write_buffer_size()
        if does_not_read(written, taken, taken_now):
            self.transport.abort()  # to close it would be to wait until all is taken
        else:
            self._watch = self.loop.call_later(WRITE_TIMEOUT, self._look, written_now, taken_now)


def does_not_read(written: int, taken: int, taken_now: int) -> bool:
    """Has a client still not taken what was *written* to it at the last look, nor gone on from *taken* fast enough?"""
    return taken_now < written and taken_now - taken < SLOWEST * WRITE_TIMEOUT


class _Counted:
    """A transport that counts what is written to it."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.written = 0
        """Bytes."""

    def write(self, data: bytes) -> None:
        """Count, and pass on."""
        self.written += len(data)
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def _limit_silence(transport: Transport) -> None:
    """Have the kernel give up what it has taken from us and a client does not take from it, where it can."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(2000 * WRITE_TIMEOUT))


def open_many_files() -> None:
    """Raise this process' limit of open files as far as it may, up to OPEN_FILES."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
