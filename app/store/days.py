"""Days: which poem was whose day's, in a voice."""

from collections.abc import Collection, Sequence
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.day import Day
from app.store.poems import Poems
from app.store.session import insert
from app.store.tables import DayRow


class Days:
    """Queries for the poems of the days."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def one(self, voice: str, day: date, visitor: str | None) -> Day | None:
        """The poem of a day as *visitor* sees it; None before one was chosen."""
        row = self._session.get(DayRow, (voice, day.isoformat()))
        return self._days([row], visitor)[0] if row is not None else None

    def of_voice(self, voice: str, visitor: str | None, *, limit: int = 31) -> list[Day]:
        """The newest days, newest first."""
        rows = select(DayRow).where(DayRow.voice == voice).order_by(DayRow.day.desc()).limit(limit)
        return self._days(self._session.scalars(rows).all(), visitor)

    def among(self, voice: str, poems: Collection[str]) -> set[str]:
        """Those of *poems* that had a day already."""
        had = select(DayRow.poem_id).where(DayRow.voice == voice, DayRow.poem_id.in_(poems))
        return set(self._session.scalars(had))

    def add(self, voice: str, day: date, poem: str, *, readers: int, now: datetime) -> None:
        """Give a day its poem; one that has a poem keeps it."""
        new = insert(self._session, DayRow).values(
            voice=voice, day=day.isoformat(), poem_id=poem, readers=readers, created=now
        )
        self._session.execute(new.on_conflict_do_nothing())

    def _days(self, rows: Sequence[DayRow], visitor: str | None) -> list[Day]:
        poems = Poems(self._session)
        return [Day(date.fromisoformat(row.day), poems.one(row.poem_id, visitor), row.readers) for row in rows]
