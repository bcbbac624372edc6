"""Limits: rate limits, admission control, and limits on HTTP connections.

**Rate limits**: how often one visitor, and one address, may do something. Ticking takes TICKS, writing takes POEMS,
teaching and weaving take SUBMISSIONS, costly reading takes READINGS, the game takes GUESSES, and the desk's login takes
LOGINS (`tests/web/test_limits.py` checks the limit of every route). The window moves; it is kept in memory, or in Redis
where several processes share a broker. While Redis is away, requests are not limited, and each of them is logged.

**Admission control**: how many requests one web process handles at a time. If it handled a whole crowd at once, every
answer would come after the browsers had given up, though their ticks and poems would be stored. So a few requests are
handled, and the others wait in a queue that is fair between addresses, and then between visitors. A request that would
wait too long is refused with 503 and `Retry-After` before anything was done. A request keeps its place from the moment
it has arrived completely until its response begins, or until it waits for the engine, which has its own queue. So a
slow client keeps no place.

**HTTP limits**: what a connection may cost. uvicorn does not limit the size of a request's head, the time a request may
take to arrive, the number of pipelined requests, or the time a response may wait for a client that does not read. One
connection could fill the memory, and a thousand silent ones could keep everybody else out. `edge.py` limits the body.
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
"""Seconds between two removals of empty windows from memory."""


class Limited(Exception):
    """The rate limit is exceeded; try again after `retry_after` seconds."""

    code = "limited"

    def __init__(self, rule: str, retry_after: int) -> None:
        super().__init__(f"too many {rule}; try again in {retry_after} s")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Rule:
    """A rate limit. Several limits are separated by `;`, and all of them apply."""

    name: str
    each: str
    """For one visitor, or for one account."""
    address: str
    """For one address, which a classroom or a household shares."""


POEMS = Rule("poems", each="40/minute", address="240/minute")
TICKS = Rule("ticks", each="240/minute", address="1200/minute")
SUBMISSIONS = Rule("submissions", each="20/10minute; 60/day", address="120/hour; 400/day")
READINGS = Rule("readings", each="120/minute", address="600/minute")
GUESSES = Rule("guesses", each="40/minute; 300/day", address="120/minute; 2000/day")
LOGINS = Rule("logins", each="10/5minute", address="30/5minute")
"""*each*: for a device that has logged in to the account before, or for one address and one account."""
LOGIN_TRIES = "60/hour"
"""For one such device, or one address. Tries that another limit refuses count too."""
STRANGERS = "100/10minute"
"""For one account: tries by unknown devices at addresses from which nobody has logged in to it today."""
GOT_IN = "1/day"
"""Not a limit: a note that somebody at an address has logged in to an account today."""


class Limits:
    """The rate limits. With `LIMITS=off` everything is allowed."""

    def __init__(self, settings: Settings) -> None:
        self._on = settings.limits == "on"
        storage = _storage(settings.broker)
        self._limiter = MovingWindowRateLimiter(storage)
        self.memory = storage if isinstance(storage, MemoryWindows) else None
        """The windows of this process; None where Redis has them."""

    def take(self, rule: Rule, *, who: str | None, address: str) -> None:
        """Count one act of *who* (None: a new visitor) from *address*. Raises Limited.

        The address is tested before anything is counted for *who*. Otherwise an address over its limit could still fill
        the memory with visitors that it makes up.
        """
        if not self._on:
            return
        if who is not None:
            self._check(self._limiter.test, rule.address, rule.name, f"address:{address}")
            self._check(self._limiter.hit, rule.each, rule.name, f"who:{who}")
        self._check(self._limiter.hit, rule.address, rule.name, f"address:{address}")

    def take_login(self, account: str, *, device: str | None, address: str) -> None:
        """Count one try to log in to *account*. Raises Limited.

        *device*: one that has logged in to the account before; None for any other. It has a limit of its own, so people
        who guess passwords cannot lock out the account's owner.
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
        """Note a login: until tomorrow STRANGERS does not apply to this address."""
        with suppress(Limited):  # noted already
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
    """Moving windows in the memory of one process: a list of times for each key.

    The library's own storage never forgets a key and scans all keys a hundred times a second: after some ten thousand
    visitors that takes half a processor. This one removes empty windows once a minute.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._times: dict[str, tuple[float, list[float]]] = {}
        """By key: the window's length in seconds, and the times, oldest first (a deque takes ten times the memory)."""
        self._swept = time.monotonic()

    def __len__(self) -> int:
        """How many keys are stored."""
        return len(self._times)

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Add *amount* acts at this moment; False when the window is full."""
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
        """The times of a key that are still in its window."""
        times = self._times.get(key, (expiry, []))[1]
        del times[: bisect_right(times, now - expiry)]
        while times and times[-1] > now:  # the clock has since been set back
            times.pop()
        return times

    def _sweep(self) -> None:
        if time.monotonic() < self._swept + SWEEP_EVERY:
            return
        self._swept, now = time.monotonic(), time.time()
        for key, (expiry, _) in list(self._times.items()):
            if not self._window(key, expiry, now):
                del self._times[key]


MOST_AT_ONCE = 24
"""Requests that are handled at a time. More would not help: Python runs one thread at a time."""
LONGEST_WAIT = 4.0
"""Seconds that a request may wait for a place."""
LONGEST_QUEUE = 200
"""Requests of one address that may wait; the next is refused at once."""
RETRY_AFTER = 5
"""Seconds, for `Retry-After`."""
Refuse = Callable[[Request, int], Response]
"""Makes the response to a refused request. It runs on the event loop, so it must not block."""


class Admission:
    """ASGI middleware: admission control with a fair queue."""

    def __init__(self, app: ASGIApp, refuse: Refuse) -> None:
        self._app = app
        self._refuse = refuse
        self._handled = 0
        self._queues: OrderedDict[str, FairQueue[asyncio.Future[None]]] = OrderedDict()
        """Waiting requests by address; the first address is next."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request when it has a place."""
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
        """Wait for a place; False if none was free in time."""
        if self._handled < MOST_AT_ONCE:
            self._handled += 1
            return True
        address = client_of(request)
        queue = self._queues.setdefault(address, FairQueue())
        if len(queue) >= LONGEST_QUEUE:
            return False
        turn = asyncio.get_running_loop().create_future()
        queue.put(keys_of(request).read_visitor(request.cookies.get(VISITOR_COOKIE, "")) or "", turn)
        try:
            await asyncio.wait([turn], timeout=LONGEST_WAIT)
        except asyncio.CancelledError:
            if turn.done():
                self._left()
            raise
        finally:
            if not turn.done():
                queue.leave(turn)
                if not queue:
                    self._queues.pop(address, None)
        return turn.done()

    def _left(self) -> None:
        """Give a free place to the request whose turn it is."""
        self._handled -= 1
        with suppress(KeyError):
            address, queue = self._queues.popitem(last=False)
            turn = queue.take()
            if queue:
                self._queues[address] = queue
            turn.set_result(None)
            self._handled += 1


