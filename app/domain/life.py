"""Life: the state of a ticked line or a submission, from waiting to in use."""

from datetime import datetime
from enum import StrEnum


class Life(StrEnum):
    """The state of a ticked line or an approved poem."""

    WAITING = "waiting"
    """No version was taught it yet."""
    LEARNING = "learning"
    """A run that began after it was given is in progress."""
    LEARNED = "learned"
    """A version was taught it, but another version is champion."""
    SERVING = "serving"
    """The champion was taught it."""
    WITHDRAWN = "withdrawn"
    """The reader took it back: the next version is trained without it."""


def life(*, given: datetime, withdrawn: bool, learned: bool, serves: bool, run_began: datetime | None) -> Life:
    """The state. *learned*: by any version; *serves*: by the champion; *run_began*: start of the run in progress."""
    if withdrawn:
        return Life.WITHDRAWN
    if serves:
        return Life.SERVING
    if learned:
        return Life.LEARNED
    return Life.LEARNING if run_began is not None and given <= run_began else Life.WAITING
