"""Folders that appear whole or not at all, and names that stay inside them.

Temp folder beside the place, flush, rename. Knows nothing of what the files mean.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath


@contextmanager
def appearing(folder: Path, *, mode: int = 0o755) -> Iterator[Path]:
    """A fresh folder to fill; when the block ends well it becomes *folder*, else nothing is left of it.

    Raises FileExistsError when *folder* is there already.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} is there already")
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        yield fresh
        fresh.chmod(mode)  # mkdtemp's 700 would hide a version from a web that runs as somebody else
        for path in sorted(fresh.rglob("*")):
            flush(path)
        flush(fresh)
        fresh.rename(folder)
        flush(folder.parent)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def inside(folder: Path, name: str) -> Path:
    """The file of that relative *name*; ValueError when the name, or a link, leads out, FileNotFoundError for none."""
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
    """The relative names of all files in it; links are none."""
    found = (p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
    return sorted(p.relative_to(folder).as_posix() for p in found)


def sha256(file: Path) -> str:
    """The hash of a file's content."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def flush(path: Path) -> None:
    """Have the system write a file, or a folder's entries, down before we count on them."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
