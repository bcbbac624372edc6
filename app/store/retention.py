"""Retention: which versions lie on the shelf, and what is taken off it."""

from collections.abc import Collection

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.domain.version import VersionStatus
from app.store.tables import VersionRow, VoiceRow

_STAYS = (VersionStatus.BASE, VersionStatus.PRUNED)
"""A base is never removed; what was removed is gone."""


class Retention:
    """Queries for the shelf's keeper."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def taught(self, voice: str) -> list[int]:
        """Ids of the taught versions that lie on the shelf, newest first; of former bases too."""
        lying = select(VersionRow.id).where(VersionRow.voice == voice, VersionRow.status.not_in(_STAYS))
        return list(self._session.scalars(lying.order_by(VersionRow.id.desc())))

    def prune(self, voice: str, ids: Collection[int]) -> list[str]:
        """Take those off the books; their folders. One that became champion meanwhile, and a base, stay.

        Holds the voice's row, as `Versions.promote` does: no version is promoted and pruned at once.
        """
        champion = self._session.scalar(select(VoiceRow.champion_id).where(VoiceRow.slug == voice).with_for_update())
        gone = (
            update(VersionRow)
            .where(
                VersionRow.voice == voice,
                VersionRow.id.in_(ids),
                VersionRow.id != (champion or 0),
                VersionRow.status.not_in(_STAYS),
            )
            .values(status=VersionStatus.PRUNED)
            .returning(VersionRow.folder)
            .execution_options(synchronize_session=False)
        )
        return sorted(self._session.scalars(gone))

    def kept(self, folders: Collection[str]) -> set[str]:
        """Those of *folders* that belong to a version that is not pruned."""
        known = select(VersionRow.folder).where(
            VersionRow.folder.in_(folders), VersionRow.status != VersionStatus.PRUNED
        )
        return set(self._session.scalars(known))
