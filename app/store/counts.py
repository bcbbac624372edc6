"""Counts: how much of everything there is, for the desk."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.store.tables import TICK_OF_IMPRESSION, ImpressionRow, PoemRow, SubmissionRow, TickRow, VisitorRow


class Counts:
    """Queries that count."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def of(self, voice: str | None, since: datetime) -> dict[str, int]:
        """Poems, impressions, ticks, submissions and visitors from *since* on; voice None: of all voices.

        Impressions, ticks and visitors count once a cookie has come back.
        """
        back = VisitorRow.returned.is_not(None)
        poems = select(func.count()).select_from(PoemRow).where(PoemRow.created >= since)
        read = (
            select(func.count())
            .select_from(ImpressionRow)
            .join(VisitorRow, VisitorRow.id == ImpressionRow.visitor_id)
            .where(ImpressionRow.at >= since, back)
        )
        ticks = (
            select(func.count())
            .select_from(TickRow)
            .join(ImpressionRow, TICK_OF_IMPRESSION)
            .join(VisitorRow, VisitorRow.id == TickRow.visitor_id)
            .where(TickRow.at >= since, ~TickRow.taken_back, back)
        )
        taught = select(func.count()).select_from(SubmissionRow).where(SubmissionRow.created >= since)
        visitors = (
            select(func.count(func.distinct(ImpressionRow.visitor_id)))
            .join(VisitorRow, VisitorRow.id == ImpressionRow.visitor_id)
            .where(ImpressionRow.at >= since, back)
        )
        if voice is not None:
            poems, taught = poems.where(PoemRow.voice == voice), taught.where(SubmissionRow.voice == voice)
            read, ticks = read.where(ImpressionRow.voice == voice), ticks.where(ImpressionRow.voice == voice)
            visitors = visitors.where(ImpressionRow.voice == voice)
        asked = {"poems": poems, "impressions": read, "ticks": ticks, "submissions": taught, "visitors": visitors}
        return {name: self._session.scalar(query) or 0 for name, query in asked.items()}
