"""Backup: the whole of a deployment in one folder, taken while it runs, and put back.

    manifest.json   of which moment, by which release, of which schema, and the hash of every file
    tables/         every row, a file of JSON lines a table (`app/store/dump.py`)
    shelf/          the folder of every version there is, a voice's own base too
    secret          the key that signs cookies, where HOME keeps it

The database is read in one snapshot, and versions never change: what is copied belongs together. A backup
of SQLite can be put back into Postgres, and the other way round.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from datetime import timedelta
from importlib.metadata import version as release_of
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from app.bootstrap import Bot
from app.domain.errors import BrokenFolder, PoemBotError
from app.domain.version import VersionStatus
from app.store import dump, migrations
from app.store.health import Pulses
from app.store.versions import Retention
from models.checkpoint import appearing, files, inside, sha256

FORMAT = 1
MANIFEST, TABLES, SHELF, SECRET = "manifest.json", "tables", "shelf", "secret"
OURS = 0o700
"""It holds what readers gave, and a key: for its owner alone."""
Manifest = dict[str, Any]


class BadBackup(PoemBotError):
    """The folder is no backup, or not whole, or of a later release."""

    code = "bad_backup"


class InUse(PoemBotError):
    """The deployment that would be replaced still runs, or holds something."""

    code = "in_use"


def take(bot: Bot, folder: Path) -> Manifest:
    """Write the whole deployment into a new *folder*, which appears when it is complete; its manifest.

    `missing` names versions whose folder is not on the shelf: they are in the tables all the same.
    FileExistsError for a folder that is there.
    """
    with appearing(folder, mode=OURS) as fresh, dump.snapshot(bot.database) as connection:
        schema, made = migrations.revision(connection), bot.clock()  # the first query is the moment of the look
        (fresh / TABLES).mkdir()
        (fresh / SHELF).mkdir()
        missing = [key for key in _folders(connection) if not _copy(bot, key, fresh / SHELF / key)]
        with bot.reading() as session:
            pruned = set(missing) - Retention(session).kept(missing)  # while we copied

        def change(row: dict[str, Any]) -> None:
            if row.get("folder") in pruned:
                row["status"] = VersionStatus.PRUNED.value

        tables = {}
        for table in dump.tables(connection):
            rows = dump.write(connection, table, fresh / TABLES / f"{table.name}.jsonl", change)
            tables[table.name] = rows
        if (bot.settings.home / SECRET).is_file() and not bot.settings.secret_key:
            shutil.copy(bot.settings.home / SECRET, fresh / SECRET)
        manifest = {
            "format": FORMAT,
            "made": made.isoformat(),
            "release": release_of("poem-bot"),
            "schema": schema,
            "tables": tables,
            "missing": sorted(set(missing) - pruned),
            "files": {name: sha256(fresh / name) for name in files(fresh)},
        }
        (fresh / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return manifest


def _folders(connection: Connection) -> Iterator[str]:
    """Keys of what must lie on the shelf; a base that ships comes with the release."""
    for table in dump.tables(connection):
        if table.name == "versions":
            there = table.c.status != VersionStatus.PRUNED.value
            for key in connection.scalars(table.select().with_only_columns(table.c.folder).where(there)):
                if not key.startswith("base:"):
                    yield key


def _copy(bot: Bot, key: str, place: Path) -> bool:
    try:
        shutil.copytree(bot.shelf.fetch(key), place)
    except (BrokenFolder, FileNotFoundError):  # gone, or going just now
        shutil.rmtree(place, ignore_errors=True)
        return False
    return True


def look(folder: Path) -> Manifest:
    """The manifest of a backup, every file of which is what it was. Raises BadBackup."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        told: Mapping[str, str] = dict(manifest["files"])
        if manifest["format"] != FORMAT:
            raise BadBackup(f"{folder} is of a later release")
        parts = {f"{TABLES}/{name}.jsonl" for name in dict(manifest["tables"])}
        whole = parts <= set(told) and all(isinstance(manifest[name], str) for name in ("made", "release", "schema"))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        whole = False
    if not whole:
        raise BadBackup(f"{folder} is no backup: it has no {MANIFEST} that can be read")
    for name, was in told.items():
        try:
            whole = sha256(inside(folder, name)) == was
        except (OSError, ValueError) as error:
            raise BadBackup(f"{folder}: {error}") from None
        if not whole:
            raise BadBackup(f"{folder}: {name} is not what it was")
    return dict(manifest)


def put_back(bot: Bot, folder: Path, *, replace: bool) -> Manifest:
    """Make the deployment what it was; its manifest. The present one must be stopped, and be empty unless *replace*.

    Raises BadBackup, InUse. Cut off half-way, it is done again.
    """
    manifest = look(folder)
    if not migrations.knows(bot.database, manifest["schema"]):
        raise BadBackup(f"{folder} is of a later release ({manifest['release']}); put that one in first")
    _nobody_there(bot, replace=replace)
    keys = sorted({"/".join(Path(name).parts[1:4]) for name in manifest["files"] if name.startswith(f"{SHELF}/")})
    for key in keys:
        bot.shelf.remove(key)
        scratch = bot.shelf.scratch()
        shutil.copytree(folder / SHELF / key, scratch / "version")
        bot.shelf.place(scratch / "version", key)
        scratch.rmdir()
    with bot.database.begin() as connection:
        dump.empty(connection)
    migrations.downgrade(bot.database, "base")
    migrations.upgrade(bot.database, manifest["schema"])
    with bot.database.begin() as connection:
        order = [table for table in dump.tables(connection) if table.name in manifest["tables"]]
        dump.read(connection, order, lambda name: folder / TABLES / f"{name}.jsonl")
    migrations.upgrade(bot.database)
    _restore_secret(bot, folder)
    for key in set(bot.shelf.strays(bot.clock() + timedelta(days=1))) - set(keys):
        bot.shelf.remove(key)  # made after the backup: no table knows of it any more
    return manifest


def _nobody_there(bot: Bot, *, replace: bool) -> None:
    with bot.database.connect() as connection:
        empty = dump.is_empty(connection)
        begun = migrations.revision(connection) is not None
    if begun:
        with bot.reading() as session:
            alive = [pulse.name for pulse in Pulses(session).alive(bot.clock())]
        if alive:
            raise InUse(f"{alive[0]} is running; stop every process first (a killed one counts for half a minute)")
    if not empty and not replace:
        raise InUse("the database is not empty; --yes replaces all that is in it")


def _restore_secret(bot: Bot, folder: Path) -> None:
    """The key that HOME keeps; a key that the deployment is given is its own business."""
    kept = bot.settings.home / SECRET
    if bot.settings.secret_key or not (folder / SECRET).is_file():
        return
    fresh = kept.with_name(f"{SECRET}.new")
    shutil.copy(folder / SECRET, fresh)
    fresh.chmod(0o600)
    fresh.replace(kept)
