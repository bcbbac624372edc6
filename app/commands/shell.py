"""What every command needs: an opened bot, messages on stderr, results on stdout as text or as one JSON object.

Progress goes to stderr: as a bar on a terminal, else as a line now and then.
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
from typer.core import TyperCommand

if TYPE_CHECKING:
    from pydantic import ValidationError

    from app.bootstrap import Bot
    from app.settings import Settings
    from models.train import Progress

LINE_EVERY = 10.0
"""Seconds between two lines of progress if stderr is not a terminal."""


@contextmanager
def training_bar(name: str, chars_per_symbol: float = 1.0) -> "Iterator[Callable[[Progress], None]]":
    """A callback for every training step, which shows rate, loss and time left."""
    if not sys.stderr.isatty():
        line = _LineOfProgress(name)
        yield lambda at: line.show(str(replace(at, chars_per_s=chars_per_symbol * at.chars_per_s)))
        return
    from rich import progress
    from rich.console import Console

    text = progress.TextColumn
    columns = (text(name), progress.BarColumn(), progress.TaskProgressColumn(), text("{task.description}"))
    with progress.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=1)

        def show(at: "Progress") -> None:
            left = f"{at.seconds_left / 60:.1f} min left" if math.isfinite(at.seconds_left) else ""
            description = f"loss {at.loss:.3f}  {chars_per_symbol * at.chars_per_s:,.0f} char/s  {left}"
            bar.update(task, completed=at.step, total=at.of, description=description)

        yield show


@contextmanager
def counting_bar(name: str) -> Iterator[Callable[[int, int], None]]:
    """A callback that takes how much is done, and of how much; it shows the share and the time left."""
    if not sys.stderr.isatty():
        line = _LineOfProgress(name)
        yield lambda done, of: line.show(f"{done / of:.0%}")
        return
    from rich import progress
    from rich.console import Console

    columns = (progress.TextColumn(name), progress.BarColumn(), progress.TaskProgressColumn())
    with progress.Progress(*columns, progress.TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=1)
        yield lambda done, of: bar.update(task, completed=done, total=of)


class _LineOfProgress:
    """A line of progress on stderr, every LINE_EVERY seconds."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._last = -LINE_EVERY

    def show(self, progress: str) -> None:
        """Print it, if it is time."""
        now = time.monotonic()
        if now - self._last >= LINE_EVERY:
            self._last = now
            say(f"{self._name}: {progress}")


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on the last line of stdout.")]
Voice = Annotated[str, typer.Option("--voice", help="Slug of the voice.")]
Slug = Annotated[str, typer.Argument(metavar="VOICE", help="Slug of the voice; `--voice VOICE` does as well.")]


class OfVoice(TyperCommand):
    """A command whose first argument is a voice; `--voice SLUG` is understood, too."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the slug of `--voice SLUG` or `--voice=SLUG` in front."""
        rest, slugs = [], []
        given = iter(args)
        for arg in given:
            if arg == "--voice":
                slugs.extend([slug for slug in [next(given, None)] if slug is not None])
            elif arg.startswith("--voice="):
                slugs.append(arg.partition("=")[2])
            else:
                rest.append(arg)
        return super().parse_args(ctx, [*slugs, *rest])


SHELL = "shell"
"""The name in history and audit log for what is done from the command line."""


class BadUse(Exception):
    """The command was used wrongly; exit status 2."""


class Failed(Exception):
    """The command failed; exit status 1."""


def say(text: str) -> None:
    """Print a message for the user on stderr."""
    print(text, file=sys.stderr, flush=True)


def tell(found: Mapping[str, Any], lines: Iterable[str] = (), *, as_json: bool) -> None:
    """Print the result of a command on stdout: one JSON object on one line, or *lines* for a person."""
    for line in [json.dumps(found, ensure_ascii=False)] if as_json else lines:
        print(line, flush=True)


def settings_of_environment(*, loud: bool = False) -> "Settings":
    """The settings; the log goes to stderr, and without *loud* only its warnings. BadUse for a wrong setting."""
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
    """The settings with *changed*, by name. BadUse for an unknown name or a wrong value."""
    from pydantic import ValidationError

    names = type(settings).model_fields
    if unknown := [name for name in changed or {} if name not in names]:
        raise BadUse(f"there is no setting {unknown[0]}; .env.example lists all, with POEMBOT_ before the name")
    try:
        return type(settings)(**settings.model_dump() | dict(changed or {}))
    except ValidationError as error:
        raise BadUse(_complaints(error)) from None


def _complaints(error: "ValidationError") -> str:
    return "; ".join(_complaint(detail) for detail in error.errors())


def _complaint(detail: Any) -> str:
    where = ".".join(str(part) for part in detail["loc"])
    message = str(detail["msg"]).removeprefix("Value error, ")
    return f"POEMBOT_{where.upper()}: {message}" if where else message


@contextmanager
def opened(*, loud: bool = False) -> Iterator["Bot"]:
    """A bot whose database is ready, closed at the end of the block. Raises BadUse, Failed."""
    from app.bootstrap import build

    with closing(build(settings_of_environment(loud=loud))) as bot:
        prepare(bot)
        yield bot


def prepare(bot: "Bot") -> None:
    """Upgrade an embedded database and install the shipped voices. Failed for another database with an old schema."""
    from app import actions
    from app.store import migrations

    if not bot.settings.embedded:
        if not migrations.is_current(bot.database):
            raise Failed("the database has an old schema; run `poembot db upgrade` first")
        return
    with (bot.settings.home / "prepare.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # site, worker and beat may start at the same time
        migrations.upgrade(bot.database)
        actions.deployment.install_shipped(bot)
