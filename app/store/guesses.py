"""The guessing game (human or bot?): the lines that may be asked about, the answers, the scores."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from app.domain.guess import ROUND, Guess, Riddle, Round, Score, fits
from app.domain.submission import SubmissionStatus
from app.domain.version import wilson
from app.store.poems import is_revealed
from app.store.session import Queries, insert
from app.store.tables import GuessRow, ImpressionRow, LineRow, PoemRow, QuotableRow, SubmissionRow, VisitorRow, VoiceRow

AT_MOST = 400
"""Lines of each kind that may be asked about, the newest."""
MOST_OF_ONE = 5 * ROUND
"""The first guesses of each reader that count in the common score."""
_MARKS = " .,!?…"
"""Characters that are ignored when two lines are compared."""


class Guesses(Queries):
    """Queries for the guessing game."""

    def allow(self, submission: int) -> None:
        """Record that the author lets single lines be shown; to repeat it changes nothing.

        Not recorded for a poem that contains a line of the bot's, which would then be shown as a human's.
        """
        text = self._session.scalar(select(SubmissionRow.text).where(SubmissionRow.id == submission)) or ""
        if self._bots_own(text.split("\n")):
            return
        new = insert(self._session, QuotableRow).values(submission_id=submission)
        self._session.execute(new.on_conflict_do_nothing())

    def _bots_own(self, rows: Collection[str]) -> bool:
        """Has the bot written one of these lines, apart from case, spaces and punctuation?"""
        written: Any = func.lower(LineRow.text)
        for mark in _MARKS:
            written = func.replace(written, mark, "")
        bare = {row.lower().translate(dict.fromkeys(map(ord, _MARKS))) for row in rows if fits(row)}
        return self._session.scalar(select(LineRow.id).where(written.in_(bare), ~LineRow.primed).limit(1)) is not None

    def humans(self, voice: str) -> list[Riddle]:
        """Lines of approved submissions whose authors allow them to be shown."""
        rows = self._session.execute(
            select(SubmissionRow.id, SubmissionRow.text)
            .join(QuotableRow, QuotableRow.submission_id == SubmissionRow.id)
            .where(SubmissionRow.voice == voice, SubmissionRow.status == SubmissionStatus.APPROVED)
            .order_by(SubmissionRow.id.desc())
            .limit(AT_MOST)
        )
        found = [
            Riddle("poem", id, row, line, human=True) for id, text in rows for row, line in enumerate(text.split("\n"))
        ]
        return [one for one in found if fits(one.text)][:AT_MOST]

    def bots(self, voice: str) -> list[Riddle]:
        """The newest lines of the champion that contain no words of a human."""
        rows = self._session.execute(
            select(LineRow.id, LineRow.text)
            .join(PoemRow, PoemRow.id == LineRow.poem_id)
            .join(VisitorRow, VisitorRow.id == PoemRow.visitor_id)
            .join(VoiceRow, VoiceRow.champion_id == LineRow.version_id)
            .where(VoiceRow.slug == voice, ~LineRow.primed, VisitorRow.returned.is_not(None), is_revealed())
            .order_by(LineRow.id.desc())
            .limit(AT_MOST)
        )
        return [Riddle("line", id, 0, text, human=False) for id, text in rows if fits(text)]

    def known(self, visitor: str, riddles: Collection[Riddle]) -> set[Riddle]:
        """Those that the visitor knows: he has answered them, was shown the line, or submitted the poem."""
        guessed = self._session.execute(
            select(GuessRow.kind, GuessRow.source_id, GuessRow.row).where(GuessRow.visitor_id == visitor)
        )
        done = {tuple(row) for row in guessed}
        lines = [one.source for one in riddles if one.kind == "line"]
        seen = select(ImpressionRow.line_id).where(
            ImpressionRow.visitor_id == visitor, ImpressionRow.line_id.in_(lines)
        )
        shown = set(self._session.scalars(seen))
        own = set(self._session.scalars(select(SubmissionRow.id).where(SubmissionRow.visitor_id == visitor)))
        return {
            one
            for one in riddles
            if (one.kind, one.source, one.row) in done
            or (one.kind == "line" and one.source in shown)
            or (one.kind == "poem" and one.source in own)
        }

    def add(
        self, visitor: str, voice: str, riddle: Riddle, *, said_human: bool, counted: bool = False, now: datetime
    ) -> None:
        """Store an answer, unless he has answered this line. *counted*: does it count in the common score?"""
        new = insert(self._session, GuessRow).values(
            visitor_id=visitor,
            voice=voice,
            kind=riddle.kind,
            source_id=riddle.source,
            row=riddle.row,
            text=riddle.text,
            human=riddle.human,
            said_human=said_human,
            counted=counted,
            at=now,
        )
        self._session.execute(new.on_conflict_do_nothing())

    def round(self, visitor: str, voice: str) -> Round:
        """The round that the visitor is in, or has just ended; ten guesses make a round."""
        mine = (GuessRow.visitor_id == visitor) & (GuessRow.voice == voice)
        count = self._session.scalar(select(func.count()).select_from(GuessRow).where(mine)) or 0
        answered = count % ROUND or min(count, ROUND)
        newest = select(GuessRow).where(mine).order_by(GuessRow.id.desc()).limit(answered)
        rows = self._session.scalars(newest).all()[::-1]
        written = select(LineRow.id, LineRow.poem_id).where(LineRow.id.in_(_sources(rows, "line")))
        taught = select(SubmissionRow).where(SubmissionRow.id.in_(_sources(rows, "poem")))
        poems = {row.id: row.poem_id for row in self._session.execute(written)}
        given = {row.id: row for row in self._session.scalars(taught)}
        return Round(tuple(_guess(row, poems, given) for row in rows))

    def of_visitor(self, visitor: str) -> list[Guess]:
        """All answers of a visitor, oldest first."""
        rows = self._session.scalars(select(GuessRow).where(GuessRow.visitor_id == visitor).order_by(GuessRow.id))
        return [Guess(row.text, row.human, row.said_human) for row in rows]

    def score(self, voice: str, visitor: str | None = None) -> Score:
        """The common score, from the first guesses of each reader who counts; or the score of one visitor."""
        place = func.row_number().over(partition_by=GuessRow.visitor_id, order_by=GuessRow.id).label("place")
        whose = GuessRow.counted if visitor is None else GuessRow.visitor_id == visitor
        these = select(GuessRow.human, GuessRow.said_human, place).where(GuessRow.voice == voice, whose)
        one = these.subquery()
        counted = select(one.c.human, one.c.said_human, func.count()).group_by(one.c.human, one.c.said_human)
        if visitor is None:
            counted = counted.where(one.c.place <= MOST_OF_ONE)
        rows = self._session.execute(counted).all()
        count = {(bool(human), bool(said)): int(n) for human, said, n in rows}
        right = count.get((True, True), 0) + count.get((False, False), 0)
        bots = sum(n for (human, _), n in count.items() if not human)
        humans = sum(n for (human, _), n in count.items() if human)
        return Score(
            guesses=bots + humans,
            right=wilson(right, bots + humans),
            bot_taken=wilson(count.get((False, True), 0), bots),
            human_taken=wilson(count.get((True, False), 0), humans),
        )


def _sources(rows: Sequence[GuessRow], kind: str) -> list[int]:
    return [row.source_id for row in rows if row.kind == kind]


def _guess(row: GuessRow, poems: Mapping[int, str], given: Mapping[int, SubmissionRow]) -> Guess:
    taught = given.get(row.source_id) if row.kind == "poem" else None
    return Guess(
        row.text,
        row.human,
        row.said_human,
        kind=row.kind,
        poem=poems.get(row.source_id, "") if row.kind == "line" else "",
        title=(taught.title or "") if taught else "",
        author=(taught.author or "") if taught else "",
    )
