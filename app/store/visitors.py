"""Visitors: anonymous readers, whether their cookie ever came back, and which of them count."""

from datetime import datetime

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import Session

from app.domain.visitor import READERS_PER_ADDRESS
from app.store.session import AT_ONCE, insert
from app.store.tables import (
    DayRow,
    ImpressionRow,
    LineRow,
    PlaceRow,
    PoemLineRow,
    PoemRow,
    SubmissionRow,
    TickRow,
    VisitorRow,
)


class Visitors:
    """Queries for visitors."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def greet(self, visitor: str, *, cookie_came_back: bool, address: str, now: datetime) -> None:
        """Note that *visitor* is here; the first time his cookie comes back, what he was shown begins to count."""
        returned = now if cookie_came_back else None
        new = insert(self._session, VisitorRow.__table__)
        known = {"address": new.excluded.address, "returned": func.coalesce(VisitorRow.returned, new.excluded.returned)}
        news = (VisitorRow.address != new.excluded.address) | (
            VisitorRow.returned.is_(None) & new.excluded.returned.is_not(None)
        )
        here = {"id": visitor, "created": now, "returned": returned, "address": address}
        written = new.on_conflict_do_update(index_elements=["id"], set_=known, where=news)
        since = self._session.scalar(written.returning(VisitorRow.returned), here)
        if cookie_came_back and since == now and self.counts(visitor, address=address, now=now):
            seen = update(ImpressionRow).where(ImpressionRow.visitor_id == visitor).values(counted=True)
            self._session.execute(seen.execution_options(synchronize_session=False))

    def counts(self, visitor: str, *, address: str, now: datetime) -> bool:
        """Has a visitor who came back one of his address's places of this day, or is one left, which he takes?

        Each place is a row with a key of its own, so that no two get the last one. Where the address is unknown ("")
        everybody has a place.
        """
        if not address:
            return True
        taken = select(PlaceRow.place, PlaceRow.visitor_id).where(PlaceRow.address == address)
        known = {row.place: row.visitor_id for row in self._session.execute(taken)}
        if visitor in known.values():
            return True
        for place in range(READERS_PER_ADDRESS):
            mine = insert(self._session, PlaceRow).values(address=address, place=place, visitor_id=visitor, at=now)
            took = mine.on_conflict_do_nothing().returning(PlaceRow.place)
            if place not in known and self._session.scalar(took) is not None:
                return True
        return False

    def has_returned(self, visitor: str) -> bool:
        """Has his cookie come back?"""
        return self._session.scalar(select(VisitorRow.returned).where(VisitorRow.id == visitor)) is not None

    def sweep(self, *, before: datetime) -> int:
        """Forget visitors from before *before* whose cookie never came back, with poems nobody else was shown.

        So many poems at a time: what is left over is the next sweep's.
        """
        ghosts = select(VisitorRow.id).where(VisitorRow.returned.is_(None), VisitorRow.created < before)
        seen_by_others = exists().where(
            PoemLineRow.poem_id == PoemRow.id,
            ImpressionRow.line_id == PoemLineRow.line_id,
            ImpressionRow.visitor_id != PoemRow.visitor_id,
        )
        quoted = exists().where(
            LineRow.poem_id == PoemRow.id, PoemLineRow.line_id == LineRow.id, PoemLineRow.poem_id != PoemRow.id
        )
        of_a_day = exists().where(DayRow.poem_id == PoemRow.id)
        theirs = select(PoemRow.id).where(PoemRow.visitor_id.in_(ghosts), ~seen_by_others, ~quoted, ~of_a_day)
        doomed = list(self._session.scalars(theirs.limit(AT_ONCE)))
        lines = select(LineRow.id).where(LineRow.poem_id.in_(doomed))
        self._session.execute(delete(TickRow).where(TickRow.line_id.in_(lines)))
        self._session.execute(delete(ImpressionRow).where(ImpressionRow.line_id.in_(lines)))
        self._session.execute(delete(PoemLineRow).where(PoemLineRow.poem_id.in_(doomed)))
        self._session.execute(delete(LineRow).where(LineRow.poem_id.in_(doomed)))
        self._session.execute(delete(PoemRow).where(PoemRow.id.in_(doomed)))
        owners = [
            ~exists().where(table.visitor_id == VisitorRow.id)
            for table in (PoemRow, ImpressionRow, SubmissionRow, TickRow)
        ]
        gone = delete(VisitorRow).where(VisitorRow.returned.is_(None), VisitorRow.created < before, *owners)
        self._session.execute(gone.execution_options(synchronize_session=False))
        self._session.execute(delete(PlaceRow).where(PlaceRow.at < before))
        return len(doomed)
