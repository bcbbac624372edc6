"""Folders that are written completely or not at all, and the files in them.

A folder is written beside its place, flushed, and renamed. Nothing here knows what the files contain.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

HOLDOUTS = "holdout*.txt"
"""Pattern for the holdout files in a base's folder: no network of the base was trained on them."""


@contextmanager
def appearing(folder: Path, *, mode: int = 0o755) -> Iterator[Path]:
    """Yield a temporary folder to fill. It becomes *folder* when the block ends, and is removed when the block raises.

    *mode*: permissions of the folder. Raises FileExistsError if *folder* exists.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} is there already")
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        yield fresh
        fresh.chmod(mode)  # mkdtemp's 700 would hide a version from a web process of another user
        for path in sorted(fresh.rglob("*")):
            flush(path)
        flush(fresh)
        fresh.rename(folder)
        flush(folder.parent)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def inside(folder: Path, name: str) -> Path:
    """The path of the file with that relative *name*.

    Raises ValueError if the name or a link leads out of the folder, FileNotFoundError if there is no such file.
    """
    pure = PurePosixPath(name)
    path = folder / pure
    if pure.is_absolute() or ".." in pure.parts or "\\" in name or "\0" in name:
        raise ValueError(f"{name!r} leads out of the folder")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{name!r} leads out of the folder")
    if not path.is_file():
        raise FileNotFoundError(f"{name} is missing")
    return path


def files(folder: Path) -> list[str]:
    """The relative names of all files in *folder* and below, without symbolic links, sorted."""
    found = (p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
    return sorted(p.relative_to(folder).as_posix() for p in found)


def sha256(file: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def flush(path: Path) -> None:
    """Have the system write a file, or the entries of a folder, to disk (fsync)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
