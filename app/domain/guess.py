"""The guessing game: did a human or the bot write this line? Its lines, answers, rounds and scores."""

from dataclasses import dataclass

import regex

from app.domain.version import Rate

ROUND = 10
"""Guesses in a round."""
SHORT, LONG = 5, 40
"""Shortest and longest line of the game, in characters."""
_LETTERS = regex.compile(r"\p{L}")


@dataclass(frozen=True, slots=True)
class Riddle:
    """A line to guess."""

    kind: str
    """Where it comes from: `line`, `seed`, `poem` or `verse`; explained in `GuessRow`."""
    source: int
    row: int
    text: str
    human: bool


@dataclass(frozen=True, slots=True)
class Score:
    """How well visitors tell the bot from humans."""

    guesses: int
    right: Rate | None
    bot_taken: Rate | None
    """Share of the bot's lines that were taken for human."""
    human_taken: Rate | None
    """Share of human lines that were taken for the bot's."""


@dataclass(frozen=True, slots=True)
class Guess:
    """One answer, and who wrote the line."""

    text: str
    human: bool
    said_human: bool
    kind: str = ""
    poem: str = ""
    """For a line of the bot: id of its poem."""
    title: str = ""
    author: str = ""
    """Title and author of a submission."""

    @property
    def right(self) -> bool:
        """Was the answer right?"""
        return self.human == self.said_human


@dataclass(frozen=True, slots=True)
class Round:
    """The round a visitor is in, or has just ended."""

    answers: tuple[Guess, ...]
    """Oldest first."""

    @property
    def over(self) -> bool:
        """Is the round complete?"""
        return len(self.answers) == ROUND

    @property
    def right(self) -> int:
        """Number of right answers."""
        return sum(one.right for one in self.answers)


def fits(text: str) -> bool:
    """Does a line have a suitable length for the game, and letters in it?"""
    return SHORT <= len(text.strip()) <= LONG and _LETTERS.search(text) is not None
