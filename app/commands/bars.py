"""Progress on stderr: a bar for a person, a line now and then for a file."""

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from app.commands.shell import say

if TYPE_CHECKING:
    from models.train import Progress

LINE_EVERY = 10.0
"""Seconds between two lines where nobody watches."""


@contextmanager
def training_bar(name: str, chars_per_symbol: float = 1.0) -> "Iterator[Callable[[Progress], None]]":
    """What to call after every training step: shows rate, loss and time left."""
    if not sys.stderr.isatty():
        yield _lines(name, chars_per_symbol)
        return
    from rich import progress
    from rich.console import Console

    text = progress.TextColumn
    columns = (text(name), progress.BarColumn(), progress.TaskProgressColumn(), text("{task.description}"))
    with progress.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=1)

        def show(at: "Progress") -> None:
            left = f"{at.seconds_left / 60:.1f} min left" if math.isfinite(at.seconds_left) else ""
            told = f"loss {at.loss:.3f}  {chars_per_symbol * at.chars_per_s:,.0f} char/s  {left}"
            bar.update(task, completed=at.step, total=at.of, description=told)

        yield show


@contextmanager
def counting_bar(name: str) -> Iterator[Callable[[int, int], None]]:
    """What to call with how much is done, and of how much: shows share and time left."""
    if not sys.stderr.isatty():
        now_and_then = _Seldom()
        yield lambda done, of: say(f"{name}: {done / of:.0%}") if now_and_then.due() else None
        return
    from rich import progress
    from rich.console import Console

    columns = (progress.TextColumn(name), progress.BarColumn(), progress.TaskProgressColumn())
    with progress.Progress(*columns, progress.TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=1)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def _lines(name: str, chars_per_symbol: float) -> "Callable[[Progress], None]":
    now_and_then = _Seldom()

    def show(at: "Progress") -> None:
        if now_and_then.due():
            say(f"{name}: {replace(at, chars_per_s=chars_per_symbol * at.chars_per_s)}")

    return show


class _Seldom:
    """Time for another line?"""

    def __init__(self) -> None:
        self._last = -LINE_EVERY

    def due(self) -> bool:
        """Is it `LINE_EVERY` since the last time it was?"""
        now = time.monotonic()
        if now - self._last < LINE_EVERY:
            return False
        self._last = now
        return True
