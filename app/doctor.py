"""The doctor: checks every part of an installation, and says what is wrong and how to repair it."""

import importlib.util
import os
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.bootstrap import Bot
from app.domain.errors import BrokenFolder
from app.domain.run import RunState
from app.domain.version import VersionStatus
from app.store.admins import Admins
from app.store.health import Pulses
from app.store.migrations import is_current
from app.store.runs import Runs
from app.store.session import database_now
from app.store.versions import Retention, Versions
from app.store.voices import Voices
from models import checkpoint

LEAST_ROOM = 500_000_000
"""Bytes that must be free for run-time data: a few versions and their scratch folders."""
MOST_SKEW = timedelta(seconds=5)
"""Allowed difference between the clocks of this machine and the database."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: what was checked, whether it is in order, and details or advice."""

    name: str
    ok: bool
    detail: str


def examine(bot: Bot) -> list[Finding]:
    """All findings, in the order in which to repair them; without a database, its contents are not checked."""
    findings = [_folder("home", bot.settings.home.absolute()), _shelf(bot), _torch(), _broker(bot), _secret(bot)]
    database = _database(bot)
    findings.append(database)
    if database.ok:
        findings += [_clock(bot), *_voices(bot), *_versions(bot), _strays(bot), *_alive(bot), *_webs(bot)]
        findings += [_runs(bot), _admins(bot)]
    return findings


def _ok(name: str, detail: str) -> Finding:
    return Finding(name, ok=True, detail=detail)


def _bad(name: str, detail: str) -> Finding:
    return Finding(name, ok=False, detail=detail)


def _folder(name: str, folder: Path) -> Finding:
    if not os.access(folder, os.W_OK):
        return _bad(name, f"{folder} is not writable; give it to the user that runs poembot")
    free = shutil.disk_usage(folder).free
    if free < LEAST_ROOM:
        more = "make room, or lower POEMBOT_KEEP_VERSIONS"
        return _bad(name, f"{free / 1e6:.0f} MB free at {folder}; {more}")
    return _ok(name, f"{folder}, {free / 1e9:.1f} GB free")


def _shelf(bot: Bot) -> Finding:
    folder = Path(bot.settings.shelf.removeprefix("file://"))
    if "://" not in bot.settings.shelf or bot.settings.shelf.startswith("file://"):
        return _folder("shelf", folder) if folder.exists() else _ok("shelf", f"{folder}, still empty")
    try:
        bot.shelf.exists("a/b/c")
    except Exception as error:  # noqa: BLE001 - every object store fails in its own way
        return _bad("shelf", f"{bot.settings.shelf} does not answer: {error!r}; see its credentials")
    return _ok("shelf", f"{bot.settings.shelf} answers")


def _secret(bot: Bot) -> Finding:
    if bot.settings.secret_key:
        return _ok("secret", "given")
    if not bot.settings.embedded:
        detail = "every machine makes one of its own and knows no reader of the others; give all one POEMBOT_SECRET_KEY"
        return _bad("secret", detail)
    kept = bot.settings.home.absolute() / "secret"
    if kept.exists() and kept.stat().st_mode & 0o077:
        return _bad("secret", f"others may read {kept}; chmod 600 it")
    return _ok("secret", f"kept in {kept}")


def _torch() -> Finding:
    if importlib.util.find_spec("torch") is None:
        return _bad("torch", "not installed: no worker can teach here; pip install 'poem-bot[learn]'")
    return _ok("torch", "installed")


def _broker(bot: Bot) -> Finding:
    url = urlsplit(bot.settings.broker)
    if url.scheme == "filesystem":
        return _ok("broker", "the file system")
    where = (url.hostname or "localhost", url.port or 6379)
    try:
        socket.create_connection(where, timeout=1).close()
    except OSError as error:
        return _bad("broker", f"{where[0]}:{where[1]} does not answer ({error}); runs wait for the sweep")
    return _ok("broker", f"{where[0]}:{where[1]} answers")


def _database(bot: Bot) -> Finding:
    try:
        with bot.database.connect() as connection:
            connection.execute(text("SELECT 1"))
        current = is_current(bot.database)
    except SQLAlchemyError as error:
        return _bad("database", f"does not answer: {str(error).splitlines()[0]}")
    if not current:
        return _bad("database", "has an old schema; run `poembot db upgrade`")
    return _ok("database", f"{bot.database.dialect.name}, schema up to date")


