"""What a visitor gave (ticks, pieces, submissions) and what became of it; the exports of his data and of all data."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.bootstrap import Bot
from app.domain.life import Life, life
from app.domain.poem import Piece
from app.domain.submission import Submission, SubmissionStatus
from app.domain.version import VoiceReport
from app.domain.visitor import Visitor
from app.reads.query import query
from app.store import dump
from app.store.lessons import Learned, Learnings
from app.store.runs import Runs
from app.store.submissions import Pieces, Submissions
from app.store.ticks import MarkedLine, Ticks
from app.store.visitors import Privacy
from app.store.voices import Voices

submission = query(Submissions, Submissions.by_token)


@dataclass(frozen=True, slots=True)
class Mine:
    """The page `/me`: what a visitor gave, and what became of it."""

    lines: list[MarkedLine]
    submissions: list[Submission]
    pieces: list[Piece]
    learned: Mapping[int, Learned]
    """By line."""
    learned_poems: Mapping[int, Learned]
    """By id of the submission."""
    began: Mapping[str, datetime | None]
    """By voice: when the run in progress was started by a worker; None without one."""

    def life_of_line(self, one: MarkedLine) -> Life:
        """The state of a ticked line, from waiting to in use."""
        return self._life(one.voice, self.learned.get(one.line), given=one.at, withdrawn=one.taken_back)

    def life_of_poem(self, one: Submission) -> Life:
        """The state of a submitted poem."""
        learned, withdrawn = self.learned_poems.get(one.id), one.status == SubmissionStatus.WITHDRAWN
        return self._life(one.voice, learned, given=one.decided or one.created, withdrawn=withdrawn)

    def _life(self, voice: str, learned: Learned | None, *, given: datetime, withdrawn: bool) -> Life:
        known, serves = learned is not None, learned is not None and learned.serves
        return life(given=given, withdrawn=withdrawn, learned=known, serves=serves, run_began=self.began[voice])


def mine(bot: Bot, visitor: Visitor) -> Mine:
    """What *visitor* ticked, submitted and arranged into pieces."""
    with bot.reading() as session:
        lines, submissions = Ticks(session).of_visitor(visitor.id), Submissions(session).of_visitor(visitor.id)
        learnings, runs = Learnings(session), Runs(session)
        return Mine(
            lines,
            submissions,
            pieces=Pieces(session).of_visitor(visitor.id),
            learned=learnings.of("line", [line.line for line in lines]),
            learned_poems=learnings.of("poem", [one.id for one in submissions]),
            began={voice: runs.began(voice) for voice in {*(o.voice for o in lines), *(o.voice for o in submissions)}},
        )


def submission_page(bot: Bot, token: str) -> tuple[Submission, VoiceReport, Learned | None]:
    """A submission, its voice, and what versions learned from it. Raises UnknownSubmission."""
    with bot.reading() as session:
        given = Submissions(session).by_token(token)
        learned = Learnings(session).of("poem", [given.id]).get(given.id)
        return given, Voices(session).one(given.voice), learned


def export(bot: Bot, visitor: Visitor) -> dict[str, Any]:
    """All data stored about *visitor*, for his own download."""
    with bot.reads(Privacy) as store:
        return store.export(visitor.id, bot.clock())


def export_all(bot: Bot) -> Iterator[dict[str, Any]]:
    """All poems and feedback, row by row, without the identity of the readers."""
    with bot.reading() as session:
        yield from dump.rows(session, bot.clock())