class Place:
    """The place of one request, which can be left only once."""

    def __init__(self, left: Callable[[], None]) -> None:
        self._left = left
        self._loop = asyncio.get_running_loop()
        self._held = True

    def leave(self) -> None:
        """Leave the place. Called on the event loop, or on the thread that handles the request."""
        if self._held:
            self._held = False
            self._loop.call_soon_threadsafe(self._left)


LARGEST_HEAD = 64 * 1024
"""Bytes of a request's first line and headers, beyond the packet that they begin in."""
FRAMING = 16
"""Bytes of framing allowed for each byte of a chunked body: a chunk of one byte needs six."""
REQUEST_TIMEOUT = 60.0
"""Seconds in which a request must have arrived completely, with its body."""
MOST_AHEAD = 8
"""Pipelined requests that may wait on a connection; browsers send none."""
WRITE_TIMEOUT = 30.0
"""Seconds in which a client must read a response, unless it reads at least SLOWEST bytes a second."""
SLOWEST = 200
"""Bytes a second; an old telephone reads twenty times as fast."""
OPEN_FILES = 65_536
"""Open files that a web process asks for: each reader who waits for a poem keeps a socket open."""


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol with a limit on the head's size, and timeouts for requests and responses."""

    _received = 0
    """All bytes of this request."""
    _body = 0
    """Bytes of its body."""
    _too_far_ahead = False
    """Were there more pipelined requests than MOST_AHEAD? Then the rest is not read."""
    _timer: TimerHandle | None = None
    _watch: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Start the timer for the request header, and the watch on how the client reads."""
        super().connection_made(transport)
        _drop_silent_client(transport)
        self._counted = _Counted(transport)
        self.transport = cast("Transport", self._counted)
        self._start_timer()
        self._watch = self.loop.call_later(WRITE_TIMEOUT, self._check_reading, 0, 0)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers."""
        self._stop_timer()
        if self._watch is not None:
            self._watch.cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Reset the counters and the timer: a connection may carry several requests."""
        self._received = self._body = 0
        self._start_timer()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Accept the request, unless too many wait before it; then the connection closes after the last of those."""
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
        """Stop the timer: the request has arrived completely."""
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

    def _check_reading(self, written: int, taken: int) -> None:
        """Close the connection of a client that does not read. *written*, *taken*: bytes at the last check.

        Bytes in the kernel's send buffer count as taken.
        """
        written_now = self._counted.written
        taken_now = written_now - self.transport.get_write_buffer_size()
        if does_not_read(written, taken, taken_now):
            self.transport.abort()  # `close` would wait until everything is read
        else:
            self._watch = self.loop.call_later(WRITE_TIMEOUT, self._check_reading, written_now, taken_now)


def does_not_read(written: int, taken: int, taken_now: int) -> bool:
    """Has a client neither read all that was *written* at the last check, nor read on from *taken* fast enough?"""
    return taken_now < written and taken_now - taken < SLOWEST * WRITE_TIMEOUT


class _Counted:
    """A transport that counts what is written to it."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.written = 0
        """Bytes."""

    def write(self, data: bytes) -> None:
        """Count the bytes and write them."""
        self.written += len(data)
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def _drop_silent_client(transport: Transport) -> None:
    """Have the kernel drop a connection whose client does not acknowledge what was sent (Linux only)."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(2000 * WRITE_TIMEOUT))


def open_many_files() -> None:
    """Raise this process's limit on open files, up to OPEN_FILES."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
