"""Versions of a voice: their rows, the champion pointer and its history, their impressions and ticks, and pruning."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, case, exists, func, select, update

from app.domain.errors import UnknownPoem, UnknownVersion, UnknownVoice
from app.domain.gate import Verdict
from app.domain.growth import Reception
from app.domain.lesson import LessonItem
from app.domain.rollback import Move, compared_with
from app.domain.trial import VISIT, TrialState
from app.domain.version import HistoryEntry, LetIn, ReadCount, Version, VersionReport, VersionStatus, wilson
from app.store.poems import is_revealed
from app.store.session import Queries
from app.store.tables import (
    TICK_OF_IMPRESSION,
    HistoryRow,
    ImpressionRow,
    LessonItemRow,
    LineRow,
    PoemRow,
    TickRow,
    TrialRow,
    VersionRow,
    VoiceRow,
)


class Versions(Queries):
    """Queries for versions."""

    def of_voice(self, voice: str) -> list[VersionReport]:
        """All versions of the voice's present base, newest first. Raises UnknownVoice."""
        owner = self._voice(voice)
        rows = self._session.scalars(
            select(VersionRow)
            .where(VersionRow.voice == voice, VersionRow.base == owner.base)
            .order_by(VersionRow.number.desc())
        ).all()
        return self._reports(rows, owner.champion_id)

    def newest_made(self, voice: str) -> datetime:
        """When the version of the highest number was made. Raises UnknownVoice, UnknownVersion."""
        owner = self._voice(voice)
        of_base = (VersionRow.voice == voice) & (VersionRow.base == owner.base)
        made = self._session.scalar(
            select(VersionRow.created).where(of_base).order_by(VersionRow.number.desc()).limit(1)
        )
        if made is None:
            raise UnknownVersion(voice)
        return made

    def one(self, voice: str, number: int) -> Version:
        """Version *number* of the voice's present base. Raises UnknownVoice, UnknownVersion."""
        owner = self._voice(voice)
        return _version(self._row(owner, number), owner.champion_id)

    def report(self, voice: str, number: int) -> VersionReport:
        """Version *number* with its impressions and ticks. Raises UnknownVoice, UnknownVersion."""
        owner = self._voice(voice)
        return self._reports([self._row(owner, number)], owner.champion_id)[0]

    def of_base(self, voice: str, id: int) -> Version | None:
        """The version with that row id, if it belongs to the voice's present base."""
        owner, row = self._voice(voice), self._session.get(VersionRow, id)
        return _version(row, owner.champion_id) if row and (row.voice, row.base) == (voice, owner.base) else None

    def champion(self, voice: str) -> Version:
        """The version that serves. Raises UnknownVoice, UnknownVersion."""
        owner = self._voice(voice)
        row = self._session.get(VersionRow, owner.champion_id) if owner.champion_id else None
        if row is None:
            raise UnknownVersion(voice)
        return _version(row, owner.champion_id)

    def add(
        self,
        voice: str,
        *,
        folder: str,
        status: VersionStatus,
        lesson: Mapping[str, object],
        metrics: Mapping[str, float],
        verdict: Verdict | None,
        run: int | None,
        now: datetime,
        items: Iterable[LessonItem] = (),
        samples: Sequence[Sequence[str]] = (),
    ) -> tuple[int, int]:
        """Add a version with the next number; returns its row id and number.

        *items*: the sources of its lesson; *samples*: poems it wrote.
        """
        owner = self._voice(voice)
        last = select(func.max(VersionRow.number)).where(VersionRow.voice == voice, VersionRow.base == owner.base)
        highest = self._session.scalar(last)
        row = VersionRow(
            voice=voice,
            base=owner.base,
            number=0 if highest is None else highest + 1,
            status=status,
            folder=folder,
            lesson=dict(lesson),
            metrics=_numbers(metrics),
            verdict=verdict.as_dict() if verdict else None,
            samples=[list(poem) for poem in samples],
            run_id=run,
            created=now,
        )
        self._session.add(row)
        self._session.flush()
        self._session.add_all(
            LessonItemRow(version_id=row.id, kind=item.kind, source_id=item.source, weight=item.weight, gain=item.gain)
            for item in items
        )
        return row.id, row.number

    def measured(self, version_id: int, metrics: Mapping[str, float], samples: Sequence[Sequence[str]] = ()) -> None:
        """Store metrics and sample poems of a version (of a base, once per release)."""
        known = update(VersionRow).where(VersionRow.id == version_id)
        self._session.execute(known.values(metrics=_numbers(metrics), samples=[list(poem) for poem in samples]))

    def admit(self, version_id: int) -> None:
        """Set the status to admitted."""
        known = update(VersionRow).where(VersionRow.id == version_id)
        self._session.execute(known.values(status=VersionStatus.ADMITTED))

    def promote(self, voice: str, number: int, *, by: str, reason: str, now: datetime) -> int | None:
        """Move the champion pointer and record the move; the version's row id, None if it is the champion already.

        Locks the voice's row, as `Retention.prune` does. Raises UnknownVersion, also for a pruned version.
        """
        owner = self._session.get(VoiceRow, voice, with_for_update=True, populate_existing=True)
        if owner is None:
            raise UnknownVoice(voice)
        row = self._row(owner, number)
        self._session.refresh(row, ["status"])
        if row.status == VersionStatus.PRUNED:
            raise UnknownVersion(f"{voice} {number}")
        if owner.champion_id == row.id:
            return None
        self._session.add(
            HistoryRow(voice=voice, version_id=row.id, was_id=owner.champion_id, at=now, by=by, reason=reason)
        )
        owner.champion_id = row.id
        self._session.flush()
        return row.id

    def history(self, voice: str) -> list[HistoryEntry]:
        """The moves of the champion pointer by version number, newest first. Raises UnknownVoice."""
        self._voice(voice)
        known = select(VersionRow.id, VersionRow.number).where(VersionRow.voice == voice)
        numbers = {row.id: row.number for row in self._session.execute(known)}
        rows = self._session.scalars(select(HistoryRow).where(HistoryRow.voice == voice).order_by(HistoryRow.id.desc()))
        return [
            HistoryEntry(
                version=numbers[row.version_id],
                was=None if row.was_id is None else numbers.get(row.was_id),
                at=row.at,
                by=row.by,
                reason=row.reason,
            )
            for row in rows
        ]

    def before(self, voice: str, number: int) -> int | None:
        """Number of the version to compare *number* with, by the rule `compared_with`; None for the base."""
        owner = self._voice(voice)
        version, champion = self._row(owner, number).id, self.champion(voice).id
        of_base = (VersionRow.voice == voice) & (VersionRow.base == owner.base)
        known = select(VersionRow.id, VersionRow.number).where(of_base)
        numbers = {row.id: row.number for row in self._session.execute(known)}
        found = compared_with(self.moves(voice), version, champion=champion, of_base=numbers)
        return None if found is None else numbers[found]

    def moves(self, voice: str) -> list[Move]:
        """The moves of the champion pointer by row id, newest first; input of the rollback and comparison rules."""
        rows = select(HistoryRow.version_id, HistoryRow.was_id, HistoryRow.at).where(HistoryRow.voice == voice)
        return [Move(*row) for row in self._session.execute(rows.order_by(HistoryRow.id.desc()))]

    def read_counts(self, ids: Collection[int]) -> list[ReadCount]:
        """Impressions and ticks of the versions with these row ids."""
        rows = self._session.scalars(
            select(VersionRow).where(VersionRow.id.in_(ids)).order_by(VersionRow.voice, VersionRow.number)
        ).all()
        return [
            ReadCount(row.voice, row.number, report.impressions, report.ticks)
            for row, report in zip(rows, self._reports(rows, None), strict=True)
        ]

    def samples(self, voice: str) -> dict[int, list[list[str]]]:
        """Sample poems by version number, for the voice's present base; all versions use the same seeds."""
        owner = self._voice(voice)
        rows = self._session.execute(
            select(VersionRow.number, VersionRow.samples)
            .where(VersionRow.voice == voice, VersionRow.base == owner.base)
            .order_by(VersionRow.number)
        )
        return {number: samples for number, samples in rows if samples}

    def lesson_of(self, poem: str) -> Mapping[str, object]:
        """The lesson summary of the version that wrote a poem. Raises UnknownPoem."""
        wrote = select(VersionRow.lesson).join(PoemRow, PoemRow.version_id == VersionRow.id).where(PoemRow.id == poem)
        found: Mapping[str, object] | None = self._session.scalar(wrote)
        if found is None:
            raise UnknownPoem(poem)
        return found

    def _voice(self, slug: str) -> VoiceRow:
        row = self._session.get(VoiceRow, slug)
        if row is None:
            raise UnknownVoice(slug)
        return row

    def _row(self, owner: VoiceRow, number: int) -> VersionRow:
        row = self._session.scalar(
            select(VersionRow).where(
                VersionRow.voice == owner.slug, VersionRow.base == owner.base, VersionRow.number == number
            )
        )
        if row is None:
            raise UnknownVersion(f"{owner.slug} {number}")
        return row

    def _reports(self, rows: Sequence[VersionRow], champion: int | None) -> list[VersionReport]:
        read = {
            version: (impressions, ticks or 0)
            for version, impressions, ticks in self._session.execute(
                select(
                    ImpressionRow.version_id, func.count(), func.sum(case((TickRow.taken_back.is_(False), 1), else_=0))
                )
                .outerjoin(TickRow, TICK_OF_IMPRESSION)
                .where(ImpressionRow.version_id.in_([row.id for row in rows]), _counts())
                .group_by(ImpressionRow.version_id)
            )
        }
        let_in = self._let_in([row.id for row in rows])
        reports = []
        for row in rows:
            impressions, ticks = read.get(row.id, (0, 0))
            reports.append(_report(row, impressions, ticks, champion, let_in.get(row.id)))
        return reports

    def receptions(self, voice: str) -> dict[int, Reception]:
        """Impressions and ticks by version number, for the present base; versions without readers are left out."""
        owner = self._voice(voice)
        ticked = func.sum(case((TickRow.taken_back.is_(False), 1), else_=0))
        of_reader = (
            select(VersionRow.number.label("number"), func.count().label("n"), ticked.label("t"))
            .select_from(ImpressionRow)
            .join(VersionRow, VersionRow.id == ImpressionRow.version_id)
            .outerjoin(TickRow, TICK_OF_IMPRESSION)
            .where(VersionRow.voice == voice, VersionRow.base == owner.base, _counts())
            .group_by(VersionRow.number, ImpressionRow.visitor_id)
            .subquery()
        )
        n, t = of_reader.c.n, of_reader.c.t
        rows = self._session.execute(
            select(
                of_reader.c.number,
                func.count().label("readers"),
                func.sum(n).label("lines"),
                func.sum(t).label("ticks"),
                func.sum(n * n).label("lines_squared"),
                func.sum(n * t).label("lines_ticks"),
                func.sum(t * t).label("ticks_squared"),
            ).group_by(of_reader.c.number)
        )
        return {
            row.number: Reception(
                readers=int(row.readers),
                lines=int(row.lines),
                ticks=int(row.ticks),
                lines_squared=int(row.lines_squared),
                lines_ticks=int(row.lines_ticks),
                ticks_squared=int(row.ticks_squared),
            )
            for row in rows
        }

    def _let_in(self, ids: Sequence[int]) -> dict[int, LetIn]:
        """Who promoted each version that was ever champion: readers, by a won trial, else an admin."""
        served = self._session.execute(
            select(HistoryRow.version_id, func.max(case((TrialRow.id.is_not(None), 1), else_=0)))
            .outerjoin(
                TrialRow, (TrialRow.challenger_id == HistoryRow.version_id) & (TrialRow.state == TrialState.BETTER)
            )
            .where(HistoryRow.version_id.in_(ids))
            .group_by(HistoryRow.version_id)
        )
        return {version: "readers" if preferred else "admin" for version, preferred in served}


