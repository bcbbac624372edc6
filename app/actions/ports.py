"""What the deeds need from the edges; the edges promise it."""

from typing import Protocol

from app.domain.poem import Wish, Writing


class Queue(Protocol):
    """Announces that there may be work."""

    def announce(self, voice: str) -> None:
        """Say that *voice* may have a run. Never raises and never waits long: the sweep finds what was lost."""


class Writer(Protocol):
    """Writes poems: the engine."""

    def write(self, voice: str, wish: Wish) -> Writing:
        """A poem of the voice's champion. Raises EngineFull, EngineFailed, UnknownVoice."""
