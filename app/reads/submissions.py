"""Submissions: one for its author, and lists of them for moderators."""

from app.bootstrap import Bot
from app.domain.submission import Submission, SubmissionStatus
from app.domain.version import VoiceReport
from app.store.lessons import Learned, Learnings
from app.store.submissions import Submissions
from app.store.voices import Voices


def by_token(bot: Bot, token: str) -> Submission:
    """The submission behind its author's key. Raises UnknownSubmission."""
    with bot.reads(Submissions) as submissions:
        return submissions.by_token(token)


def shown(bot: Bot, token: str) -> tuple[Submission, VoiceReport, Learned | None]:
    """The same with its voice, and what versions learned of it."""
    with bot.reading() as session:
        given = Submissions(session).by_token(token)
        learned = Learnings(session).of("poem", [given.id]).get(given.id)
        return given, Voices(session).one(given.voice), learned


def queue(bot: Bot, status: SubmissionStatus | None, *, limit: int, after: int = 0) -> list[Submission]:
    """Submissions of a status (None: all), oldest first, from after that one."""
    with bot.reads(Submissions) as submissions:
        return submissions.queue(status, limit=limit, after_id=after)
