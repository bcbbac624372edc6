"""A submission: a visitor teaches a poem, takes it back; a moderator decides."""

from collections.abc import Sequence

from app.actions.visitors import greet
from app.bootstrap import Bot
from app.domain.submission import NEAR, Flag, Submission, SubmissionStatus, examine, first_status, reason_for
from app.domain.visitor import Visitor
from app.store.admins import Audit
from app.store.guesses import Guesses
from app.store.submissions import Submissions
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
    """Take what a visitor teaches; True when it is new. Raises Unfit, UnknownVoice.

    It waits for a moderator, or, where the deployment trusts its checks (`AUTO_APPROVE`), goes straight into the
    lesson; what the screen has flagged waits in either case. So does what others have taught: only a moderator is told
    of that, never who teaches it again. *quotable*: single lines of it may be shown in the
    guessing game.
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
    """Its author takes it back: the next lesson is without it. Raises UnknownSubmission."""
    with bot.transaction() as session:
        return Submissions(session).withdraw(token, bot.clock())


def decide(bot: Bot, ids: Sequence[int], status: SubmissionStatus, *, by: str, reason: str = "") -> list[Submission]:
    """Approve or reject, or put back into the queue; what its author has withdrawn stays so. Raises UnknownSubmission.

    All of them, or none. *reason*: why it is declined, for its author to read. Raises Unfit for what is not text.
    """
    why = reason_for(status, reason)
    with bot.transaction() as session:
        decided = Submissions(session).decide(ids, status, by=by, reason=why, now=bot.clock())
        for given in decided:
            detail = f"now {given.status}" + (f": {why}" if why else "")
            Audit(session).add(by, f"submission.{status}", f"submission {given.id}", detail, bot.clock())
    return decided
