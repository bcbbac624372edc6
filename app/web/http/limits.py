"""Rate limits: how often one visitor, and one address, may do something.

Ticking takes TICKS, writing takes POEMS, teaching and weaving take SUBMISSIONS, costly reading takes READINGS, the game
takes GUESSES, and the desk's login takes LOGINS (`tests/web/test_limits.py` checks the limit of every route). The
window moves; it is kept in memory, or in Redis where several processes share a broker. While Redis is away, requests
are not limited, and each of them is logged.
"""

import math
import threading
import time
from bisect import bisect_right
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog
from limits import parse_many
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import MovingWindowRateLimiter
from starlette.requests import Request

from app.domain.visitor import Visitor
from app.settings import Settings

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
