"""What became of what readers gave: which versions were taught a line or a poem, with what effect, and until when."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.store.tables import HistoryRow, LessonItemRow, VersionRow, VoiceRow

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
        return None if self.gain is None else math.exp(min(self.gain, MOST))


class Learnings:
    """Queries for what was learned."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def of(self, kind: Literal["line", "poem"], ids: Collection[int]) -> dict[int, Learned]:
        """By id of the line or submission, for those that any version of the voice's present base was taught."""
        rows = self._session.execute(
            select(LessonItemRow.source_id, LessonItemRow.gain, VersionRow, VoiceRow.champion_id)
            .join(VersionRow, VersionRow.id == LessonItemRow.version_id)
            .join(VoiceRow, (VoiceRow.slug == VersionRow.voice) & (VoiceRow.base == VersionRow.base))
            .where(LessonItemRow.kind == kind, LessonItemRow.source_id.in_(ids))
            .order_by(VersionRow.number)
        )
        taught: dict[int, list[tuple[VersionRow, float | None]]] = {}
        champions: dict[int, int | None] = {}
        for source, gain, version, champion in rows:
            taught.setdefault(source, []).append((version, gain))
            champions[source] = champion
        return {source: self._learned(found, champions[source]) for source, found in taught.items()}

    def _learned(self, found: list[tuple[VersionRow, float | None]], champion: int | None) -> Learned:
        newest, gain = found[-1]
        ids = [version.id for version, _ in found]
        serves = champion in ids
        left = select(func.max(HistoryRow.at)).where(HistoryRow.was_id.in_(ids), HistoryRow.version_id.not_in(ids))
        return Learned(
            versions=tuple(version.number for version, _ in found),
            last=newest.created,
            gain=gain,
            serves=serves,
            gone=None if serves else self._session.scalar(left),
        )
