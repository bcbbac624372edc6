"""Moving windows in the memory of one process. Knows no rule and no visitor.

The library's own memory forgets no key and looks through all of them a hundred times a second: after some ten thousand
visitors that is half a processor, for ever. This one looks through them once a minute, and forgets.
"""

import threading
import time
from bisect import bisect_right

from limits.storage import MemoryStorage

SWEEP = 60.0
"""Seconds between two looks for windows that nothing lies in any more."""


class Windows(MemoryStorage):
    """When what was done, by key; only as long as a window of that key reaches back."""

    def __init__(self) -> None:
        super().__init__()
        self._turn = threading.Lock()
        self._done: dict[str, tuple[float, list[float]]] = {}
        """How far a key's window reaches back, and its moments, the oldest first (in a deque ten times as heavy)."""
        self._swept = time.monotonic()

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._done)

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Note a deed at this moment, unless the window is full."""
        with self._turn:
            self._sweep()
            now = time.time()
            moments = self._window(key, expiry, now)
            if len(moments) + amount > limit:
                return False
            moments.extend([now] * amount)
            self._done[key] = (expiry, moments)
            return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """The oldest moment in the window, and how many there are."""
        with self._turn:
            now = time.time()
            moments = self._window(key, expiry, now)
            return (moments[0] if moments else now), len(moments)

    def _window(self, key: str, expiry: float, now: float) -> list[float]:
        """The moments of a key that count. One that is still to come was noted by a clock that was wrong."""
        moments = self._done.get(key, (expiry, []))[1]
        del moments[: bisect_right(moments, now - expiry)]
        while moments and moments[-1] > now:
            moments.pop()
        return moments

    def _sweep(self) -> None:
        if time.monotonic() < self._swept + SWEEP:
            return
        self._swept, now = time.monotonic(), time.time()
        for key, (expiry, _) in list(self._done.items()):
            if not self._window(key, expiry, now):
                del self._done[key]
