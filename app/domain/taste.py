"""Taste: the preference model of a voice's readers: its training examples and reports (`models/taste.py` trains it)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.version import Rate


@dataclass(frozen=True, slots=True, order=True)
class Judged:
    """A labelled example: a line that a visitor was shown, and whether he ticked it."""

    line: int
    text: str
    slot: int
    ticked: bool
    visitor: str
    address: str = ""
    """Keyed hash of the visitor's address on the day he was last seen; "" when unknown."""
    liking: float | None = field(default=None, compare=False)
    """Log-odds of a tick, predicted by the taste at that time; None without a taste."""
    logprob: float | None = field(default=None, compare=False)
    """Log-probability of the line by the version that wrote it, in nats; None: not known."""


@dataclass(frozen=True, slots=True)
class TasteEffect:
    """Tick rates of poems written with the taste, and of the control group without it."""

    by_taste: Rate | None
    without: Rate | None


@dataclass(frozen=True, slots=True)
class TasteReport:
    """A stored taste."""

    id: int
    voice: str
    base: str
    serves: bool
    """Does it predict the ticks of readers it was not trained on better than chance?"""
    content: Mapping[str, object]
    """Its features and weights, and its evaluation: `readings`, `ticks`, `auc`, `ece`, ..."""
    created: datetime
