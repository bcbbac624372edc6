"""Pieces: lines that a visitor ticked, arranged by him under a title of his own."""

from dataclasses import dataclass
from datetime import datetime

from app.domain.submission import SubmissionStatus

FEWEST, MOST = 2, 16
"""Lines of a piece."""


@dataclass(frozen=True, slots=True)
class PieceLine:
    """A line in a piece: where it was first written, and by which version."""

    line: int
    text: str
    poem: str | None
    """None: that poem has a human's words in it, to which no page leads."""
    version: int | None
    """None: it isn't told yet; see `Poem.version`."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece as one visitor sees it."""

    id: str
    voice: str
    title: str
    author: str | None
    status: SubmissionStatus
    """Moderated like a submission: the title is a human's."""
    created: datetime
    mine: bool
    lines: tuple[PieceLine, ...]
    reason: str | None = None
    """Why it was declined, as for a submission."""

    @property
    def text(self) -> str:
        """Its lines, one per row."""
        return "\n".join(line.text for line in self.lines)

    @property
    def versions(self) -> tuple[int, ...]:
        """Numbers of the versions that wrote its lines, as far as they are told."""
        return tuple(sorted({line.version for line in self.lines if line.version is not None}))
