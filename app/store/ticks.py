"""Ticks: a visitor's marks on lines that were shown to him."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.domain.errors import UnknownLine, UnknownPoem
from app.store.session import insert
from app.store.tables import (
    ImpressionRow,
    LessonItemRow,
    LineRow,
    PoemLineRow,
    PoemRow,
    TickRow,
    VersionRow,
)


@dataclass(frozen=True, slots=True)
class MarkedLine:
    """A line that a visitor ticked."""

    line: int
    text: str
    voice: str
    poem: str
    """Where it was first written."""
    at: datetime
    """When he ticked it, or took that back."""
    taken_back: bool
    taught_in: tuple[int, ...]
    """Numbers of the versions whose lesson held it, oldest first."""


class Ticks:
    """Queries for ticks."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def any(self, visitor: str) -> bool:
        """Has this visitor ever ticked a line?"""
        return bool(self._session.scalar(select(exists().where(TickRow.visitor_id == visitor))))

    def set(self, line: int, visitor: str, *, on: bool, address: str, now: datetime) -> None:
        """Tick or untick; saying it twice changes nothing. Raises UnknownLine without an impression."""
        shown = exists().where(ImpressionRow.line_id == line, ImpressionRow.visitor_id == visitor)
        if not self._session.scalar(select(shown)):
            raise UnknownLine(line)
        if not on and self._session.get(TickRow, (line, visitor)) is None:
            return
        new = insert(self._session, TickRow).values(
            line_id=line, visitor_id=visitor, address=address, at=now, taken_back=not on
        )
        changed = {"taken_back": not on, "at": now, "address": address}
        self._session.execute(
            new.on_conflict_do_update(
                index_elements=["line_id", "visitor_id"], set_=changed, where=TickRow.taken_back != (not on)
            )
        )

    def replace(self, poem: str, visitor: str, lines: Collection[int], *, address: str, now: datetime) -> int:
        """Make *lines* the ticked ones among those of *poem* that this visitor may tick; returns how many changed.

        Raises UnknownPoem, and UnknownLine for a line that is not one of them.
        """
        if self._session.get(PoemRow, poem) is None:
            raise UnknownPoem(poem)
        ticked = exists().where(TickRow.line_id == LineRow.id, TickRow.visitor_id == visitor, ~TickRow.taken_back)
        rows = self._session.execute(
            select(LineRow.id, ticked.label("ticked"))
            .join(PoemLineRow, PoemLineRow.line_id == LineRow.id)
            .join(ImpressionRow, (ImpressionRow.line_id == LineRow.id) & (ImpressionRow.visitor_id == visitor))
            .where(PoemLineRow.poem_id == poem)
        )
        before = {row.id: bool(row.ticked) for row in rows}
        for line in lines:
            if line not in before:
                raise UnknownLine(line)
        changes = [line for line, was in before.items() if was != (line in lines)]
        for line in changes:
            self.set(line, visitor, on=line in lines, address=address, now=now)
        return len(changes)

    def of_visitor(self, visitor: str, limit: int = 200) -> list[MarkedLine]:
        """The lines a visitor has ticked, newest first; those that he took back too, if a version was taught them."""
        taught_at_all = exists().where(LessonItemRow.kind == "line", LessonItemRow.source_id == TickRow.line_id)
        rows = self._session.execute(
            select(LineRow.id, LineRow.text, PoemRow.voice, LineRow.poem_id, TickRow.at, TickRow.taken_back)
            .join(TickRow, TickRow.line_id == LineRow.id)
            .join(PoemRow, PoemRow.id == LineRow.poem_id)
            .where(TickRow.visitor_id == visitor, ~TickRow.taken_back | taught_at_all)
            .order_by(TickRow.at.desc(), LineRow.id)
            .limit(limit)
        ).all()
        taught: dict[int, list[int]] = {row.id: [] for row in rows}
        for line, number in self._session.execute(
            select(LessonItemRow.source_id, VersionRow.number)
            .join(VersionRow, VersionRow.id == LessonItemRow.version_id)
            .where(LessonItemRow.kind == "line", LessonItemRow.source_id.in_(taught))
            .order_by(VersionRow.number)
        ):
            taught[line].append(number)
        return [MarkedLine(*row, tuple(taught[row.id])) for row in rows]
