"""Rollback: which version served before the one that serves now. A pure rule over the history.

The way back leads along forward moves alone: those that brought a newer version in the place of an older one. So
rolling back twice goes back twice; a rollback is not undone by the next.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Move:
    """One move of the champion pointer."""

    version: int
    """Row id of the version that came; a newer version has a higher one, whatever its base."""
    was: int | None
    """Row id of the version that went; None for a voice's first."""
    at: datetime

    @property
    def forward(self) -> bool:
        """Did a newer version come in the place of an older one?"""
        return self.was is not None and self.was < self.version


def came_from(moves: Sequence[Move], version: int) -> int | None:
    """The version that *version* last replaced on its way up; None when it replaced none. *moves*: newest first."""
    return next((move.was for move in moves if move.version == version and move.forward), None)


def way_back(moves: Sequence[Move], champion: int, *, steps: int) -> list[int]:
    """The champion, and the versions that so many rollbacks lead to, one after the other."""
    way = [champion]
    while len(way) <= steps and (before := came_from(moves, way[-1])) is not None:
        way.append(before)
    return way
