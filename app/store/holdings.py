"""Holdings: what there is of a voice, who may see it, and its removal."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

from sqlalchemy import Table, delete, func, select, update

from app.domain.errors import UnknownVoice
from app.domain.run import RunState
from app.domain.trial import TrialEnd, TrialState
from app.domain.version import Holdings, VersionStatus
from app.store.drafts import Drafts
from app.store.session import Queries
from app.store.tables import (
    ImpressionRow,
    LineRow,
    PieceRow,
    PoemRow,
    RunRow,
    SubmissionRow,
    TickRow,
    TrialRow,
    VersionRow,
    VoiceRow,
    metadata,
)
from app.store.voices import Voices

SHIPPED = "base:"
"""Beginning of the shelf keys of bases that ship with the project."""
AWAY = "~"
"""Between a removed voice's slug and a number: no address of the site can contain it."""
LONGEST_SLUG = 40


@dataclass(frozen=True, slots=True)
class Removed:
    """What is left of a removed voice."""

    name: str
    """Under which an export has what readers gave it."""
    folders: tuple[str, ...]
    """Keys of its versions on the shelf, which nothing needs any more."""


class Owned(Queries):
    """Queries for the owner of voices."""

    def of(self, slug: str) -> Holdings:
        """What there is of the voice. Raises UnknownVoice."""
        voice = Voices(self._session).one(slug)
        shipped = select(VersionRow.id).where(VersionRow.voice == slug, VersionRow.folder.startswith(SHIPPED))
        ticked = TickRow.line_id.in_(select(ImpressionRow.line_id).where(ImpressionRow.voice == slug))
        return Holdings(
            voice=voice,
            shipped=self._session.scalar(shipped.limit(1)) is not None,
            poems=self._count(PoemRow, PoemRow.voice == slug),
            ticks=self._count(TickRow, ticked & ~TickRow.taken_back),
            submissions=self._count(SubmissionRow, SubmissionRow.voice == slug),
        )

    def all(self) -> list[Holdings]:
        """What there is of each voice, oldest first."""
        return [self.of(voice.slug) for voice in Voices(self._session).all()]

    def _count(self, table: Any, where: Any) -> int:
        return self._session.scalar(select(func.count()).select_from(table).where(where)) or 0

    def list_(self, slug: str, *, listed: bool) -> bool:
        """Let visitors find the voice, or not; False when it was so already. Raises UnknownVoice."""
        row = self._session.get(VoiceRow, slug, with_for_update=True)
        if row is None or row.champion_id is None:
            raise UnknownVoice(slug)
        changed = row.listed != listed
        row.listed = listed
        return changed

    def voice_of(self, kind: str, id: str) -> str | None:
        """The voice of a poem, a line, a piece or a submission (by its token); None if there is none."""
        found = {
            "poem": select(PoemRow.voice).where(PoemRow.id == id),
            "piece": select(PieceRow.voice).where(PieceRow.id == id),
            "token": select(SubmissionRow.voice).where(SubmissionRow.token == id),
        }
        if kind == "line":
            if not id.isascii() or not id.isdigit() or len(id) > 18:
                return None
            of_line = select(PoemRow.voice).join(LineRow, LineRow.poem_id == PoemRow.id)
            return self._session.scalar(of_line.where(LineRow.id == int(id)))
        return self._session.scalar(found[kind]) if kind in found else None

    def remove(self, slug: str, now: datetime) -> Removed:
        """Remove the voice and free its slug; what readers gave stays, under another name, and can be exported.

        Runs and trials under way end, and drafts are deleted. Poems, ticks and submissions are their readers' own: they
        leave with them (`Privacy.erase`), not with the voice.
        """
        Drafts(self._session).empty(slug)
        self._end(RunRow, slug, (RunState.QUEUED, RunState.RUNNING), state=RunState.CANCELLED, ended=now)
        self._end(TrialRow, slug, (TrialState.RUNNING,), state=TrialState.STOPPED, reason=TrialEnd.GONE, ended=now)
        owned = list(self._session.scalars(select(VersionRow).where(VersionRow.voice == slug)))
        folders = tuple(sorted(version.folder for version in owned))
        for version in owned:
            version.status, version.folder = VersionStatus.PRUNED, f"removed:{version.id}"  # the key is free, too
        name = self._renamed_away(slug)
        return Removed(name, folders)

    def _end(self, table: Any, slug: str, states: Iterable[str], **values: Any) -> None:
        active = update(table).where(table.voice == slug, table.state.in_(tuple(states)))
        self._session.execute(active.values(**values).execution_options(synchronize_session=False))

    def _renamed_away(self, slug: str) -> str:
        """Give every row of the voice to a new one that serves nothing; its name."""
        taken = set(self._session.scalars(select(VoiceRow.slug).where(VoiceRow.slug.contains(AWAY))))
        names = (f"{slug[: LONGEST_SLUG - len(str(number)) - 1]}{AWAY}{number}" for number in count(1))
        name = next(name for name in names if name not in taken)
        row = self._session.get_one(VoiceRow, slug)
        kept = {"title": row.title, "language": row.language, "base": row.base, "created": row.created}
        self._session.add(VoiceRow(slug=name, champion_id=None, listed=False, **kept))
        self._session.flush()
        for table in metadata.sorted_tables:
            for column in naming(table):
                self._session.execute(update(table).where(column == slug).values({column.name: name}))
        self._session.execute(delete(VoiceRow).where(VoiceRow.slug == slug))
        self._session.expire_all()
        return name


def naming(table: Table) -> list[Any]:
    """The columns of a table that name a voice."""
    slug = VoiceRow.__table__.c.slug
    return [column for column in table.columns if any(key.column is slug for key in column.foreign_keys)]
