"""엮기: a visitor arranges lines he ticked into a piece with a title, and shares it once it has been read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from app.domain.errors import Unfit
from app.domain.piece import FEWEST, MOST
from app.domain.submission import LONGEST_TITLE, SubmissionStatus
from app.loop.screen import blocked, personal_data
from app.loop.submissions import checked


class PieceStore(Protocol):
    """Where pieces are kept: `store.pieces.Pieces`."""

    def add(
        self,
        voice: str,
        visitor: str,
        *,
        title: str,
        author: str | None,
        lines: Sequence[int],
        status: SubmissionStatus,
        now: datetime,
    ) -> str:
        """Keep a piece; its id. Raises UnknownLine for a line he has not ticked."""


def weave(
    lines: Sequence[int],
    voice: str,
    visitor: str,
    *,
    title: str,
    author: str,
    auto_approve: bool,
    pieces: PieceStore,
    now: datetime,
) -> str:
    """The id of a new piece. Raises Unfit (`few_lines`, `no_title`, `not_text`, …), UnknownLine."""
    once = list(dict.fromkeys(lines))
    if not FEWEST <= len(once) <= MOST:
        raise Unfit("few_lines", f"a piece has {FEWEST} to {MOST} lines")
    named, signed = (" ".join(checked(words).split()) for words in (title, author))
    if not named:
        raise Unfit("no_title", "a piece has a title")
    if max(len(named), len(signed)) > LONGEST_TITLE:
        raise Unfit("title_too_long", f"a title or a name has at most {LONGEST_TITLE} characters")
    if kind := personal_data(f"{named}\n{signed}"):
        raise Unfit("personal_data", f"there is personal data in it: {kind.replace('_', ' ')}")
    trusted = auto_approve and blocked(f"{named}\n{signed}") is None
    status = SubmissionStatus.APPROVED if trusted else SubmissionStatus.WAITING
    return pieces.add(voice, visitor, title=named, author=signed or None, lines=once, status=status, now=now)
