"""Rollback and retention: rules on the moves of the champion pointer. `app/actions/versions.py` carries them out.

Rollback: to the version that the champion replaced. Only forward moves count, from an older to a newer version. So a
second rollback goes back one more step, and does not undo the first.

Retention: which versions are pruned from the shelf to save space; their rows, poems and metrics stay. A version stays
if it is champion, can be reached by rollback, was champion recently, is on trial, or is in memory of a web process.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Move:
    """One move of the champion pointer, by row ids."""

    version: int
    """Row id of the new champion; newer versions have higher ids, whatever their base."""
    was: int | None
    """Row id of the old champion; None for a voice's first."""
    at: datetime

    @property
    def forward(self) -> bool:
        """Did a newer version replace an older one?"""
        return self.was is not None and self.was < self.version


def came_from(moves: Sequence[Move], version: int) -> int | None:
    """The version that *version* replaced in its last forward move, or None. *moves*: newest first."""
    return next((move.was for move in moves if move.version == version and move.forward), None)


def way_back(moves: Sequence[Move], champion: int, *, steps: int) -> list[int]:
    """The champion, and the versions that the next *steps* rollbacks lead to."""
    way = [champion]
    while len(way) <= steps and (before := came_from(moves, way[-1])) is not None:
        way.append(before)
    return way


def compared_with(moves: Sequence[Move], version: int, *, champion: int, of_base: Collection[int]) -> int | None:
    """The version whose poems are shown beside those of *version*; None for the base.

    It is the champion that *version* replaced when it first became champion, forward or backward, because that is the
    change readers saw. (`came_from` differs: it looks for the last forward move.) A version that never was champion is
    compared with the present champion if that is older, else with the base. *of_base*: row ids of all versions of the
    base.
    """
    before = next((move.was for move in reversed(moves) if move.version == version), None)
    if before in of_base:
        return before
    older = champion if champion < version else min(of_base)
    return older if older < version else None


RECENT = timedelta(hours=1)
"""A version that was champion this recently may still be loading or writing somewhere."""
ROLLBACKS = 2
"""Number of rollbacks that always stay possible."""


def needed(champion: int | None, moves: Sequence[Move], *, now: datetime) -> set[int]:
    """Row ids of the champion, its rollback targets, and recent champions. *moves*: newest first."""
    lately = {id for move in moves if move.at > now - RECENT for id in (move.version, move.was) if id is not None}
    return lately | set(way_back(moves, champion, steps=ROLLBACKS) if champion is not None else ())


def doomed(shelved: Sequence[int], *, keep: int, needed: Collection[int]) -> list[int]:
    """The versions to prune: all but the newest *keep* of *shelved* (newest first) and those needed; 0: none."""
    return [version for version in shelved[keep:] if version not in needed] if keep else []
