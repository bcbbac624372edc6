"""A line's life: where something that a reader gave stands on its way into the version that serves. A pure rule."""

from datetime import datetime
from enum import StrEnum


class Life(StrEnum):
    """Where a ticked line or an approved poem stands."""

    WAITING = "waiting"
    """No version was taught it yet."""
    LEARNING = "learning"
    """A run that began after it was given is under way."""
    LEARNED = "learned"
    """A version was taught it, but another one serves."""
    SERVING = "serving"
    """The version that serves was taught it."""
    WITHDRAWN = "withdrawn"
    """Its reader took it back: the next version is without it."""


def life(*, given: datetime, withdrawn: bool, learned: bool, serves: bool, run_began: datetime | None) -> Life:
    """Where it stands. *learned*: by any version, *serves*: by the one that serves; *run_began*: of the run at work."""
    if withdrawn:
        return Life.WITHDRAWN
    if serves:
        return Life.SERVING
    if learned:
        return Life.LEARNED
    return Life.LEARNING if run_began is not None and given <= run_began else Life.WAITING
