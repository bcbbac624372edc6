"""엮기: a visitor arranges lines he ticked into a piece with a title, and shares it once it has been read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from app.actions.submissions import one_line, screened
from app.domain.errors import Unfit
from app.domain.piece import FEWEST, MOST
from app.domain.screening import blocked
from app.domain.submission import SubmissionStatus


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
    named, signed = one_line(title), one_line(author)
    if not named:
        raise Unfit("no_title", "a piece has a title")
    words = screened("", named, signed)
    trusted = auto_approve and blocked(words) is None
    status = SubmissionStatus.APPROVED if trusted else SubmissionStatus.WAITING
    return pieces.add(voice, visitor, title=named, author=signed or None, lines=once, status=status, now=now)
