"""What the deeds need from the edges; the edges promise it."""

from typing import Protocol

from app.domain.poem import Wish, Writing


class Writer(Protocol):
    """Writes poems: the engine."""

    def write(self, voice: str, wish: Wish) -> Writing:
        """A poem of the voice's champion. Raises EngineFull, EngineFailed, UnknownVoice."""
