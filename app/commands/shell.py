"""What every command needs: an opened bot, words on stderr, one JSON object on stdout."""

import fcntl
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pydantic import ValidationError

    from app.bootstrap import Bot
    from app.settings import Settings

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


def tell(value: Mapping[str, Any]) -> None:
    """One JSON object on one line of stdout."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


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

    bot = build(settings_of_environment(loud=loud))
    try:
        prepare(bot)
        yield bot
    finally:
        bot.close()


def prepare(bot: "Bot") -> None:
    """Bring an embedded database up to date, with the shipped voices in it; Failed for an old schema elsewhere."""
    from app.bootstrap import install_voices
    from app.store import migrate

    if not bot.settings.embedded:
        if not migrate.is_current(bot.database):
            raise Failed("the database has an old schema; run `poembot db upgrade` first")
        return
    with (bot.settings.home / "prepare.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # site, worker and beat may start side by side
        if not migrate.is_current(bot.database):
            migrate.upgrade(bot.database)
        install_voices(bot)
