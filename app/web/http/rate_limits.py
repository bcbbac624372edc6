"""How often one visitor, and one address, may ask for something. Knows nothing of what is asked.

A moving window: in memory for one process, in Redis where several share a broker. When Redis is away the limits are
off rather than the site: the next request says so in the log.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from limits import parse_many
from limits.errors import StorageError
from limits.storage import RedisStorage, Storage
from limits.strategies import MovingWindowRateLimiter
from starlette.requests import Request

from app.domain.visitor import Visitor
from app.settings import Settings
from app.web.http.sliding_window import Windows

log = structlog.get_logger(__name__)
PATIENCE = 0.5
"""Seconds a limit may wait for Redis."""


class Limited(Exception):
    """Too often: come back in `retry_after` seconds."""

    code = "limited"

    def __init__(self, rule: str, retry_after: int) -> None:
        super().__init__(f"too many {rule}; try again in {retry_after} s")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Rule:
    """How often a deed may be done; several measures are parted by `;`, and all of them hold."""

    name: str
    each: str
    """By one visitor, or to one account."""
    address: str
    """From one address: a classroom or a household shares it."""


POEMS = Rule("poems", each="40/minute", address="240/minute")
TICKS = Rule("ticks", each="240/minute", address="1200/minute")
SUBMISSIONS = Rule("submissions", each="20/10minute; 60/day", address="120/hour; 400/day")
READINGS = Rule("readings", each="120/minute", address="600/minute")
LOGINS = Rule("logins", each="10/5minute", address="30/5minute")


class Limits:
    """Counts deeds. With `LIMITS=off` everything is allowed."""

    def __init__(self, settings: Settings) -> None:
        self._on = settings.limits == "on"
        storage = _storage(settings.broker)
        self._limiter = MovingWindowRateLimiter(storage)
        self.memory = storage if isinstance(storage, Windows) else None
        """Where windows lie in this process."""

    def take(self, rule: Rule, *, who: str | None, address: str) -> None:
        """Count one deed by *who* (None: nobody we know yet) from *address*. Raises Limited.

        From an address that is through for now nothing is counted against anybody: it could shut an admin out of his
        account for ever, or fill the memory with visitors it made up.
        """
        if not self._on:
            return
        if who is not None:
            self._ask(self._limiter.test, rule.address, rule.name, f"address:{address}")
            self._ask(self._limiter.hit, rule.each, rule.name, f"who:{who}")
        self._ask(self._limiter.hit, rule.address, rule.name, f"address:{address}")

    def _ask(self, how: Callable[..., bool], measures: str, name: str, key: str) -> None:
        for item in parse_many(measures):
            try:
                if how(item, name, key):
                    continue
                again = self._limiter.get_window_stats(item, name, key).reset_time
            except StorageError as error:
                log.warning("limits.away", error=str(error))
                return
            raise Limited(name, max(1, math.ceil(again - time.time())))


def _storage(broker: str) -> Storage:
    if not broker.startswith(("redis://", "rediss://")):
        return Windows()
    return RedisStorage(broker, wrap_exceptions=True, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)


def take(request: Request, rule: Rule, visitor: Visitor) -> None:
    """Count one deed of *visitor*. Raises Limited."""
    limits: Limits = request.app.state.limits
    limits.take(rule, who=visitor.id if visitor.returned else None, address=visitor.address)
