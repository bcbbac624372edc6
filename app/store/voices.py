"""Voices: the bots of this site, their champions, and the installation of their bases."""

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import aliased

from app.domain.errors import UnknownVoice
from app.domain.version import Serving, VersionStatus, VoiceReport
from app.store.session import Queries
from app.store.tables import SERVING, HistoryRow, VersionRow, VoiceRow
from app.store.versions import Versions

_TAUGHT = aliased(VersionRow)
_REPORTS = (
    select(
        VoiceRow.slug,
        VoiceRow.title,
        VoiceRow.language,
        VoiceRow.base,
        VoiceRow.listed,
        VersionRow.id,
        VersionRow.number,
        VersionRow.created,
        VersionRow.lesson,
        select(func.count())
        .where(_TAUGHT.voice == VoiceRow.slug, _TAUGHT.base == VoiceRow.base)
        .correlate(VoiceRow)
        .scalar_subquery()
        .label("versions"),
    )
    .join(VersionRow, VersionRow.id == VoiceRow.champion_id)
    .order_by(VoiceRow.created, VoiceRow.slug)
)
"""One row for each voice with a champion: the voice, its champion, the number of versions of its present base."""
_REPORT = _REPORTS.where(VoiceRow.slug == bindparam("slug"))
NOTHING_TAUGHT = {"hash": "", "ticks": 0, "submissions": 0, "visitors": 0}
"""The lesson summary of a base."""


class Voices(Queries):
    """Queries for voices."""

    def all(self) -> list[VoiceReport]:
        """Every voice with a champion, oldest first."""
        return [_report(row) for row in self._rows(_REPORTS, {})]

    def listed(self) -> list[VoiceReport]:
        """Every voice that visitors find, oldest first."""
        return [voice for voice in self.all() if voice.listed]

    def check(self, slug: str) -> None:
        """Raise UnknownVoice unless there is a voice of that slug with a champion."""
        if self._session.scalar(select(VoiceRow.champion_id).where(VoiceRow.slug == slug)) is None:
            raise UnknownVoice(slug)

    def one(self, slug: str) -> VoiceReport:
        """The voice of that slug. Raises UnknownVoice."""
        row = self._rows(_REPORT, {"slug": slug}).one_or_none()
        if row is None:
            raise UnknownVoice(slug)
        return _report(row)

    def bases(self) -> set[tuple[str, str]]:
        """The slug of each voice, and the release of its base."""
        return {(slug, base) for slug, base in self._session.execute(select(VoiceRow.slug, VoiceRow.base))}

    def add(self, slug: str, *, title: str, language: str, base: str, now: datetime, listed: bool = True) -> bool:
        """Add a voice, or change its base to a new release; False when it has this base already.

        *listed*: of a new voice. Afterwards the caller calls `install_base` and promotes the version that it returns.
        """
        row = self._session.get(VoiceRow, slug)
        if row is not None and row.base == base:
            return False
        if row is None:
            named = {"slug": slug, "title": title, "language": language, "base": base}
            self._session.add(VoiceRow(**named, created=now, listed=listed))
        else:
            row.title, row.language, row.base = title, language, base
        self._session.flush()
        return True

    def base(self, slug: str) -> Serving | None:
        """Version 0 of a voice's present base; None for an unknown voice."""
        row = self._session.execute(
            select(*SERVING)
            .join(VoiceRow, (VersionRow.voice == VoiceRow.slug) & (VersionRow.base == VoiceRow.base))
            .where(VoiceRow.slug == slug, VersionRow.number == 0)
        ).one_or_none()
        return Serving(**row._asdict()) if row else None

    def champions(self) -> list[Serving]:
        """The champions of all voices, as an engine loads them."""
        rows = self._session.execute(
            select(*SERVING, VoiceRow.listed)
            .join(VoiceRow, VersionRow.id == VoiceRow.champion_id)
            .order_by(VoiceRow.created, VoiceRow.slug)
        )
        return [Serving(**row._asdict()) for row in rows]

    def install_base(self, voice: str, *, folder: str, now: datetime) -> int:
        """Add version 0 of the voice's present base, at *folder*, unless it exists; number of the version to promote.

        That is version 0, or the last champion of a base that was installed before. The row of another base with the
        same folder is renamed.
        """
        base = self._session.get_one(VoiceRow, voice).base
        former = update(VersionRow).where(VersionRow.folder == folder, VersionRow.base != base)
        self._session.execute(former.values(folder=VersionRow.folder + "@" + VersionRow.base))
        of_base = (VersionRow.voice == voice) & (VersionRow.base == base)
        known = self._session.scalar(select(VersionRow).where(of_base, VersionRow.number == 0))
        if known is None:
            _, number = Versions(self._session).add(
                voice,
                folder=folder,
                status=VersionStatus.BASE,
                lesson=NOTHING_TAUGHT,
                metrics={},
                verdict=None,
                run=None,
                now=now,
            )
            return number
        known.folder = folder
        served = (
            select(VersionRow.number)
            .join(HistoryRow, HistoryRow.version_id == VersionRow.id)
            .where(of_base, VersionRow.status != VersionStatus.PRUNED)
            .order_by(HistoryRow.id.desc())
            .limit(1)
        )
        return self._session.scalar(served) or 0


def _report(row: Any) -> VoiceReport:
    lesson = row.lesson
    return VoiceReport(
        slug=row.slug,
        title=row.title,
        language=row.language,
        base=row.base,
        champion=row.number,
        champion_id=row.id,
        versions=row.versions,
        lines_taught=int(lesson.get("ticks", 0)) + int(lesson.get("submissions", 0)),
        taught=row.created if row.number else None,
        lesson=lesson,
        listed=row.listed,
    )
