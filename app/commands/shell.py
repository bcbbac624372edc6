"""What every command needs: an opened bot, words on stderr, one JSON object on stdout.

Progress on stderr: a bar for a person, a line now and then for a file.
"""

import fcntl
import json
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pydantic import ValidationError

    from app.bootstrap import Bot
    from app.settings import Settings
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


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on the last line of stdout.")]
Voice = Annotated[str, typer.Option("--voice", help="Slug of the voice.")]
SHELL = "shell"
"""Who does what is done from the command line, in history and audit."""


class BadUse(Exception):
    """The command was used wrongly; exit status 2."""


class Failed(Exception):
    """The command could not do what it should; exit status 1."""


def say(text: str) -> None:
    """A line for the person at the keyboard, on stderr."""
    print(text, file=sys.stderr, flush=True)


def tell(found: Mapping[str, Any], lines: Iterable[str] = (), *, as_json: bool) -> None:
    """What a command found, on stdout: one JSON object on one line for a program, *lines* for a person."""
    for line in [json.dumps(found, ensure_ascii=False)] if as_json else lines:
        print(line, flush=True)


def settings_of_environment(*, loud: bool = False) -> "Settings":
    """The settings, with the log sent to stderr: warnings only, or *loud*, all of it. BadUse for a wrong setting."""
    import logging

    from pydantic import ValidationError

    from app import log
    from app.settings import Settings

    try:
        settings = Settings()
    except ValidationError as error:
        raise BadUse(_complaints(error)) from None
    log.configure(settings.env, level=logging.INFO if loud else logging.WARNING)
    return settings


def with_settings(settings: "Settings", changed: Mapping[str, str] | None) -> "Settings":
    """The same settings but for *changed*, by name. BadUse for one that there is not, or that cannot be so."""
    from pydantic import ValidationError

    names = type(settings).model_fields
    if unknown := [name for name in changed or {} if name not in names]:
        raise BadUse(f"{unknown[0]} is no setting; .env.example has them all, there with POEMBOT_ before the name")
    try:
        return type(settings)(**settings.model_dump() | dict(changed or {}))
    except ValidationError as error:
        raise BadUse(_complaints(error)) from None


def _complaints(error: "ValidationError") -> str:
    return "; ".join(_complaint(detail) for detail in error.errors())


def _complaint(detail: Any) -> str:
    where = ".".join(str(part) for part in detail["loc"])
    told = detail["msg"].removeprefix("Value error, ")
    return f"POEMBOT_{where.upper()}: {told}" if where else told


@contextmanager
def opened(*, loud: bool = False) -> Iterator["Bot"]:
    """A bot whose database is ready, as long as the block lasts. BadUse, Failed."""
    from app.bootstrap import build

    with closing(build(settings_of_environment(loud=loud))) as bot:
        prepare(bot)
        yield bot


def prepare(bot: "Bot") -> None:
    """Bring an embedded database up to date, with the shipped voices in it; Failed for an old schema elsewhere."""
    from app import actions
    from app.store import migrations

    if not bot.settings.embedded:
        if not migrations.is_current(bot.database):
            raise Failed("the database has an old schema; run `poembot db upgrade` first")
        return
    with (bot.settings.home / "prepare.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # site, worker and beat may start side by side
        if not migrations.is_current(bot.database):
            migrations.upgrade(bot.database)
        actions.deployment.install_shipped(bot)
