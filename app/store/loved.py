"""What readers love: the lines and poems of a voice that most of them ticked, lately or ever."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.poem import Poem
from app.domain.version import Rate, wilson
from app.store.poems import SAID_BY_HUMANS, Poems, told
from app.store.tables import (
    TICK_OF_IMPRESSION,
    ImpressionRow,
    LineRow,
    PoemLineRow,
    PoemRow,
    TickRow,
    VersionRow,
)


@dataclass(frozen=True, slots=True)
class LovedLine:
    """A line, and how many visitors ticked it."""

    line: int
    text: str
    poem: str
    version: int | None
    """Number of the version that wrote it; None: it isn't told yet."""
    ticks: int


@dataclass(frozen=True, slots=True)
class LovedPoem:
    """A poem, and what readers made of it."""

    poem: Poem
    readers: int
    """Who ticked any of its lines."""
    lines: int
    """Of its lines that anybody ticked."""
    rate: Rate | None
    """Share of its lines, as often as they were read, that were ticked."""


class Loved:
    """Queries for what readers love. Only those who count are asked: `app/domain/visitor.py`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def lines(self, voice: str, *, since: datetime | None = None, limit: int = 20) -> list[LovedLine]:
        """The lines with most ticks, of those given after *since*; none leads to a poem with a human's words."""
        marks = func.count()
        rows = self._since(
            select(
                LineRow.id, LineRow.text, LineRow.poem_id, VersionRow.number, PoemRow.trial_id, PoemRow.created, marks
            )
            .join(TickRow, TickRow.line_id == LineRow.id)
            .join(PoemRow, PoemRow.id == LineRow.poem_id)
            .join(VersionRow, VersionRow.id == LineRow.version_id)
            .where(PoemRow.voice == voice, ~SAID_BY_HUMANS)
            .group_by(LineRow.id, LineRow.text, LineRow.poem_id, VersionRow.number, PoemRow.trial_id, PoemRow.created)
            .order_by(marks.desc(), LineRow.id.desc())
            .limit(limit),
            since,
        )
        return [
            LovedLine(id, text, poem, told(number, trial, created), ticks)
            for id, text, poem, number, trial, created, ticks in self._session.execute(rows)
        ]

    def poems(
        self, voice: str, visitor: str | None, *, since: datetime | None = None, limit: int = 10
    ) -> list[LovedPoem]:
        """The poems with most ticks on their lines, of those given after *since*."""
        ticked = self._ticked(voice, since=since, limit=limit)
        return [self._loved(one, self._rate(one[0]), visitor) for one in ticked]

    def best(self, voice: str, visitor: str | None, *, limit: int = 5, among: int = 50) -> list[LovedPoem]:
        """The poems that most surely are liked: by the lower end of what share of their lines is ticked."""
        rated = [(one, self._rate(one[0])) for one in self._ticked(voice, limit=among)]
        rated.sort(key=lambda pair: pair[1].low if pair[1] else 0.0, reverse=True)
        return [self._loved(one, rate, visitor) for one, rate in rated[:limit]]

    def _ticked(self, voice: str, *, since: datetime | None = None, limit: int) -> list[tuple[str, int, int]]:
        """The poems with most ticks: id, readers who ticked, lines that were ticked."""
        marks = func.count()
        rows = self._since(
            select(
                PoemRow.id,
                func.count(TickRow.visitor_id.distinct()).label("readers"),
                func.count(TickRow.line_id.distinct()).label("lines"),
            )
            .join(PoemLineRow, PoemLineRow.poem_id == PoemRow.id)
            .join(TickRow, TickRow.line_id == PoemLineRow.line_id)
            .where(PoemRow.voice == voice, ~SAID_BY_HUMANS)
            .group_by(PoemRow.id, PoemRow.created)
            .order_by(marks.desc(), PoemRow.created.desc())
            .limit(limit),
            since,
        )
        return [(id, readers, lines) for id, readers, lines in self._session.execute(rows)]

    def _loved(self, ticked: tuple[str, int, int], rate: Rate | None, visitor: str | None) -> LovedPoem:
        id, readers, lines = ticked
        return LovedPoem(Poems(self._session).one(id, visitor), readers, lines, rate)

    @staticmethod
    def _since(rows: Any, since: datetime | None) -> Any:
        """Ticks that stand, of readers who count, after *since*."""
        rows = rows.join(ImpressionRow, TICK_OF_IMPRESSION).where(~TickRow.taken_back, ImpressionRow.counted)
        return rows if since is None else rows.where(TickRow.at >= since)

    def _rate(self, poem: str) -> Rate | None:
        """Of all times that a line of it was shown to a reader, how often he ticked it."""
        shown = self._session.execute(
            select(func.count(), func.count(TickRow.line_id))
            .select_from(ImpressionRow)
            .join(PoemLineRow, PoemLineRow.line_id == ImpressionRow.line_id)
            .outerjoin(TickRow, TICK_OF_IMPRESSION & ~TickRow.taken_back)
            .where(PoemLineRow.poem_id == poem, ImpressionRow.counted)
        ).one()
        return wilson(shown[1], shown[0])
