"""Tastes: the stored preference models, and the judged lines they are trained on."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select

from app.domain.taste import Judged, TasteEffect, TasteReport
from app.domain.version import wilson
from app.store.session import Queries
from app.store.tables import (
    TICK_OF_IMPRESSION,
    ImpressionRow,
    LineRow,
    PoemRow,
    TasteRow,
    TickRow,
    VersionRow,
    VisitorRow,
    VoiceRow,
)

KEPT = 20
"""This many tastes of a voice are kept, the newest; older ones are deleted."""


class Tastes(Queries):
    """Queries for tastes. Only tastes of a voice's present base count."""

    def serving(self) -> dict[str, int]:
        """By voice: the id of the newest taste, if it serves."""
        of_base = (VoiceRow.slug == TasteRow.voice) & (VoiceRow.base == TasteRow.base)
        newest = select(func.max(TasteRow.id)).join(VoiceRow, of_base).group_by(TasteRow.voice)
        rows = select(TasteRow.voice, TasteRow.id).where(TasteRow.id.in_(newest), TasteRow.serves)
        return {row.voice: row.id for row in self._session.execute(rows)}

    def content(self, taste: int) -> Mapping[str, Any]:
        """The content of a taste; empty for one that was deleted."""
        row = self._session.get(TasteRow, taste)
        return row.content if row else {}

    def newest(self, voice: str) -> TasteReport | None:
        """The newest taste, whether it serves or not."""
        row = self._session.scalar(
            select(TasteRow)
            .join(VoiceRow, (VoiceRow.slug == TasteRow.voice) & (VoiceRow.base == TasteRow.base))
            .where(TasteRow.voice == voice)
            .order_by(TasteRow.id.desc())
            .limit(1)
        )
        return _report(row) if row else None

    def add(self, voice: str, content: Mapping[str, Any], *, serves: bool, now: datetime) -> int:
        """Store a taste of the voice's present base; its id. The oldest tastes are deleted."""
        base = self._session.scalar(select(VoiceRow.base).where(VoiceRow.slug == voice))
        row = TasteRow(voice=voice, base=base, serves=serves, content=dict(content), created=now)
        self._session.add(row)
        self._session.flush()
        kept = select(TasteRow.id).where(TasteRow.voice == voice).order_by(TasteRow.id.desc()).limit(KEPT)
        known = list(self._session.scalars(kept))
        self._session.execute(delete(TasteRow).where(TasteRow.voice == voice, TasteRow.id.not_in(known)))
        return row.id

    def effect(self, voice: str) -> TasteEffect | None:
        """Tick rates of poems with and without taste, for the present base; None before there was a taste."""
        of_base = (VersionRow.id == ImpressionRow.version_id) & (VersionRow.base == VoiceRow.base)
        chosen = PoemRow.taste_id.is_not(None)
        rows = self._session.execute(
            select(chosen.label("chosen"), func.count(), func.count(TickRow.line_id).filter(~TickRow.taken_back))
            .select_from(ImpressionRow)
            .join(VoiceRow, VoiceRow.slug == ImpressionRow.voice)
            .join(VersionRow, of_base)
            .join(LineRow, LineRow.id == ImpressionRow.line_id)
            .join(PoemRow, PoemRow.id == LineRow.poem_id)
            .outerjoin(TickRow, TICK_OF_IMPRESSION)
            .where(ImpressionRow.voice == voice, ImpressionRow.liking.is_not(None), ImpressionRow.counted)
            .group_by(chosen)
        )
        found = {bool(by): wilson(ticks, shown) for by, shown, ticks in rows}
        return TasteEffect(found.get(True), found.get(False)) if found else None

    def new_ticks(self, voice: str) -> int:
        """Ticks given or taken back since the newest taste was trained, by visitors whose cookie has come back."""
        newest = self.newest(voice)
        ticks = (
            select(func.count())
            .select_from(TickRow)
            .join(ImpressionRow, TICK_OF_IMPRESSION)
            .join(VisitorRow, VisitorRow.id == TickRow.visitor_id)
            .where(ImpressionRow.voice == voice, VisitorRow.returned.is_not(None))
        )
        if newest is not None:
            ticks = ticks.where(TickRow.at > newest.created)
        return self._session.scalar(ticks) or 0

    def judged(self, voice: str, *, newest: int | None = None) -> tuple[Judged, ...]:
        """The lines that visitors whose cookie has come back were shown, oldest first; *newest*: only this many."""
        shown = (
            select(
                ImpressionRow, LineRow.text, LineRow.logprob, TickRow.taken_back, TickRow.address, VisitorRow.address
            )
            .join(LineRow, LineRow.id == ImpressionRow.line_id)
            .join(VisitorRow, VisitorRow.id == ImpressionRow.visitor_id)
            .outerjoin(TickRow, TICK_OF_IMPRESSION)
            .where(ImpressionRow.voice == voice, VisitorRow.returned.is_not(None))
            .order_by(ImpressionRow.line_id.desc(), ImpressionRow.visitor_id.desc())
        )
        rows = self._session.execute(shown if newest is None else shown.limit(newest)).all()
        return tuple(
            Judged(
                seen.line_id, text, seen.slot, taken_back is False, seen.visitor_id, there or here, seen.liking, logprob
            )
            for seen, text, logprob, taken_back, there, here in reversed(rows)
        )


def _report(row: TasteRow) -> TasteReport:
    return TasteReport(row.id, row.voice, row.base, row.serves, row.content, row.created)
