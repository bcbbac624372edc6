"""What the deeds need from the edges; the edges promise it."""

from typing import Protocol

from app.domain.poem import Wish, Writing


class Bell(Protocol):
    """Announces that there may be work."""

    def ring(self, voice: str) -> None:
        """Say "look". Never raises and never waits long: the sweep finds what went unheard."""


class Writer(Protocol):
    """Writes poems: the engine."""

    def write(self, voice: str, wish: Wish) -> Writing:
        """A poem of the voice's champion. Raises EngineFull, EngineFailed, UnknownVoice."""
