"""What the deeds need from the edges; the edges promise it."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from app.domain.poem import Wish, Writing

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


class Bell(Protocol):
    """Announces that there may be work."""

    def ring(self, voice: str) -> None:
        """Say "look". Never raises and never waits long: the sweep finds what went unheard."""


class Writer(Protocol):
    """Writes poems: the engine."""

    def write(self, voice: str, wish: Wish) -> Writing:
        """A poem of the voice's champion. Raises EngineFull, EngineFailed, UnknownVoice."""


class Work(Protocol):
    """Units of work on the database."""

    def transaction(self) -> "AbstractContextManager[Session]":
        """Everything in it is kept, or none of it is."""

    def reading(self) -> "AbstractContextManager[Session]":
        """A look that keeps nothing."""
