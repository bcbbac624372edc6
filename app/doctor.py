"""The doctor: looks at every part of an installation, and says what is wrong and what to do."""

import importlib.util
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.bootstrap import Bot, now
from app.domain.errors import BrokenFolder
from app.store import migrate
from app.store.pulses import Pulses
from app.store.voices import Voices
from models import checkpoint

LEAST_ROOM = 500_000_000
"""Bytes that ought to be free where run-time data lives: a few versions and their scratch folders."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, whether it is well, and what to do if not."""

    name: str
    ok: bool
    detail: str


def examine(bot: Bot) -> list[Finding]:
    """Every finding, in the order in which to mend them; what hangs on a broken part is left out."""
    findings = [_home(bot), _torch(), _broker(bot)]
    database = _database(bot)
    findings.append(database)
    if database.ok:
        findings += [*_voices(bot), *_alive(bot)]
    return findings


def _home(bot: Bot) -> Finding:
    home = bot.settings.home.absolute()
    if not os.access(home, os.W_OK):
        return Finding("home", ok=False, detail=f"{home} is not writable; give it to the user that runs poembot")
    free = shutil.disk_usage(home).free
    if free < LEAST_ROOM:
        return Finding("home", ok=False, detail=f"{free / 1e6:.0f} MB free at {home}; make room")
    return Finding("home", ok=True, detail=f"{home}, {free / 1e9:.1f} GB free")


def _torch() -> Finding:
    if importlib.util.find_spec("torch") is None:
        return Finding(
            "torch", ok=False, detail="not installed: no worker can teach here; pip install 'poem-bot[learn]'"
        )
    return Finding("torch", ok=True, detail="installed")


def _broker(bot: Bot) -> Finding:
    url = urlsplit(bot.settings.broker)
    if url.scheme == "filesystem":
        return Finding("broker", ok=True, detail="the file system")
    where = (url.hostname or "localhost", url.port or 6379)
    try:
        socket.create_connection(where, timeout=1).close()
    except OSError as error:
        return Finding(
            "broker", ok=False, detail=f"{where[0]}:{where[1]} does not answer ({error}); runs wait for the sweep"
        )
    return Finding("broker", ok=True, detail=f"{where[0]}:{where[1]} answers")


def _database(bot: Bot) -> Finding:
    try:
        with bot.database.connect() as connection:
            connection.execute(text("SELECT 1"))
        current = migrate.is_current(bot.database)
    except SQLAlchemyError as error:
        return Finding("database", ok=False, detail=f"does not answer: {str(error).splitlines()[0]}")
    if not current:
        return Finding("database", ok=False, detail="has an old schema; run `poembot db upgrade`")
    return Finding("database", ok=True, detail=f"{bot.database.dialect.name}, schema up to date")


def _voices(bot: Bot) -> Iterator[Finding]:
    with bot.reads(Voices) as voices:
        serving = voices.champions()
    if not serving:
        yield Finding("voices", ok=False, detail="there is none; run `poembot db upgrade`, or `poembot voice add`")
    for version in serving:
        name = f"voice {version.voice}"
        try:
            checkpoint.read(bot.shelf.fetch(version.folder))
        except (BrokenFolder, checkpoint.Broken) as error:
            yield Finding(
                name, ok=False, detail=f"version {version.number}: {error}; `poembot rollback {version.voice}`"
            )
        else:
            yield Finding(name, ok=True, detail=f"version {version.number} of {version.base} is whole")


def _alive(bot: Bot) -> Iterator[Finding]:
    with bot.reads(Pulses) as pulses:
        kinds = [pulse.kind for pulse in pulses.alive(now())]
    start: dict[str, Callable[[int], str]] = {
        "worker": lambda n: f"{n} alive" if n else "none alive: runs wait; start `poembot worker` or `poembot serve`",
        "beat": lambda n: f"{n} alive" if n else "none alive: nothing starts by itself; start `poembot beat`",
    }
    for kind, told in start.items():
        yield Finding(kind, ok=kind in kinds, detail=told(kinds.count(kind)))
