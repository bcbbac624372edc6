"""Ticks of visitors on lines that were shown to them; the ranking of poems and lines by ticks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import bindparam, case, exists, func, select

from app.domain.errors import UnknownLine, UnknownPoem
from app.domain.poem import Poem
from app.domain.version import Rate, wilson
from app.store.poems import HAS_HUMAN_WORDS, Poems, is_revealed, offset_of, revealed
from app.store.session import Queries, dialect_of, insert_in
from app.store.tables import (
    TICK_OF_IMPRESSION,
    ImpressionRow,
    LessonItemRow,
    LineRow,
    PoemLineRow,
    PoemRow,
    TickRow,
    VersionRow,
    VoiceRow,
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


# Built once: building a query takes as long as executing it.
_ANY = select(exists().where(TickRow.visitor_id == bindparam("visitor")))
_SHOWN = select(
    exists().where(ImpressionRow.line_id == bindparam("line"), ImpressionRow.visitor_id == bindparam("visitor"))
)


@cache
def _marking(dialect: str) -> Any:
    """An upsert of a tick or of one taken back; a row that is in the wanted state keeps its time."""
    new = insert_in(dialect, TickRow.__table__)
    changed = {name: new.excluded[name] for name in ("taken_back", "at", "address")}
    return new.on_conflict_do_update(
        index_elements=["line_id", "visitor_id"], set_=changed, where=TickRow.taken_back != new.excluded.taken_back
    )


class Ticks(Queries):
    """Queries for ticks."""

    def any(self, visitor: str) -> bool:
        """Has this visitor ever ticked a line?"""
        return bool(self._rows(_ANY, {"visitor": visitor}).scalar())

    def set(self, line: int, visitor: str, *, on: bool, address: str, now: datetime) -> None:
        """Tick or untick; to repeat it changes nothing. Raises UnknownLine without an impression."""
        if not self._rows(_SHOWN, {"line": line, "visitor": visitor}).scalar():
            raise UnknownLine(line)
        if not on and self._session.get(TickRow, (line, visitor)) is None:
            return
        mark = {"line_id": line, "visitor_id": visitor, "address": address, "at": now, "taken_back": not on}
        self._session.execute(_marking(dialect_of(self._session)), mark)

    def replace(self, poem: str, visitor: str, lines: Collection[int], *, address: str, now: datetime) -> int:
        """Tick exactly *lines* among the lines of *poem* that were shown to the visitor; returns how many changed.

        Raises UnknownPoem, and UnknownLine for a line that is not among them.
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

    def of_visitor(self, visitor: str) -> list[MarkedLine]:
        """The newest 200 ticks of a visitor, newest first, and those taken back if a version was taught the line."""
        taught_at_all = exists().where(LessonItemRow.kind == "line", LessonItemRow.source_id == TickRow.line_id)
        rows = self._session.execute(
            select(LineRow.id, LineRow.text, PoemRow.voice, LineRow.poem_id, TickRow.at, TickRow.taken_back)
            .join(TickRow, TickRow.line_id == LineRow.id)
            .join(PoemRow, PoemRow.id == LineRow.poem_id)
            .where(TickRow.visitor_id == visitor, ~TickRow.taken_back | taught_at_all)
            .order_by(TickRow.at.desc(), LineRow.id)
            .limit(200)
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


MOST_RANKED = 1000
"""Most poems of the ranking; pages end there."""
BEST, AMONG = 5, 50
"""How many best rated poems are shown, and from how many of the ranking they are chosen."""


@dataclass(frozen=True, slots=True)
class LovedLine:
    """A line, and how many visitors ticked it."""

    line: int
    text: str
    poem: str
    version: int | None
    """Number of the version that wrote it; None: readers may not know it yet."""
    readers: int
    ticked: bool
    """Did this visitor tick it?"""


@dataclass(frozen=True, slots=True)
class LovedPoem:
    """A poem with its ticks."""

    poem: Poem
    readers: int
    """Readers who ticked any of its lines."""
    lines: int
    """Number of its lines that anybody ticked."""
    shown: int
    """Readers who were shown any of its lines."""

    @property
    def rate(self) -> Rate | None:
        """Share of its readers who ticked a line of it."""
        return wilson(min(self.readers, self.shown), self.shown)


@dataclass(frozen=True, slots=True)
class Tickers:
    """How many readers have ticked lines of a voice."""

    readers: int
    counted: int
    """Those among them who count (`app/domain/visitor.py`)."""


@dataclass(frozen=True, slots=True)
class _Ranked:
    """A poem of the ranking."""

    id: str
    readers: int
    lines: int


class Loved(Queries):
    """Ranking by the number of different readers; only those who count (`app/domain/visitor.py`)."""

    def lines(self, voice: str, visitor: str | None = None, *, since: datetime | None = None) -> list[LovedLine]:
        """The 20 lines that most readers ticked after *since*; none from poems with words of a human."""
        readers = func.count()
        his = exists().where(TickRow.line_id == LineRow.id, TickRow.visitor_id == visitor, ~TickRow.taken_back)
        rows = self._since(
            select(
                LineRow.id,
                LineRow.text,
                LineRow.poem_id,
                VersionRow.number,
                PoemRow.trial_id,
                PoemRow.created,
                readers,
                his.correlate(LineRow),
            )
            .join(TickRow, TickRow.line_id == LineRow.id)
            .join(PoemRow, PoemRow.id == LineRow.poem_id)
            .join(VersionRow, VersionRow.id == LineRow.version_id)
            .where(PoemRow.voice == voice, ~HAS_HUMAN_WORDS)
            .group_by(LineRow.id, LineRow.text, LineRow.poem_id, VersionRow.number, PoemRow.trial_id, PoemRow.created)
            .order_by(readers.desc(), LineRow.id.desc())
            .limit(20),
            since,
        )
        return [
            LovedLine(line, text, poem, revealed(number, trial, created), by, bool(ticked))
            for line, text, poem, number, trial, created, by, ticked in self._session.execute(rows)
        ]

    def tickers(self, voice: str, *, since: datetime | None = None) -> Tickers:
        """How many readers ticked a line of the voice after *since*, and how many of them count."""
        counted = case((ImpressionRow.counted, TickRow.visitor_id))
        rows = (
            select(func.count(TickRow.visitor_id.distinct()), func.count(counted.distinct()))
            .join(ImpressionRow, TICK_OF_IMPRESSION)
            .where(ImpressionRow.voice == voice, ~TickRow.taken_back)
        )
        return Tickers(*self._session.execute(rows if since is None else rows.where(TickRow.at >= since)).one())

    def poems(
        self, voice: str, visitor: str | None, *, since: datetime | None = None, limit: int = 10
    ) -> list[LovedPoem]:
        """The poems of which most readers ticked a line after *since*."""
        return self._loved(self._ranked(voice, since=since)[:limit], visitor)

    def best(self, voice: str, visitor: str | None) -> list[LovedPoem]:
        """The best rated poems: by the lower end of the interval for the share of readers who ticked a line."""
        rated = self._loved(self._ranked(voice)[:AMONG], visitor)
        return sorted(rated, key=lambda one: one.rate.low if one.rate else 0.0, reverse=True)[:BEST]

    def page(
        self, voice: str, *, version: int | None = None, cursor: str | None = None, limit: int = 20, visitor: str
    ) -> tuple[list[Poem], str | None]:
        """A page of the ranking, of one version or of all, and the cursor of the next page or None."""
        offset = offset_of(cursor)
        ranked = self._ranked(voice, version=version)
        following = str(offset + limit) if len(ranked) > offset + limit else None
        return Poems(self._session).several([one.id for one in ranked[offset : offset + limit]], visitor), following

    def marks(self, poems: Sequence[Poem]) -> Mapping[int, int]:
        """How many readers ticked each line of these poems, by line id."""
        lines = [line.id for poem in poems for line in poem.lines]
        readers = func.count().label("readers")
        rows = select(TickRow.line_id, readers).where(TickRow.line_id.in_(lines)).group_by(TickRow.line_id)
        return {row.line_id: row.readers for row in self._session.execute(self._since(rows, None))}

    def _ranked(self, voice: str, *, since: datetime | None = None, version: int | None = None) -> list[_Ranked]:
        """The poems of which most readers ticked a line; of several drafts of a poem only the most ticked one.

        Drafts are poems that share a line: a reader kept some lines and had the others written again.
        """
        readers = func.count(TickRow.visitor_id.distinct()).label("readers")
        lines = func.count(TickRow.line_id.distinct()).label("lines")
        rows = (
            select(PoemRow.id, readers, lines)
            .join(PoemLineRow, PoemLineRow.poem_id == PoemRow.id)
            .join(TickRow, TickRow.line_id == PoemLineRow.line_id)
            .where(PoemRow.voice == voice, ~HAS_HUMAN_WORDS)
            .group_by(PoemRow.id, PoemRow.created)
            .order_by(readers.desc(), lines.desc(), PoemRow.created.desc())
            .limit(MOST_RANKED)
        )
        if version is not None:
            base = select(VoiceRow.base).where(VoiceRow.slug == voice).scalar_subquery()
            rows = rows.join(VersionRow, VersionRow.id == PoemRow.version_id)
            rows = rows.where(VersionRow.number == version, VersionRow.base == base, is_revealed())
        ranked = [_Ranked(**row._asdict()) for row in self._session.execute(self._since(rows, since))]
        lines_of: dict[str, set[int]] = {one.id: set() for one in ranked}
        for poem, line in self._session.execute(
            select(PoemLineRow.poem_id, PoemLineRow.line_id).where(PoemLineRow.poem_id.in_(lines_of))
        ):
            lines_of[poem].add(line)
        seen: set[int] = set()
        best_drafts = []
        for one in ranked:
            if seen.isdisjoint(lines_of[one.id]):
                best_drafts.append(one)
            seen |= lines_of[one.id]
        return best_drafts

    def _loved(self, ranked: Sequence[_Ranked], visitor: str | None) -> list[LovedPoem]:
        ids = [one.id for one in ranked]
        shown = {
            row.poem_id: row.readers
            for row in self._session.execute(
                select(PoemLineRow.poem_id, func.count(ImpressionRow.visitor_id.distinct()).label("readers"))
                .join(ImpressionRow, ImpressionRow.line_id == PoemLineRow.line_id)
                .where(PoemLineRow.poem_id.in_(ids), ImpressionRow.counted)
                .group_by(PoemLineRow.poem_id)
            )
        }
        poems = Poems(self._session).several(ids, visitor)
        return [
            LovedPoem(poem, one.readers, one.lines, shown.get(one.id, 0))
            for poem, one in zip(poems, ranked, strict=True)
        ]

    @staticmethod
    def _since(rows: Any, since: datetime | None) -> Any:
        """Restrict a query to ticks that stand, by readers who count, after *since*."""
        rows = rows.join(ImpressionRow, TICK_OF_IMPRESSION).where(~TickRow.taken_back, ImpressionRow.counted)
        return rows if since is None else rows.where(TickRow.at >= since)
