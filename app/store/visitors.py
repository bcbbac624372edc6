"""Visitors: anonymous readers, and whether their cookie ever came back."""

from datetime import datetime

from sqlalchemy import delete, exists, func, select
from sqlalchemy.orm import Session

from app.store.session import AT_ONCE, insert
from app.store.tables import DayRow, ImpressionRow, LineRow, PoemLineRow, PoemRow, SubmissionRow, TickRow, VisitorRow


class Visitors:
    """Queries for visitors."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def greet(self, visitor: str, *, cookie_came_back: bool, address: str, now: datetime) -> None:
        """Note that *visitor* is here; the first time his cookie comes back, his impressions begin to count."""
        returned = now if cookie_came_back else None
        new = insert(self._session, VisitorRow.__table__)
        known = {"address": new.excluded.address, "returned": func.coalesce(VisitorRow.returned, new.excluded.returned)}
        news = (VisitorRow.address != new.excluded.address) | (
            VisitorRow.returned.is_(None) & new.excluded.returned.is_not(None)
        )
        here = {"id": visitor, "created": now, "returned": returned, "address": address}
        self._session.execute(new.on_conflict_do_update(index_elements=["id"], set_=known, where=news), here)

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
        return len(doomed)