def _counts() -> ColumnElement[bool]:
    """The condition on ImpressionRow: its reader counts, and may know which version wrote the line."""
    its_poem = exists().where(LineRow.id == ImpressionRow.line_id, PoemRow.id == LineRow.poem_id)
    return ImpressionRow.counted & ((ImpressionRow.at <= datetime.now(UTC) - VISIT) | its_poem.where(is_revealed()))


def _numbers(metrics: Mapping[str, float]) -> dict[str, float]:
    """The finite figures: JSON has no NaN, and Postgres refuses it."""
    return {name: float(value) for name, value in metrics.items() if math.isfinite(value)}


def _fields(row: VersionRow, champion: int | None) -> dict[str, Any]:
    """The fields of `Version`; *champion*: row id of the champion."""
    return {
        "id": row.id,
        "number": row.number,
        "status": VersionStatus(row.status),
        "created": row.created,
        "base": row.base,
        "folder": row.folder,
        "lesson": row.lesson,
        "metrics": row.metrics,
        "verdict": Verdict.from_dict(row.verdict) if row.verdict else None,
        "champion": row.id == champion,
    }


def _version(row: VersionRow, champion: int | None) -> Version:
    return Version(**_fields(row, champion))


def _report(row: VersionRow, impressions: int, ticks: int, champion: int | None, let_in: LetIn | None) -> VersionReport:
    fields = _fields(row, champion)
    passed = fields["verdict"] is None or fields["verdict"].admitted
    return VersionReport(
        **fields,
        impressions=impressions,
        ticks=int(ticks),
        tick_rate=wilson(int(ticks), impressions),
        let_in=None if passed else let_in,
    )