def _clock(bot: Bot) -> Finding:
    with bot.reading() as session:
        now = bot.clock()
        apart = database_now(session) - now
        ahead = [voice.slug for voice in Voices(session).all() if Versions(session).newest_made(voice.slug) > now]
    if abs(apart) > MOST_SKEW:
        detail = f"the database's is {apart.total_seconds():+.0f} s from this machine's; have both follow a time server"
        return _bad("clock", detail)
    if ahead:
        detail = "was made in the future: some clock was ahead. Its next run counts all feedback anew and mends that"
        return _bad("clock", f"the newest version of {', '.join(ahead)} {detail}")
    return _ok("clock", "right, as far as can be seen from here")


def _voices(bot: Bot) -> Iterator[Finding]:
    with bot.reads(Voices) as voices:
        serving = voices.champions()
    if not serving:
        yield _bad("voices", "there is none; run `poembot db upgrade`, or `poembot voice add`")
    for version in serving:
        name = f"voice {version.voice}"
        try:
            checkpoint.read(bot.shelf.fetch(version.folder))
        except (BrokenFolder, checkpoint.Broken) as error:
            yield _bad(name, f"version {version.number}: {error}; `poembot rollback {version.voice}`")
        else:
            yield _ok(name, f"version {version.number} of {version.base} is whole")


def _versions(bot: Bot) -> Iterator[Finding]:
    """Check that the folders of all unpruned versions, except the champions, exist."""
    with bot.reading() as session:
        versions = [
            (voice.slug, version)
            for voice in Voices(session).all()
            for version in Versions(session).of_voice(voice.slug)
            if version.status is not VersionStatus.PRUNED and not version.champion
        ]
    for slug, version in versions:
        if not bot.shelf.exists(version.folder):
            missing = f"its folder {version.folder} has vanished: nobody can go back to it"
            yield _bad(f"version {slug} {version.number}", f"{missing}; restore the shelf from a backup")


def _strays(bot: Bot) -> Finding:
    """Look for folders without a version: an old copy of the database was restored, but not the shelf."""
    folders = bot.shelf.strays(bot.clock() - timedelta(minutes=10))
    with bot.reading() as session:
        strays = sorted(set(folders) - Retention(session).kept(folders)) if folders else []
    if strays:
        detail = "after an old database was put back, `poembot restore` would have removed them; they go after a day"
        return _bad("strays", f"{len(strays)} folders that no table knows, as {strays[0]}: {detail}")
    return _ok("strays", "every folder belongs to a version")


def _alive(bot: Bot) -> Iterator[Finding]:
    with bot.reads(Pulses) as pulses:
        kinds = [pulse.kind for pulse in pulses.alive(bot.clock())]
    if_none = {
        "worker": "none alive: runs wait; start `poembot worker` or `poembot serve`",
        "beat": "none alive: nothing starts by itself; start `poembot beat`",
    }
    for kind, advice in if_none.items():
        count = kinds.count(kind)
        yield Finding(kind, ok=count > 0, detail=f"{count} alive" if count else advice)


def _webs(bot: Bot) -> Iterator[Finding]:
    """Check the reports of the web processes."""
    with bot.reads(Pulses) as pulses:
        webs = [pulse for pulse in pulses.alive(bot.clock()) if pulse.kind == "web"]
    if not webs:
        yield _bad("web", "none alive; start `poembot serve`")
        return
    one_secret = len({pulse.web.secret for pulse in webs}) == 1
    advice = "they sign with different secrets, and forget each other's readers; give all one POEMBOT_SECRET_KEY"
    yield Finding("web", ok=one_secret, detail=f"{len(webs)} alive" if one_secret else advice)
    for pulse in webs:
        for one in pulse.web.voices:
            if one.error:
                detail = f"serves {one.number} and not {one.wanted}: {one.error}; `poembot rollback {one.voice}`"
                yield _bad(f"{pulse.name}, {one.voice}", detail)


def _runs(bot: Bot) -> Finding:
    with bot.reading() as session:
        newest = Runs(session).of_voice(None, limit=5)
        waiting = Runs(session).waiting(database_now(session), timedelta(seconds=bot.settings.lease))
    failed = [run for run in newest if run.state is RunState.FAILED]
    if len(failed) > 1:
        detail = f"{len(failed)} of the newest {len(newest)} failed, the last with: {failed[0].error}"
        return _bad("runs", f"{detail}; the desk has their logs")
    if waiting and not failed:
        return _ok("runs", f"{len(waiting)} wait for a worker")
    return _ok("runs", "nothing to complain of")


def _admins(bot: Bot) -> Finding:
    with bot.reads(Admins) as admins:
        there = admins.any()
    detail = "there is one" if there else "there is none: nobody can moderate; `poembot admin create NAME`"
    return Finding("admin", ok=there, detail=detail)
