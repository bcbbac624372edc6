"""The cache: this machine's copies of versions that lie in an object store."""

from sqlalchemy.orm import Session

from app.store.retention import Retention
from app.store.shelf import Shelf


def forget_pruned(shelf: Shelf, session: Session) -> int:
    """Remove the copies of versions that were taken off the shelf since, by whatever machine; how many.

    A shelf that is a folder has no copies. What is in memory needs none.
    """
    held = shelf.cached()
    kept = Retention(session).kept(held) if held else set()
    gone = [key for key in held if key not in kept]
    for key in gone:
        shelf.uncache(key)
    return len(gone)
