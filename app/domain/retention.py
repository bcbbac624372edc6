"""Retention: which versions leave the shelf to save room. Their rows, poems and figures stay.

Never the champion, nor what it can be rolled back to, nor what served a moment ago, nor
what a web process still has in memory for a poem under way. Knows no folders but by name.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol

RECENT = timedelta(hours=1)
"""What served so lately may still be loading somewhere, or be written with."""
ROLLBACKS = 2
"""Steps back from the champion that stay possible: to the one it replaced, and to the one before that."""


class RetentionStore(Protocol):
    """What lies on the shelf: `store.retention.Retention`."""

    def taught(self, voice: str) -> Sequence[int]:
        """Ids of the taught versions that lie there, newest first."""

    def needed(self, voice: str, *, rollbacks: int, since: datetime) -> set[int]:
        """Ids of the champion, of what it can be rolled back to, and of what served after *since*."""

    def prune(self, voice: str, ids: Collection[int]) -> list[str]:
        """Take those off the books; their folders. One that became champion meanwhile stays."""


def prune(voice: str, *, keep: int, live: Collection[int], store: RetentionStore, now: datetime) -> list[str]:
    """Take the versions past the newest *keep* (0: all stay) off the books.

    The folders to remove once that is kept. *live*: ids that web processes have in memory.
    """
    past = store.taught(voice)[keep:] if keep else []
    if not past:
        return []
    needed = store.needed(voice, rollbacks=ROLLBACKS, since=now - RECENT) | set(live)
    return store.prune(voice, [version for version in past if version not in needed])
