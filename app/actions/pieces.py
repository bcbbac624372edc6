"""엮기, a piece: a visitor weaves it of lines he ticked, takes it back; a moderator decides whether others read it."""

from collections.abc import Sequence

from app.actions.visitors import greet
from app.bootstrap import Bot
from app.domain.errors import Unfit
from app.domain.poem import FEWEST, MOST, Piece
from app.domain.submission import SubmissionStatus, blocked, first_status, one_line, reason_for, screened
from app.domain.visitor import Visitor
from app.store.admins import Audit
from app.store.pieces import Pieces
from app.store.voices import Voices


def weave(bot: Bot, voice: str, lines: Sequence[int], *, by: Visitor, title: str, author: str) -> str:
    """The id of a new piece; the same once more is that piece.

    Raises Unfit (`few_lines`, `no_title`, `not_text`, …), UnknownVoice, UnknownLine for a line he has not ticked.
    """
    once = list(dict.fromkeys(lines))
    with bot.transaction() as session:
        Voices(session).one(voice)
        if not FEWEST <= len(once) <= MOST:
            raise Unfit("few_lines", f"a piece has {FEWEST} to {MOST} lines")
        named, signed = one_line(title), one_line(author)
        if not named:
            raise Unfit("no_title", "a piece has a title")
        flagged = blocked(screened("", named, signed)) is not None
        greet(session, bot, by)
        return Pieces(session).add(
            voice,
            by.id,
            title=named,
            author=signed or None,
            lines=once,
            status=first_status(flagged=flagged, auto_approve=bot.settings.auto_approve),
            now=bot.clock(),
        )


def withdraw(bot: Bot, piece: str, *, by: Visitor) -> None:
    """Its maker takes it back; saying it twice changes nothing. Raises UnknownPiece."""
    with bot.transaction() as session:
        Pieces(session).withdraw(piece, by.id, bot.clock())


def decide(bot: Bot, ids: Sequence[str], status: SubmissionStatus, *, by: str, reason: str = "") -> list[Piece]:
    """Approve or reject, or put back into the queue; what its maker has withdrawn stays so. Raises UnknownPiece, Unfit.

    *reason*: why it is declined, for its maker to read.
    """
    why = reason_for(status, reason)
    with bot.transaction() as session:
        decided = Pieces(session).decide(ids, status, by=by, reason=why, now=bot.clock())
        for piece in decided:
            detail = f"now {piece.status}" + (f": {why}" if why else "")
            Audit(session).add(by, f"piece.{status}", f"piece {piece.id}", detail, bot.clock())
    return decided
