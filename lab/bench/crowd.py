"""A crowd of readers in a closed loop: each asks for his next poem when he has read the last."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from lab.bench.site import Heard, Reader, WireError

Deed = Callable[[Reader], Awaitable[Heard]]
Meanwhile = Callable[[], Awaitable[None]] | None
WARM_UP = 1.0
"""Seconds of a crowd that do not count."""
SOON = 0.2
"""Seconds that a reader waits after an error, so that errors are not what he mostly makes."""


@dataclass(slots=True)
class Tally:
    """What a crowd has met."""

    seconds: float = 0.0
    heard: list[Heard] = field(default_factory=list)
    """Poems that came whole, in the time that counts."""
    turned_away: int = 0
    """503 with Retry-After: they came back when told."""
    errors: int = 0

    @property
    def poems_per_s(self) -> float:
        """Whole poems a second."""
        return len(self.heard) / self.seconds if self.seconds else 0.0


def percentile(values: Sequence[float | None], share: float) -> float | None:
    """In milliseconds; None of nothing."""
    known = [value for value in values if value is not None]
    return float(np.percentile(known, share)) * 1000 if known else None


async def crowd(
    host: str,
    port: int,
    *,
    readers: int,
    deed: Deed,
    seconds: float = 0.0,
    warm_up: float = WARM_UP,
    until: Meanwhile = None,
) -> Tally:
    """So many readers for *warm_up*, which does not count, and *seconds*, or as long as *until* takes, which do."""
    tally = Tally()
    counting = asyncio.Event()
    tasks = [asyncio.create_task(_read_on(Reader(host, port), deed, tally, counting)) for _ in range(readers)]
    await asyncio.sleep(warm_up)
    counting.set()
    began = time.perf_counter()
    await (asyncio.sleep(seconds) if until is None else until())
    counting.clear()
    tally.seconds = time.perf_counter() - began
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended
    return tally


async def _read_on(reader: Reader, deed: Deed, tally: Tally, counting: asyncio.Event) -> None:
    async with reader:
        while True:
            try:
                heard = await deed(reader)
            except (OSError, EOFError, WireError):
                heard = Heard(0)
                reader.hang_up()
            if counting.is_set():
                tally.heard += [heard] if heard.whole else []
                tally.turned_away += heard.status == 503 and heard.retry_after > 0
                tally.errors += not heard.whole and not heard.retry_after
            if not heard.whole:
                await asyncio.sleep(heard.retry_after or SOON)
