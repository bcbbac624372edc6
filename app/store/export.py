"""Export: everything the bot wrote and readers gave, row by row, without saying who they were."""

from collections.abc import Iterator
from datetime import datetime
from itertools import count
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.submission import SubmissionStatus
from app.store.tables import LineRow, PoemLineRow, PoemRow, SubmissionRow, TickRow, VersionRow, VisitorRow

AT_ONCE = 500
"""Rows fetched at a time."""
Row = dict[str, Any]


def rows(session: Session, now: datetime) -> Iterator[Row]:
    """A header, then versions, poems, ticks and approved submissions; readers go by numbers made up here."""
    yield {"kind": "export", "made": now.isoformat(), "generator": "AI", "note": "AI 생성: 시는 기계가 썼습니다."}
    names: dict[str, int] = {}
    numbers = count(1)

    def reader(visitor: str) -> int:
        return names.setdefault(visitor, next(numbers)) if visitor not in names else names[visitor]

    yield from _versions(session)
    yield from _poems(session)
    ticks = (
        select(TickRow)
        .join(VisitorRow, VisitorRow.id == TickRow.visitor_id)
        .where(~TickRow.taken_back, VisitorRow.returned.is_not(None))
        .order_by(TickRow.line_id, TickRow.at)
    )
    for tick in session.scalars(ticks.execution_options(yield_per=AT_ONCE)):
        yield {"kind": "tick", "line": tick.line_id, "reader": reader(tick.visitor_id), "at": tick.at.isoformat()}
    approved = select(SubmissionRow).where(SubmissionRow.status == SubmissionStatus.APPROVED).order_by(SubmissionRow.id)
    for given in session.scalars(approved.execution_options(yield_per=AT_ONCE)):
        yield {
            "kind": "submission",
            "id": given.id,
            "voice": given.voice,
            "title": given.title,
            "author": given.author,
            "text": given.text,
            "reader": reader(given.visitor_id),
            "at": given.created.isoformat(),
        }


def _versions(session: Session) -> Iterator[Row]:
    for version in session.scalars(select(VersionRow).order_by(VersionRow.id)):
        yield {
            "kind": "version",
            "voice": version.voice,
            "base": version.base,
            "number": version.number,
            "status": version.status,
            "lesson": version.lesson,
            "metrics": version.metrics,
            "verdict": version.verdict,
            "at": version.created.isoformat(),
        }


def _poems(session: Session) -> Iterator[Row]:
    numbers = {row.id: row.number for row in session.execute(select(VersionRow.id, VersionRow.number))}
    poems = select(PoemRow).order_by(PoemRow.created, PoemRow.id).execution_options(yield_per=AT_ONCE)
    for poem in session.scalars(poems):
        lines = session.execute(
            select(PoemLineRow.slot, LineRow)
            .join(LineRow, LineRow.id == PoemLineRow.line_id)
            .where(PoemLineRow.poem_id == poem.id)
            .order_by(PoemLineRow.slot)
        )
        yield {
            "kind": "poem",
            "id": poem.id,
            "voice": poem.voice,
            "version": numbers[poem.version_id],
            "seed": poem.seed,
            "temperature": poem.temperature,
            "at": poem.created.isoformat(),
            "lines": [
                {"id": line.id, "slot": slot, "text": line.text, "version": numbers[line.version_id]}
                for slot, line in lines
                if not line.primed
            ],
        }
