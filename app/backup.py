"""Backup and restore of a whole deployment, in one folder. A backup can be taken while the deployment runs.

    manifest.json   time, release, schema revision, and the hash of every file
    tables/         all rows, one file of JSON lines for each table (`app/store/dump.py`)
    shelf/          the folders of all versions, and of bases that do not ship with the project
    secret          the key that signs cookies, if it is stored in HOME

The database is read in one snapshot and version folders never change, so the copy is consistent. A backup of SQLite
can be restored into Postgres, and vice versa.
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
from models.folder import appearing, files, inside, sha256

FORMAT = 1
MANIFEST, TABLES, SHELF, SECRET = "manifest.json", "tables", "shelf", "secret"
OWNER_ONLY = 0o700
"""Mode of the folder: it contains the readers' data and a secret key."""
Manifest = dict[str, Any]


class BadBackup(PoemBotError):
    """The folder is no backup, is incomplete, or comes from a later release."""

    code = "bad_backup"


class InUse(PoemBotError):
    """The deployment that would be replaced is still running or not empty."""

    code = "in_use"


def take(bot: Bot, folder: Path) -> Manifest:
    """Write a backup into a new *folder*, which appears when it is complete; returns the manifest.

    `missing` in the manifest lists version folders that are not on the shelf; their rows are backed up all the same.
    Raises FileExistsError if the folder exists.
    """
    with appearing(folder, mode=OWNER_ONLY) as fresh, dump.snapshot(bot.database) as connection:
        schema, made = migrations.revision(connection), bot.clock()  # the first query begins the snapshot
        (fresh / TABLES).mkdir()
        (fresh / SHELF).mkdir()
        missing = [key for key in _folders(connection) if not _copy(bot, key, fresh / SHELF / key)]
        with bot.reading() as session:
            pruned = set(missing) - Retention(session).kept(missing)  # since the snapshot

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
    """Keys of the version folders to copy; shipped bases come with the release."""
    for table in dump.tables(connection):
        if table.name == "versions":
            unpruned = table.c.status != VersionStatus.PRUNED.value
            for key in connection.scalars(table.select().with_only_columns(table.c.folder).where(unpruned)):
                if not key.startswith("base:"):
                    yield key


def _copy(bot: Bot, key: str, place: Path) -> bool:
    """Copy a version folder; False when it is missing."""
    try:
        shutil.copytree(bot.shelf.fetch(key), place)
    except (BrokenFolder, FileNotFoundError):  # missing, or removed while it was copied
        shutil.rmtree(place, ignore_errors=True)
        return False
    return True


def verify(folder: Path) -> Manifest:
    """Check the hash of every file of a backup; its manifest. Raises BadBackup."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        hashes: Mapping[str, str] = dict(manifest["files"])
        if manifest["format"] != FORMAT:
            raise BadBackup(f"{folder} is of a later release")
        parts = {f"{TABLES}/{name}.jsonl" for name in dict(manifest["tables"])}
        whole = parts <= set(hashes) and all(isinstance(manifest[name], str) for name in ("made", "release", "schema"))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        whole = False
    if not whole:
        raise BadBackup(f"{folder} is no backup: it has no {MANIFEST} that can be read")
    for name, expected in hashes.items():
        try:
            whole = sha256(inside(folder, name)) == expected
        except (OSError, ValueError) as error:
            raise BadBackup(f"{folder}: {error}") from None
        if not whole:
            raise BadBackup(f"{folder}: {name} is not what it was")
    return dict(manifest)


def restore_from(bot: Bot, folder: Path, *, replace: bool) -> Manifest:
    """Replace the deployment by a backup; its manifest. All processes must be stopped.

    Unless *replace*, the database must be empty. An interrupted restore can be repeated. Raises BadBackup, InUse.
    """
    manifest = verify(folder)
    if not migrations.knows(manifest["schema"]):
        raise BadBackup(f"{folder} is of a later release ({manifest['release']}); put that one in first")
    _require_unused(bot, replace=replace)
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
        bot.shelf.remove(key)  # made after the backup: no row refers to it any more
    return manifest


def _require_unused(bot: Bot, *, replace: bool) -> None:
    """Raise InUse if a process is alive, or if the database is not empty and not to be replaced."""
    with bot.database.connect() as connection:
        empty = dump.is_empty(connection)
        has_schema = migrations.revision(connection) is not None
    if has_schema:
        with bot.reading() as session:
            alive = [pulse.name for pulse in Pulses(session).alive(bot.clock())]
        if alive:
            raise InUse(f"{alive[0]} is running; stop every process first (a killed one counts for half a minute)")
    if not empty and not replace:
        raise InUse("the database is not empty; --yes replaces all that is in it")


def _restore_secret(bot: Bot, folder: Path) -> None:
    """Restore the secret in HOME; a secret from the settings is not part of a backup."""
    kept = bot.settings.home / SECRET
    if bot.settings.secret_key or not (folder / SECRET).is_file():
        return
    fresh = kept.with_name(f"{SECRET}.new")
    shutil.copy(folder / SECRET, fresh)
    fresh.chmod(0o600)
    fresh.replace(kept)
