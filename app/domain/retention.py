"""Retention: which versions leave the shelf to save room. Their rows, poems and figures stay.

Never the champion, nor what it can be rolled back to, nor what served a moment ago, nor what is on trial, nor what a
web process still has in memory for a poem under way. A pure rule; `app/actions/versions.py` carries it out.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from app.domain.rollback import Move, way_back

RECENT = timedelta(hours=1)
"""What served so lately may still be loading somewhere, or be written with."""
ROLLBACKS = 2
"""Steps back from the champion that stay possible: to the one it replaced, and to the one before that."""


def needed(champion: int | None, moves: Sequence[Move], *, now: datetime) -> set[int]:
    """Row ids of the champion, of what it can be rolled back to, and of what served lately. *moves*: newest first."""
    lately = {id for move in moves if move.at > now - RECENT for id in (move.version, move.was) if id is not None}
    return lately | set(way_back(moves, champion, steps=ROLLBACKS) if champion is not None else ())


def doomed(shelved: Sequence[int], *, keep: int, needed: Collection[int]) -> list[int]:
    """Of the taught versions on the shelf, newest first: those past the newest *keep* (0: all stay) nobody needs."""
    return [version for version in shelved[keep:] if version not in needed] if keep else []
