"""The guessing game: a line to guess at, an answer, a round of them, and how well people tell a bot from a human."""

from dataclasses import dataclass

import regex

from app.domain.version import Rate

ROUND = 10
"""Guesses that make a round."""
SHORT, LONG = 5, 40
"""Characters of a line that can be guessed at."""
_LETTERS = regex.compile(r"\p{L}")


@dataclass(frozen=True, slots=True)
class Riddle:
    """A line to guess at."""

    kind: str
    """`line` or `seed` of the bot's, `poem` for a row of a submission, `verse` for a stand-in (see `GuessRow`)."""
    source: int
    row: int
    text: str
    human: bool


@dataclass(frozen=True, slots=True)
class Score:
    """How well visitors tell a bot from a human."""

    guesses: int
    right: Rate | None
    bot_taken: Rate | None
    """Share of the bot's lines that were taken for a human's."""
    human_taken: Rate | None
    """Share of humans' lines that were taken for the bot's."""


@dataclass(frozen=True, slots=True)
class Guess:
    """One answer, and whose line it was."""

    text: str
    human: bool
    said_human: bool
    kind: str = ""
    poem: str = ""
    """Of a line of the bot's: the poem it was written in."""
    title: str = ""
    author: str = ""
    """Of a reader's line: as he named it and himself."""

    @property
    def right(self) -> bool:
        """Was it?"""
        return self.human == self.said_human


@dataclass(frozen=True, slots=True)
class Round:
    """Where a visitor is: the answers of the round he plays, or of the one he has just ended."""

    answers: tuple[Guess, ...]
    """Oldest first."""

    @property
    def over(self) -> bool:
        """Has it all its guesses?"""
        return len(self.answers) == ROUND

    @property
    def right(self) -> int:
        """How many were right."""
        return sum(one.right for one in self.answers)


def fits(text: str) -> bool:
    """Is it long enough to tell something, and short enough to be a line?"""
    return SHORT <= len(text.strip()) <= LONG and _LETTERS.search(text) is not None
