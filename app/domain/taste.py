"""Taste: what readers of a voice like, and what it was learned from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.version import Rate


@dataclass(frozen=True, slots=True, order=True)
class Judged:
    """A line that a visitor was shown, and whether he ticked it."""

    line: int
    text: str
    slot: int
    ticked: bool
    visitor: str
    address: str = ""
    """Keyed hash of the visitor's address on the day he was last seen; "" when unknown."""
    liking: float | None = field(default=None, compare=False)
    """Log-odds of a tick as the taste of that day foretold them; None: there was none."""
    logprob: float | None = field(default=None, compare=False)
    """Nats, summed over the line and its end, by the version that wrote it; None: not known."""


@dataclass(frozen=True, slots=True)
class TasteEffect:
    """What choosing by taste is worth: the poems that it wrote beside those that ignored it."""

    by_taste: Rate | None
    without: Rate | None
    """Since there was a taste to ignore."""


@dataclass(frozen=True, slots=True)
class TasteReport:
    """A taste as pages and the worker see it."""

    id: int
    voice: str
    base: str
    serves: bool
    """Does it foresee unmet readers better than a coin?"""
    content: Mapping[str, object]
    """Its signs and weights, and how well it foresees: `readings`, `ticks`, `auc`, `ece`, ..."""
    created: datetime
