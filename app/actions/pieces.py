"""엮기: a visitor arranges lines he ticked into a piece with a title, and shares it once it has been read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from app.actions.submissions import one_line, screened
from app.bootstrap import Bot
from app.domain.errors import Unfit
from app.domain.piece import FEWEST, MOST, Piece
from app.domain.screening import blocked
from app.domain.submission import SubmissionStatus
from app.store.audit import Audit
from app.store.pieces import Pieces


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


def decide(bot: Bot, ids: Sequence[str], status: SubmissionStatus, *, by: str) -> list[Piece]:
    """Approve or reject, or put back into the queue; what its maker has withdrawn stays so. Raises UnknownPiece."""
    with bot.transaction() as session:
        decided = Pieces(session).decide(ids, status, by=by, now=bot.clock())
        for piece in decided:
            Audit(session).add(by, f"piece.{status}", f"piece {piece.id}", f"now {piece.status}", bot.clock())
    return decided


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
