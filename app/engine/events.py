"""What a reader hears while his poem is written."""

from dataclasses import dataclass

from app.domain.errors import PoemBotError
from app.domain.poem import Writing, WrittenLine


@dataclass(frozen=True, slots=True)
class Start:
    """The poem has a place; from here on its version is fixed."""

    version: int
    """Row id of the version."""
    number: int


@dataclass(frozen=True, slots=True)
class Delta:
    """More characters of a line: those of one line, joined, are its text."""

    slot: int
    text: str


@dataclass(frozen=True, slots=True)
class LineDone:
    """A whole line."""

    line: WrittenLine


@dataclass(frozen=True, slots=True)
class Done:
    """The whole poem."""

    writing: Writing


@dataclass(frozen=True, slots=True)
class Failed:
    """No poem; the last that is heard of it."""

    error: PoemBotError


Event = Start | Delta | LineDone | Done
