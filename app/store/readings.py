"""Readings: what some readers were shown, ticked or passed over."""

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.heldout import ReadLine
from app.store.session import parts
from app.store.tables import TICK_OF_IMPRESSION, ImpressionRow, LessonItemRow, LineRow, PoemLineRow, TickRow


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
