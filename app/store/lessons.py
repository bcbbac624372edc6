"""Lessons: everything readers have given a voice so far, of which the next is made, and what became of it.

Readings: what some readers were shown, ticked or passed over. Feedback: what they gave. Learnings: which versions were
taught a line or a poem, with what effect, and until when.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Select, bindparam, exists, func, select

from app.domain.lesson import Feedback, ReadLine, TaughtPoem, TickedLine
from app.domain.run import credible
from app.domain.submission import SubmissionStatus
from app.store.session import Queries, parts
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


class Readings(Queries):
    """Queries for what readers read."""

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


class FeedbackStore(Queries):
    """Queries for what a lesson is built from."""

    def of(self, voice: str) -> Feedback:
        """Ticks that stand and poems that were approved; of visitors whose cookie came back."""
        rows = self._session.execute(
            select(TickRow, LineRow, PoemLineRow.slot)
            .join(LineRow, LineRow.id == TickRow.line_id)
            .join(PoemRow, PoemRow.id == LineRow.poem_id)
            .join(PoemLineRow, (PoemLineRow.poem_id == PoemRow.id) & (PoemLineRow.line_id == LineRow.id))
            .join(VisitorRow, VisitorRow.id == TickRow.visitor_id)
            .where(PoemRow.voice == voice, ~TickRow.taken_back, ~LineRow.primed, VisitorRow.returned.is_not(None))
            .order_by(TickRow.at, TickRow.line_id, TickRow.visitor_id)
        ).all()
        poems = self._texts({line.poem_id for _, line, _ in rows})
        ticks = [
            TickedLine(
                line=line.id,
                text=line.text,
                before="\n".join(text for at, text in poems[line.poem_id] if at < slot),
                visitor=tick.visitor_id,
                address=tick.address,
            )
            for tick, line, slot in rows
        ]
        taught = self._session.scalars(
            select(SubmissionRow)
            .where(SubmissionRow.voice == voice, SubmissionRow.status == SubmissionStatus.APPROVED)
            .order_by(SubmissionRow.id)
        )
        poems_taught = tuple(TaughtPoem(row.id, row.text, row.visitor_id, row.address) for row in taught)
        return Feedback(tuple(ticks), poems_taught, Tastes(self._session).judged(voice))

    def new_since_champion(self, voice: str, now: datetime) -> int:
        """Ticks and approved submissions that came after the newest version was made.

        All there are, when that lies in the future: the clock was wrong then, and only the next version can tell.
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

    def _texts(self, poems: set[str]) -> dict[str, Sequence[tuple[int, str]]]:
        texts: dict[str, list[tuple[int, str]]] = {poem: [] for poem in poems}
        lines = select(PoemLineRow.poem_id, PoemLineRow.slot, LineRow.text)
        lines = lines.join(LineRow, LineRow.id == PoemLineRow.line_id).order_by(PoemLineRow.poem_id, PoemLineRow.slot)
        for part in parts(poems):
            for poem, slot, text in self._session.execute(lines.where(PoemLineRow.poem_id.in_(part))):
                texts[poem].append((slot, text))
        return dict(texts)


MOST = 20.0
"""Nats beyond which a gain is told no more exactly."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What versions made of one text."""

    versions: tuple[int, ...]
    """Numbers of those that were taught it, oldest first."""
    last: datetime
    """When the newest of them was made."""
    gain: float | None
    """Nats a line by which the newest of them finds it likelier than the base does."""
    serves: bool
    """Was the version that serves taught it?"""
    gone: datetime | None
    """Since when a version serves that was not; None while one does that was, or if none that was ever served."""

    @property
    def times(self) -> float | None:
        """How many times likelier a line is to the newest of them than to the base."""
        return _times(self.gain)


@dataclass(frozen=True, slots=True)
class LearnedLine:
    """A line of a reader's that one version was taught."""

    text: str
    poem: str
    times: float | None
    """How many times likelier it is to that version than to the base."""


def _times(gain: float | None) -> float | None:
    return None if gain is None else math.exp(min(gain, MOST))


@dataclass(frozen=True, slots=True)
class News:
    """What the version that serves has learned of a reader since he was last here."""

    version: int
    lines: int
    """Of those he ticked; that the version before was not taught."""
    poems: int


Move = tuple[int | None, int, datetime]
"""Row ids of the version that was replaced, and of the one that serves instead; and when."""


# Built once: every page with a poem asks these, and to build them costs as much as to ask.
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
    ~exists().where(DayRow.poem_id == PoemRow.id),  # he may be the one for whom the day's was written just now
)


class Learnings(Queries):
    """Queries for what was learned."""

    def of(self, kind: Literal["line", "poem"], ids: Collection[int]) -> dict[int, Learned]:
        """By id of the line or submission, for those that any version of the voice's present base was taught."""
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
        """What the version that serves was taught of a visitor's, and the one before was not.

        None unless it took over after the newest poem that was written for him: then he has read it.
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
        """How many of *mine* that version was taught, and the one before was not."""
        before = select(LessonItemRow.source_id).where(LessonItemRow.version_id == was, LessonItemRow.kind == kind)
        found = select(func.count()).where(
            LessonItemRow.version_id == version,
            LessonItemRow.kind == kind,
            LessonItemRow.source_id.in_(mine),
            LessonItemRow.source_id.not_in(before),
        )
        return self._session.scalar(found) or 0

    def by(self, voice: str, number: int, visitor: str, limit: int = 20) -> list[LearnedLine]:
        """Of the lines that a visitor ticked, those that a version of the voice's present base was taught."""
        rows = self._session.execute(
            select(LineRow.text, LineRow.poem_id, LessonItemRow.gain)
            .join(LessonItemRow, (LessonItemRow.source_id == LineRow.id) & (LessonItemRow.kind == "line"))
            .join(VersionRow, VersionRow.id == LessonItemRow.version_id)
            .join(VoiceRow, (VoiceRow.slug == VersionRow.voice) & (VoiceRow.base == VersionRow.base))
            .join(TickRow, (TickRow.line_id == LineRow.id) & (TickRow.visitor_id == visitor) & ~TickRow.taken_back)
            .where(VoiceRow.slug == voice, VersionRow.number == number)
            .order_by(LessonItemRow.gain.desc(), LineRow.id)
            .limit(limit)
        )
        return [LearnedLine(text, poem, _times(gain)) for text, poem, gain in rows]

    def _moves(self, versions: Collection[int]) -> list[Move]:
        """When one of those versions (row ids) was replaced, and by which."""
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
