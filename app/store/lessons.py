"""Lessons: the feedback that the next lesson is built from, and what versions learned from earlier feedback."""

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Select, bindparam, exists, func, select

from app.domain.lesson import Feedback, Given, ReadLine
from app.domain.run import credible
from app.domain.submission import SubmissionStatus
from app.store.session import Queries, batches
from app.store.tables import (
    TICK_OF_IMPRESSION,
    DayRow,
    HistoryRow,
    ImpressionRow,
    LessonItemRow,
    LineRow,
    PoemLineRow,
    PoemRow,
    SubmissionRow,
    TickRow,
    VersionRow,
    VisitorRow,
    VoiceRow,
)
from app.store.tastes import Tastes
from app.store.versions import Versions


class FeedbackStore(Queries):
    """Queries for what a lesson is built from, and what held-out readers are asked about."""

    def of(self, voice: str) -> Feedback:
        """All ticks that stand, approved submissions and judged lines, of visitors whose cookie has come back."""
        rows = self._session.execute(
            select(TickRow, LineRow)
            .join(LineRow, LineRow.id == TickRow.line_id)
            .join(PoemRow, PoemRow.id == LineRow.poem_id)
            .join(VisitorRow, VisitorRow.id == TickRow.visitor_id)
            .where(PoemRow.voice == voice, ~TickRow.taken_back, ~LineRow.primed, VisitorRow.returned.is_not(None))
            .order_by(TickRow.at, TickRow.line_id, TickRow.visitor_id)
        ).all()
        above = self._lines_above({line.poem_id for _, line in rows})
        ticks = [
            Given("line", line.id, line.text, tick.visitor_id, tick.address, above[line.poem_id, line.id])
            for tick, line in rows
        ]
        submissions = self._session.scalars(
            select(SubmissionRow)
            .where(SubmissionRow.voice == voice, SubmissionRow.status == SubmissionStatus.APPROVED)
            .order_by(SubmissionRow.id)
        )
        poems = tuple(Given("poem", row.id, row.text, row.visitor_id, row.address) for row in submissions)
        return Feedback(tuple(ticks), poems, Tastes(self._session).judged(voice))

    def readings(self, voice: str, visitors: Collection[str]) -> list[ReadLine]:
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
            for batch in batches(sorted(visitors))
            for row in self._session.execute(read.where(ImpressionRow.visitor_id.in_(batch)))
        ]
        above = self._lines_above({row.poem_id for row in rows})
        return [
            ReadLine(visitor, text, above[poem, line], taken_back is False)
            for visitor, line, poem, text, taken_back in rows
        ]

    def taught(self, version: int) -> set[int]:
        """Ids of the lines in the lesson of that version (row id)."""
        lines = select(LessonItemRow.source_id).where(LessonItemRow.version_id == version, LessonItemRow.kind == "line")
        return set(self._session.scalars(lines))

    def _lines_above(self, poems: Collection[str]) -> dict[tuple[str, int], str]:
        """By poem and line of those poems: the lines above it in the poem."""
        places = select(PoemLineRow.poem_id, LineRow.id, LineRow.text).join(LineRow, LineRow.id == PoemLineRow.line_id)
        texts: dict[str, list[str]] = defaultdict(list)
        above = {}
        for batch in batches(poems):
            found = places.where(PoemLineRow.poem_id.in_(batch)).order_by(PoemLineRow.poem_id, PoemLineRow.slot)
            for poem, line, text in self._session.execute(found):
                above[poem, line] = "\n".join(texts[poem])
                texts[poem].append(text)
        return above

    def new_since_champion(self, voice: str, now: datetime) -> int:
        """Number of ticks and approved submissions since the newest version was made.

        If that time lies in the future because a clock was wrong, all of them count.
        """
        newest = credible(Versions(self._session).newest_made(voice), now)
        ticks = self._session.scalar(
            select(func.count())
            .select_from(TickRow)
            .join(LineRow, LineRow.id == TickRow.line_id)
            .join(PoemRow, PoemRow.id == LineRow.poem_id)
            .join(VisitorRow, VisitorRow.id == TickRow.visitor_id)
            .where(PoemRow.voice == voice, ~TickRow.taken_back, TickRow.at > newest, VisitorRow.returned.is_not(None))
        )
        poems = self._session.scalar(
            select(func.count())
            .select_from(SubmissionRow)
            .where(SubmissionRow.voice == voice, SubmissionRow.status == SubmissionStatus.APPROVED)
            .where(SubmissionRow.decided > newest)
        )
        return (ticks or 0) + (poems or 0)


