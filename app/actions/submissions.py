"""Submissions and pieces: visitors teach poems and arrange pieces (엮기), and withdraw them; moderators decide."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.actions.visitors import greet
from app.bootstrap import Bot
from app.domain.errors import Unfit
from app.domain.poem import FEWEST_PIECE_LINES, MOST_PIECE_LINES, Piece
from app.domain.submission import (
    NEAR,
    Flag,
    Submission,
    SubmissionStatus,
    blocked,
    examine,
    first_status,
    one_line,
    reason_for,
    screened,
)
from app.domain.visitor import Visitor
from app.store.admins import Audit
from app.store.guesses import Guesses
from app.store.submissions import Pieces, Submissions
from app.store.voices import Voices


def teach(
    bot: Bot,
    voice: str,
    *,
    by: Visitor,
    text: str,
    title: str | None = None,
    author: str | None = None,
    consent: bool,
    quotable: bool = False,
) -> tuple[Submission, bool]:
    """Store the poem that a visitor teaches; True when it is new. Raises Unfit, UnknownVoice.

    It waits for a moderator. With `AUTO_APPROVE` it is approved at once, unless the screen has flagged it: for a
    blocked word, or because nearly the same poem is known. Only moderators see the flags. *quotable*: single lines may
    be shown in the guessing game.
    """
    with bot.reads(Voices) as voices:
        voices.check(voice)
    offer = examine(text, title, author, consent=consent)
    with bot.transaction() as session:
        greet(session, bot, by)
        submissions = Submissions(session)
        twin = submissions.has_twin(offer.sketch, voice, share=NEAR)
        flags = [flag for flag, up in ((Flag.BLOCKED, offer.blocked), (Flag.TWIN, twin)) if up]
        status = first_status(flagged=bool(flags), auto_approve=bot.settings.auto_approve)
        given, new = submissions.add(
            offer, voice, by.id, address=by.address, status=status, now=bot.clock(), flags=flags
        )
        if quotable:
            Guesses(session).allow(given.id)
        return given, new


def withdraw(bot: Bot, token: str) -> Submission:
    """Withdraw a submission for its author: the next lesson is without it. Raises UnknownSubmission."""
    with bot.transaction() as session:
        return Submissions(session).withdraw(token, bot.clock())


def decide(bot: Bot, ids: Sequence[int], status: SubmissionStatus, *, by: str, reason: str = "") -> list[Submission]:
    """Approve, reject or put back into the queue: all of *ids* or none. Withdrawn submissions stay withdrawn.

    *reason*: why they are rejected, for their authors to read. Raises UnknownSubmission, Unfit.
    """
    why = reason_for(status, reason)
    with bot.transaction() as session:
        decided = Submissions(session).decide(ids, status, by=by, reason=why, now=bot.clock())
        for given in decided:
            _audit(session, bot, f"submission.{status}", f"submission {given.id}", given.status, by=by, why=why)
    return decided


def weave(bot: Bot, voice: str, lines: Sequence[int], *, by: Visitor, title: str, author: str) -> str:
    """Store a piece and return its id; an equal piece is not stored twice.

    Raises Unfit (`few_lines`, `no_title`, `not_text`, …), UnknownVoice, UnknownLine for a line he has not ticked.
    """
    once = list(dict.fromkeys(lines))
    with bot.transaction() as session:
        Voices(session).one(voice)
        if not FEWEST_PIECE_LINES <= len(once) <= MOST_PIECE_LINES:
            raise Unfit("few_lines", f"a piece has {FEWEST_PIECE_LINES} to {MOST_PIECE_LINES} lines")
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


def withdraw_piece(bot: Bot, piece: str, *, by: Visitor) -> None:
    """Withdraw a piece for its author; to repeat it changes nothing. Raises UnknownPiece."""
    with bot.transaction() as session:
        Pieces(session).withdraw(piece, by.id, bot.clock())


def decide_pieces(bot: Bot, ids: Sequence[str], status: SubmissionStatus, *, by: str, reason: str = "") -> list[Piece]:
    """Approve, reject or put back into the queue, as `decide` does with submissions. Raises UnknownPiece, Unfit."""
    why = reason_for(status, reason)
    with bot.transaction() as session:
        decided = Pieces(session).decide(ids, status, by=by, reason=why, now=bot.clock())
        for piece in decided:
            _audit(session, bot, f"piece.{status}", f"piece {piece.id}", piece.status, by=by, why=why)
    return decided


def _audit(
    session: Session, bot: Bot, deed: str, subject: str, now: SubmissionStatus, *, by: str, why: str | None
) -> None:
    """Record a moderator's decision: the status that it led to, and the reason."""
    Audit(session).add(by, deed, subject, f"now {now}" + (f": {why}" if why else ""), bot.clock())
