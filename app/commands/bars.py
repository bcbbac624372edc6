"""Progress on stderr: a bar for a person, a line now and then for a file."""

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.commands.shell import say

if TYPE_CHECKING:
    from models.train import Progress

LINE_EVERY = 10.0
"""Seconds between two lines where nobody watches."""


@contextmanager
def training_bar(name: str) -> "Iterator[Callable[[Progress], None]]":
    """What to call after every training step: shows rate, loss and time left."""
    if not sys.stderr.isatty():
        yield _lines(name)
        return
    from rich import progress
    from rich.console import Console

    text = progress.TextColumn
    columns = (text(name), progress.BarColumn(), progress.TaskProgressColumn(), text("{task.description}"))
    with progress.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=1)

        def show(at: "Progress") -> None:
            left = f"{at.seconds_left / 60:.1f} min left" if math.isfinite(at.seconds_left) else ""
            told = f"loss {at.loss:.3f}  {at.chars_per_s:,.0f} char/s  {left}"
            bar.update(task, completed=at.step, total=at.of, description=told)

        yield show


def _lines(name: str) -> "Callable[[Progress], None]":
    last = 0.0

    def show(at: "Progress") -> None:
        nonlocal last
        if time.monotonic() - last >= LINE_EVERY:
            last = time.monotonic()
            say(f"{name}: {at}")

    return show
