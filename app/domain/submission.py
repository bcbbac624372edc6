"""Submissions: poems that visitors teach."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

SHORTEST = 10
"""Characters (graphemes), as the ancestor's page promised."""
LONGEST = 5_000
LONGEST_TITLE = 100


class SubmissionStatus(StrEnum):
    """Where a submission stands."""

    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class Flag(StrEnum):
    """Why a person should look at a submission before it is learned, whatever the settings say."""

    BLOCKED = "blocked"
    """It holds a word of the block list."""
    TWIN = "twin"
    """Nearly the same poem has been taught."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A poem a visitor taught."""

    id: int
    token: str
    """The author's private key to its page."""
    voice: str
    status: SubmissionStatus
    text: str
    title: str | None
    author: str | None
    created: datetime
    decided: datetime | None
    taught_in: tuple[int, ...]
    """Numbers of the versions whose lesson held it, oldest first."""
    flags: tuple[str, ...] = ()
    """What the screen found; for moderators only."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a visitor typed into the teach box, cleaned and found fit."""

    text: str
    title: str | None
    author: str | None
    fingerprint: str
    """Equal for texts that differ in nothing but spacing, case and punctuation."""
    sketch: frozenset[int] = frozenset()
    """Shared in large part by texts that are nearly the same."""
    blocked: bool = False
    """Does it hold a word of the block list?"""