_NOT_PRUNABLE = (VersionStatus.BASE, VersionStatus.PRUNED)
"""A base always stays on the shelf; a pruned version has left it."""


class Retention(Queries):
    """Queries for the retention of version folders on the shelf."""

    def taught(self, voice: str) -> list[int]:
        """Row ids of the taught versions that are on the shelf, newest first; those of former bases too."""
        lying = select(VersionRow.id).where(VersionRow.voice == voice, VersionRow.status.not_in(_NOT_PRUNABLE))
        return list(self._session.scalars(lying.order_by(VersionRow.id.desc())))

    def prune(self, voice: str, ids: Collection[int]) -> list[str]:
        """Mark versions as pruned; returns their folders. The champion and bases are skipped.

        Locks the voice's row, as `Versions.promote` does: no version is promoted and pruned at the same time.
        """
        champion = self._session.scalar(select(VoiceRow.champion_id).where(VoiceRow.slug == voice).with_for_update())
        gone = (
            update(VersionRow)
            .where(
                VersionRow.voice == voice,
                VersionRow.id.in_(ids),
                VersionRow.id != (champion or 0),
                VersionRow.status.not_in(_NOT_PRUNABLE),
            )
            .values(status=VersionStatus.PRUNED)
            .returning(VersionRow.folder)
            .execution_options(synchronize_session=False)
        )
        return sorted(self._session.scalars(gone))

    def kept(self, folders: Collection[str]) -> set[str]:
        """Those of *folders* that belong to an unpruned version."""
        known = select(VersionRow.folder).where(
            VersionRow.folder.in_(folders), VersionRow.status != VersionStatus.PRUNED
        )
        return set(self._session.scalars(known))
