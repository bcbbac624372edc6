"""Feedback: everything readers have given a voice so far.

Readings: what some readers were shown, ticked or passed over.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.lesson import Feedback, ReadLine, TaughtPoem, TickedLine
from app.domain.submission import SubmissionStatus
from app.store.session import parts
from app.store.tables import (
    TICK_OF_IMPRESSION,
    ImpressionRow,
    LessonItemRow,
    LineRow,
    PoemLineRow,
    PoemRow,
    SubmissionRow,
    TickRow,
    VisitorRow,
)
from app.store.tastes import Tastes
from app.store.versions import Versions


class Readings:
    """Queries for what readers read."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def of(self, voice: str, visitors: Collection[str]) -> list[ReadLine]:
        """Every line of *voice* that those visitors were shown, with the lines above it."""
        read = (
            select(ImpressionRow.visitor_id, LineRow.id, LineRow.poem_id, LineRow.text, TickRow.taken_back)
            .join(LineRow, LineRow.id == ImpressionRow.line_id)
            .outerjoin(TickRow, TICK_OF_IMPRESSION)
            .where(ImpressionRow.voice == voice)
            .order_by(ImpressionRow.visitor_id, ImpressionRow.line_id)
        )
        rows = [
            row
            for part in parts(sorted(visitors))
            for row in self._session.execute(read.where(ImpressionRow.visitor_id.in_(part)))
        ]
        above = self._above({row.poem_id for row in rows})
        return [
            ReadLine(visitor, text, above.get(line, ""), taken_back is False)
            for visitor, line, _, text, taken_back in rows
        ]

    def taught(self, version: int) -> set[int]:
        """Ids of the lines that the lesson of that version (row id) held."""
        lines = select(LessonItemRow.source_id).where(LessonItemRow.version_id == version, LessonItemRow.kind == "line")
        return set(self._session.scalars(lines))

    def _above(self, poems: set[str]) -> dict[int, str]:
        """The lines above each line of those poems."""
        found: dict[str, list[str]] = defaultdict(list)
        above: dict[int, str] = {}
        for part in parts(sorted(poems)):
            for poem, line, text in self._session.execute(
                select(PoemLineRow.poem_id, LineRow.id, LineRow.text)
                .join(LineRow, LineRow.id == PoemLineRow.line_id)
                .where(PoemLineRow.poem_id.in_(part))
                .order_by(PoemLineRow.poem_id, PoemLineRow.slot)
            ):
                above.setdefault(line, "\n".join(found[poem]))
                found[poem].append(text)
        return above


EVER = datetime(1970, 1, 1, tzinfo=UTC)


class FeedbackStore:
    """Queries for what a lesson is built from."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def of(self, voice: str) -> Feedback:
        """Ticks that stand and poems that were approved; of visitors whose cookie came back."""
        rows = self._session.execute(
            select(TickRow, LineRow, PoemLineRow.slot)
            .join(LineRow, LineRow.id == TickRow.line_id)
            .join(PoemRow, PoemRow.id == LineRow.poem_id)
            .join(PoemLineRow, (PoemLineRow.poem_id == PoemRow.id) & (PoemLineRow.line_id == LineRow.id))
            .join(VisitorRow, VisitorRow.id == TickRow.visitor_id)
            .where(PoemRow.voice == voice, ~TickRow.taken_back, ~LineRow.primed, VisitorRow.returned.is_not(None))
            .order_by(TickRow.at, TickRow.line_id, TickRow.visitor_id)
        ).all()
        poems = self._texts({line.poem_id for _, line, _ in rows})
        ticks = [
            TickedLine(
                line=line.id,
                text=line.text,
                before="\n".join(text for at, text in poems[line.poem_id] if at < slot),
                visitor=tick.visitor_id,
                address=tick.address,
            )
            for tick, line, slot in rows
        ]
        taught = self._session.scalars(
            select(SubmissionRow)
            .where(SubmissionRow.voice == voice, SubmissionRow.status == SubmissionStatus.APPROVED)
            .order_by(SubmissionRow.id)
        )
        poems_taught = tuple(TaughtPoem(row.id, row.text, row.visitor_id, row.address) for row in taught)
        return Feedback(tuple(ticks), poems_taught, Tastes(self._session).judged(voice))

    def new_since_champion(self, voice: str, now: datetime) -> int:
        """Ticks and approved submissions that came after the newest version was made.

        All there are, when that lies in the future: the clock was wrong then, and only the next version can tell.
        """
        newest = Versions(self._session).newest_made(voice)
        if newest > now:
            newest = EVER
        ticks = self._session.scalar(
            select(func.count())
            .select_from(TickRow)
            .join(LineRow, LineRow.id == TickRow.line_id)
            .join(PoemRow, PoemRow.id == LineRow.poem_id)
            .join(VisitorRow, VisitorRow.id == TickRow.visitor_id)
            .where(PoemRow.voice == voice, ~TickRow.taken_back, TickRow.at > newest, VisitorRow.returned.is_not(None))
        )
        poems = self._session.scalar(
            select(func.count())
            .select_from(SubmissionRow)
            .where(SubmissionRow.voice == voice, SubmissionRow.status == SubmissionStatus.APPROVED)
            .where(SubmissionRow.decided > newest)
        )
        return (ticks or 0) + (poems or 0)

    def _texts(self, poems: set[str]) -> dict[str, Sequence[tuple[int, str]]]:
        texts: dict[str, list[tuple[int, str]]] = {poem: [] for poem in poems}
        lines = select(PoemLineRow.poem_id, PoemLineRow.slot, LineRow.text)
        lines = lines.join(LineRow, LineRow.id == PoemLineRow.line_id).order_by(PoemLineRow.poem_id, PoemLineRow.slot)
        for part in parts(poems):
            for poem, slot, text in self._session.execute(lines.where(PoemLineRow.poem_id.in_(part))):
                texts[poem].append((slot, text))
        return dict(texts)