MAX_GAIN = 20.0
"""Nats; a larger gain is shown as this."""


@dataclass(frozen=True, slots=True)
class Learned:
    """Which versions were taught a text, and with what effect."""

    versions: tuple[int, ...]
    """Numbers of the versions that were taught it, oldest first."""
    last: datetime
    """When the newest of them was made."""
    gain: float | None
    """Log-likelihood a line by the newest of them minus that by the base, in nats."""
    serves: bool
    """Was the champion taught it?"""
    gone: datetime | None
    """When a version that was taught it last stopped being champion; None if one is champion, or none ever was."""

    @property
    def times(self) -> float | None:
        """How many times likelier a line is by the newest of them than by the base."""
        return _times(self.gain)


@dataclass(frozen=True, slots=True)
class LearnedLine:
    """A line that a reader ticked and a version was taught."""

    text: str
    poem: str
    times: float | None
    """How many times likelier it is by that version than by the base."""


def _times(gain: float | None) -> float | None:
    return None if gain is None else math.exp(min(gain, MAX_GAIN))


@dataclass(frozen=True, slots=True)
class News:
    """What the champion has learned from a reader since his last visit."""

    version: int
    lines: int
    """Lines he ticked that the champion was taught and its predecessor was not."""
    poems: int
    """The same of his submissions."""


Move = tuple[int | None, int, datetime]
"""A move of the champion pointer: row ids of the old and of the new champion, and the time."""


# Built once, because every page with a poem uses them: building a query takes as long as executing it.
_TAUGHT = (
    select(LessonItemRow.source_id, LessonItemRow.gain, VersionRow, VoiceRow.champion_id)
    .join(VersionRow, VersionRow.id == LessonItemRow.version_id)
    .join(VoiceRow, (VoiceRow.slug == VersionRow.voice) & (VoiceRow.base == VersionRow.base))
    .where(LessonItemRow.kind == bindparam("kind"), LessonItemRow.source_id.in_(bindparam("ids", expanding=True)))
    .order_by(VersionRow.number)
)
_TAKEN_OVER = (
    select(HistoryRow.version_id, HistoryRow.was_id, HistoryRow.at, VersionRow.number)
    .join(VoiceRow, (VoiceRow.slug == HistoryRow.voice) & (VoiceRow.champion_id == HistoryRow.version_id))
    .join(VersionRow, VersionRow.id == HistoryRow.version_id)
    .where(HistoryRow.voice == bindparam("voice"))
    .order_by(HistoryRow.id.desc())
    .limit(1)
)
_LAST_READ = select(func.max(PoemRow.created)).where(
    PoemRow.visitor_id == bindparam("visitor"),
    PoemRow.voice == bindparam("voice"),
    ~exists().where(DayRow.poem_id == PoemRow.id),  # today's poem of the day may have just been written for him
)


