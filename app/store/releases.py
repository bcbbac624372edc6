"""Releases: what a base voice that ships with the project means for the versions there are."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.domain.version import VersionStatus
from app.store.tables import HistoryRow, VersionRow, VoiceRow
from app.store.versions import Versions

NOTHING_TAUGHT = {"hash": "", "ticks": 0, "submissions": 0, "visitors": 0}


class Releases:
    """Queries for releases of bases."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def take_up(self, voice: str, *, folder: str, now: datetime) -> int:
        """The voice's present base, which lies at *folder*, gets its version 0; number of the version to serve.

        A former base that lay there too keeps its row under another name; one that comes back has its own again.
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
