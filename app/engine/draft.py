"""A draft: one row of a table, as its owner knows it; how its line begins, and why it stops."""

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.sample import AFTER_SPACE


class Outcome(Enum):
    """Why a row wants attention."""

    READ = auto()
    """It has read what it was given; nothing is drawn yet."""
    LINE = auto()
    """Its line has ended; the line end is the next thing it will read."""
    BROKEN = auto()
    """The network no longer gives numbers."""


@dataclass(eq=False, slots=True)
class Draft:
    """One row, as its owner knows it."""

    owner: Any
    candidate: int = 0
    row: int = -1
    """Where it stands now; changes when others leave."""
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """How a line begins, and by which numbers it is drawn."""

    key: int
    """Of its random numbers."""
    heat: float
    """1 / temperature."""
    nucleus: float
    repetition: float
    chars: int = 0
    """Characters it has already: the visitor's beginning."""
    state: int = AFTER_SPACE
    """Of the rules, after that beginning."""
    before: list[int] = field(default_factory=list)
    """The poem's last symbols."""


@dataclass(frozen=True, slots=True)
class Place:
    """A point in a text that one can go back to: what was read, and the symbol to be read next."""

    state: list[NDArray[np.float32]]
    symbol: int