class Learnings(Queries):
    """Queries for what versions learned."""

    def of(self, kind: Literal["line", "poem"], ids: Collection[int]) -> dict[int, Learned]:
        """What was learned from those lines or submissions, by id; those that no version was taught are left out.

        Only versions of the voice's present base count.
        """
        rows = self._session.execute(_TAUGHT, {"kind": kind, "ids": list(ids)})
        taught: dict[int, list[tuple[VersionRow, float | None]]] = {}
        champions: dict[int, int | None] = {}
        for source, gain, version, champion in rows:
            taught.setdefault(source, []).append((version, gain))
            champions[source] = champion
        left = [found for source, found in taught.items() if champions[source] not in {one.id for one, _ in found}]
        moves = self._moves({version.id for found in left for version, _ in found})
        return {source: _learned(found, champions[source], moves) for source, found in taught.items()}

    def news(self, voice: str, visitor: str) -> News | None:
        """News for a visitor: what the champion was taught of his feedback, and its predecessor was not.

        None if a poem was written for him since this champion took over: then he has seen the news.
        """
        taken_over = self._rows(_TAKEN_OVER, {"voice": voice}).one_or_none()
        last_read = self._rows(_LAST_READ, {"voice": voice, "visitor": visitor}).scalar()
        if taken_over is None or last_read is None or last_read >= taken_over.at:
            return None
        ticked = select(TickRow.line_id).where(TickRow.visitor_id == visitor, ~TickRow.taken_back)
        taught = select(SubmissionRow.id).where(SubmissionRow.visitor_id == visitor)
        taught = taught.where(SubmissionRow.status == SubmissionStatus.APPROVED)
        lines, poems = (
            self._count_new(taken_over.version_id, taken_over.was_id, kind, mine)
            for kind, mine in (("line", ticked), ("poem", taught))
        )
        return News(taken_over.number, lines, poems) if lines or poems else None

    def _count_new(self, version: int, was: int | None, kind: str, mine: Select[Any]) -> int:
        """How many of the ids in *mine* are in the lesson of *version*, but not in that of *was*."""
        before = select(LessonItemRow.source_id).where(LessonItemRow.version_id == was, LessonItemRow.kind == kind)
        found = select(func.count()).where(
            LessonItemRow.version_id == version,
            LessonItemRow.kind == kind,
            LessonItemRow.source_id.in_(mine),
            LessonItemRow.source_id.not_in(before),
        )
        return self._session.scalar(found) or 0

    def by(self, voice: str, number: int, visitor: str) -> list[LearnedLine]:
        """The visitor's ticked lines that version *number* of the voice's present base was taught, at most 20."""
        rows = self._session.execute(
            select(LineRow.text, LineRow.poem_id, LessonItemRow.gain)
            .join(LessonItemRow, (LessonItemRow.source_id == LineRow.id) & (LessonItemRow.kind == "line"))
            .join(VersionRow, VersionRow.id == LessonItemRow.version_id)
            .join(VoiceRow, (VoiceRow.slug == VersionRow.voice) & (VoiceRow.base == VersionRow.base))
            .join(TickRow, (TickRow.line_id == LineRow.id) & (TickRow.visitor_id == visitor) & ~TickRow.taken_back)
            .where(VoiceRow.slug == voice, VersionRow.number == number)
            .order_by(LessonItemRow.gain.desc(), LineRow.id)
            .limit(20)
        )
        return [LearnedLine(text, poem, _times(gain)) for text, poem, gain in rows]

    def _moves(self, versions: Collection[int]) -> list[Move]:
        """The moves of the champion pointer away from one of those versions (row ids)."""
        if not versions:
            return []
        moves = select(HistoryRow.was_id, HistoryRow.version_id, HistoryRow.at).where(HistoryRow.was_id.in_(versions))
        return [(was, to, at) for was, to, at in self._session.execute(moves)]


def _learned(found: Sequence[tuple[VersionRow, float | None]], champion: int | None, moves: Sequence[Move]) -> Learned:
    newest, gain = found[-1]
    ids = {version.id for version, _ in found}
    serves = champion in ids
    left = [at for was, to, at in moves if was in ids and to not in ids]
    return Learned(
        versions=tuple(version.number for version, _ in found),
        last=newest.created,
        gain=gain,
        serves=serves,
        gone=None if serves else max(left, default=None),
    )
