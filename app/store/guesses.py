"""Guesses: is a line a human's or the bot's? What may be asked, what was answered, and how often it was right."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import regex
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.submission import SubmissionStatus
from app.domain.version import Rate, wilson
from app.store.poems import is_told
from app.store.session import insert
from app.store.tables import GuessRow, ImpressionRow, LineRow, PoemRow, QuotableRow, SubmissionRow, VisitorRow, VoiceRow

AT_MOST = 400
"""Newest texts of either kind that are asked about."""
SHORT, LONG = 5, 40
"""Characters of a line that can be guessed at."""
_LETTERS = regex.compile(r"\p{L}")


@dataclass(frozen=True, slots=True)
class Riddle:
    """A line to guess at."""

    kind: str
    """`line` of the bot's, or `poem` for a row of a submission."""
    source: int
    row: int
    text: str
    human: bool


@dataclass(frozen=True, slots=True)
class Score:
    """How well visitors tell a bot from a human."""

    guesses: int
    right: Rate | None
    bot_taken: Rate | None
    """Share of the bot's lines that were taken for a human's."""
    human_taken: Rate | None
    """Share of humans' lines that were taken for the bot's."""


@dataclass(frozen=True, slots=True)
class Guess:
    """One answer."""

    text: str
    human: bool
    said_human: bool


class Guesses:
    """Queries for the guessing game."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def allow(self, submission: int) -> None:
        """Its author lets single lines of it be shown; saying it twice changes nothing."""
        new = insert(self._session, QuotableRow).values(submission_id=submission)
        self._session.execute(new.on_conflict_do_nothing())

    def humans(self, voice: str) -> list[Riddle]:
        """Lines of approved submissions whose authors allow it."""
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
        """The newest lines that the serving version wrote, without a human's words."""
        rows = self._session.execute(
            select(LineRow.id, LineRow.text)
            .join(PoemRow, PoemRow.id == LineRow.poem_id)
            .join(VisitorRow, VisitorRow.id == PoemRow.visitor_id)
            .join(VoiceRow, VoiceRow.champion_id == LineRow.version_id)
            .where(VoiceRow.slug == voice, ~LineRow.primed, VisitorRow.returned.is_not(None), is_told())
            .order_by(LineRow.id.desc())
            .limit(AT_MOST)
        )
        return [Riddle("line", id, 0, text, human=False) for id, text in rows if fits(text)]

    def known(self, visitor: str, riddles: Collection[Riddle]) -> set[Riddle]:
        """Those that a visitor has guessed at, or need not: he was shown the line, or taught the poem."""
        guessed = self._session.execute(
            select(GuessRow.kind, GuessRow.source_id, GuessRow.row).where(GuessRow.visitor_id == visitor)
        )
        done = {tuple(row) for row in guessed}
        lines = [one.source for one in riddles if not one.human]
        seen = select(ImpressionRow.line_id).where(
            ImpressionRow.visitor_id == visitor, ImpressionRow.line_id.in_(lines)
        )
        shown = set(self._session.scalars(seen))
        own = set(self._session.scalars(select(SubmissionRow.id).where(SubmissionRow.visitor_id == visitor)))
        return {
            one
            for one in riddles
            if (one.kind, one.source, one.row) in done or one.source in (own if one.human else shown)
        }

    def add(self, visitor: str, voice: str, riddle: Riddle, *, said_human: bool, now: datetime) -> None:
        """Keep an answer; the first one to a line counts."""
        new = insert(self._session, GuessRow).values(
            visitor_id=visitor,
            voice=voice,
            kind=riddle.kind,
            source_id=riddle.source,
            row=riddle.row,
            text=riddle.text,
            human=riddle.human,
            said_human=said_human,
            at=now,
        )
        self._session.execute(new.on_conflict_do_nothing())

    def last(self, visitor: str, voice: str) -> Guess | None:
        """A visitor's newest answer."""
        newest = select(GuessRow).where(GuessRow.visitor_id == visitor, GuessRow.voice == voice)
        row = self._session.scalars(newest.order_by(GuessRow.id.desc()).limit(1)).one_or_none()
        return Guess(row.text, row.human, row.said_human) if row else None

    def of_visitor(self, visitor: str) -> list[Guess]:
        """All his answers, oldest first."""
        rows = self._session.scalars(select(GuessRow).where(GuessRow.visitor_id == visitor).order_by(GuessRow.id))
        return [Guess(row.text, row.human, row.said_human) for row in rows]

    def score(self, voice: str, visitor: str | None = None) -> Score:
        """Of everybody, or of one visitor."""
        counted = select(GuessRow.human, GuessRow.said_human, func.count()).where(GuessRow.voice == voice)
        if visitor is not None:
            counted = counted.where(GuessRow.visitor_id == visitor)
        rows = self._session.execute(counted.group_by(GuessRow.human, GuessRow.said_human)).all()
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


def fits(text: str) -> bool:
    """Is it long enough to tell something, and short enough to be a line?"""
    return SHORT <= len(text.strip()) <= LONG and _LETTERS.search(text) is not None
