"""The shelf, the model registry: where version folders are stored. A folder appears completely or not at all.

The shelf is a local folder by default. In a scaled deployment it is any fsspec URL (an object store), with a local
cache of what was fetched. Keys are like `voice/base/run-7-2`; the key `base:sibot` is a voice that ships with the
project.

This module knows no table: `app/store/versions.py:Retention` says which folders belong to a version.
"""

import fcntl
import os
import shutil
import tempfile
import threading
import weakref
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import fsspec
from fsspec.core import url_to_fs

from app.domain.errors import BrokenFolder
from models.folder import flush

SHIPPED = Path(__file__).parents[2] / "models" / "base"
RUNS = "*/*/run-*"
"""Pattern of the keys of runs: voice, base, run and fencing number."""
WHOLE = ".whole"
"""Marker file, written last to a remote folder: a folder without it is incomplete and ignored."""
OWNERS = ".owners"
"""Folder of lock files, one for each process that has scratch folders; the names of those begin with its name."""


def _changed(place: Path) -> datetime:
    """When a folder was last changed; the end of time for one that was just removed."""
    try:
        return datetime.fromtimestamp(place.stat().st_mtime, UTC)
    except FileNotFoundError:
        return datetime.max.replace(tzinfo=UTC)


class Shelf:
    """Version folders by key."""

    def __init__(self, url: str, *, home: Path, shipped: Path = SHIPPED) -> None:
        self._remote = "://" in url and not url.startswith("file://")
        self._root = home / "shelf-cache" if self._remote else Path(url.removeprefix("file://"))
        self._shipped = shipped
        self._fs: fsspec.AbstractFileSystem | None = None
        self._owner: str | None = None
        self._owning = threading.Lock()
        if self._remote:
            self._fs, self._path = url_to_fs(url)

    def scratch(self) -> Path:
        """A new temporary folder on the shelf's file system, from which a finished version is renamed into place."""
        tmp = self._root / ".tmp"
        tmp.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=tmp, prefix=f"{self._own_name()}-"))

    def _own_name(self) -> str:
        """This process's prefix for scratch folders: the name of a file that it keeps locked until it ends."""
        with self._owning:
            if self._owner is None:
                owners = self._root / OWNERS
                owners.mkdir(parents=True, exist_ok=True)
                lock, name = tempfile.mkstemp(dir=owners, prefix="")
                fcntl.flock(lock, fcntl.LOCK_EX)
                weakref.finalize(self, os.close, lock)
                self._owner = Path(name).name
            return self._owner

    def sweep_dead(self) -> int:
        """Remove the scratch folders of dead processes; how many."""
        removed = 0
        for owner in (self._root / OWNERS).glob("*"):
            with suppress(OSError), owner.open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # OSError: the process is alive
                for left in (self._root / ".tmp").glob(f"{owner.name}-*"):
                    shutil.rmtree(left, ignore_errors=True)
                    removed += 1
                owner.unlink()
        return removed

    def place(self, folder: Path, key: str) -> None:
        """Move a finished *folder* onto the shelf. Raises FileExistsError when the key is taken."""
        target = self._local(key)
        if target.exists():
            raise FileExistsError(f"{key} is on the shelf already")
        if self._fs is not None:
            self._fs.put(str(folder) + "/", f"{self._path}/{key}", recursive=True)
            self._fs.pipe_file(f"{self._path}/{key}/{WHOLE}", b"")
        target.parent.mkdir(parents=True, exist_ok=True)
        flush(folder)
        folder.rename(target)
        flush(target.parent)

    def fetch(self, key: str) -> Path:
        """The local folder of *key*, downloaded if necessary. Raises BrokenFolder when there is none."""
        target = self._local(key)
        if not target.is_dir() and self._fs is not None and not key.startswith("base:"):
            self._download(self._fs, key, target)
        if not target.is_dir():
            raise BrokenFolder(f"the folder {key} is not on the shelf")
        return target

    def _download(self, fs: fsspec.AbstractFileSystem, key: str, target: Path) -> None:
        if not fs.exists(f"{self._path}/{key}/{WHOLE}"):
            raise BrokenFolder(f"the folder {key} is not on the shelf")
        scratch = self.scratch()
        fs.get(f"{self._path}/{key}/", str(scratch) + "/", recursive=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            scratch.rename(target)
        except OSError:  # another process was faster
            shutil.rmtree(scratch)

    def exists(self, key: str) -> bool:
        """Is there a folder of that key?"""
        remote = self._fs is not None and bool(self._fs.exists(f"{self._path}/{key}/{WHOLE}"))
        return remote or self._local(key).is_dir()

    def remove(self, key: str) -> None:
        """Remove a version's folder; to repeat it changes nothing. Raises ValueError for a shipped base."""
        if key.startswith("base:"):
            raise ValueError("a shipped base voice is not removed")
        if self._fs is not None and self._fs.exists(f"{self._path}/{key}"):
            self._fs.rm(f"{self._path}/{key}", recursive=True)
        target = self._local(key)
        if target.exists():
            doomed = self.scratch()
            with suppress(FileNotFoundError):  # another process was faster
                target.rename(doomed / "removed")
            shutil.rmtree(doomed)

    def strays(self, before: datetime) -> list[str]:
        """Keys of the folders that runs placed before that moment: candidates for a check against the database.

        A worker that is killed between placing a folder and recording its version leaves a folder without a version.
        """
        if self._fs is None:
            found = [(place.relative_to(self._root).as_posix(), _changed(place)) for place in self._root.glob(RUNS)]
        else:
            whole = self._fs.glob(f"{self._path}/{RUNS}/{WHOLE}")
            start = len(str(self._path).lstrip("/")) + 1
            found = [(path.lstrip("/")[start:].removesuffix(f"/{WHOLE}"), self._fs.modified(path)) for path in whole]
        return sorted(key for key, made in found if made.astimezone(UTC) < before)

    def cached(self) -> list[str]:
        """Keys in the local cache of a remote shelf; none where the shelf is a local folder."""
        found = self._root.glob("*/*/*") if self._remote else ()
        return sorted(place.relative_to(self._root).as_posix() for place in found if place.parts[-3] != ".tmp")

    def uncache(self, key: str) -> None:
        """Remove *key* from the local cache of a remote shelf; nothing happens where the shelf is a local folder."""
        if self._remote:
            shutil.rmtree(self._local(key), ignore_errors=True)  # another process may remove it at the same time

    def sweep_scratch(self, before: datetime) -> int:
        """Remove scratch folders that were last changed before that moment; how many."""
        left = [place for place in (self._root / ".tmp").glob("*") if _changed(place) < before]
        for place in left:
            shutil.rmtree(place, ignore_errors=True)  # another worker may remove it at the same time
        return len(left)

    def _local(self, key: str) -> Path:
        """The local path of *key*. Raises ValueError for a key that leads out of the shelf."""
        if key.startswith("base:"):
            return self._inside(self._shipped, key.removeprefix("base:"))
        return self._inside(self._root, key)

    @staticmethod
    def _inside(root: Path, key: str) -> Path:
        place = (root / key).resolve()
        if not key or not place.is_relative_to(root.resolve()) or place == root.resolve():
            raise ValueError(f"{key!r} leads off the shelf")
        return place
