"""Drafts: the drawers of versions, and what a reader has seen of a voice."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, select, update

from app.domain.draft import LAST, MOST_HANDED_OUT, OLDEST, Draft, DrawerNeed, DrawerReport, Marks, Memory
from app.domain.poem import WrittenLine
from app.domain.version import Serving
from app.store.session import Queries, insert
from app.store.tables import SERVING, DraftRow, DrawerRow, LineRow, PoemLineRow, PoemRow, VersionRow, VoiceRow

REMEMBERED = 2 * LAST
"""Latest poems of a reader none of whose lines he is handed again."""
_HANDED = select(PoemRow.draft_id).where(
    PoemRow.visitor_id == bindparam("visitor"), PoemRow.voice == bindparam("voice"), PoemRow.draft_id.is_not(None)
)
_LATEST = (
    select(PoemRow.id, PoemRow.created)
    .where(PoemRow.visitor_id == bindparam("visitor"), PoemRow.voice == bindparam("voice"))
    .order_by(PoemRow.created.desc())
    .limit(REMEMBERED)
    .subquery()
)
_LINES = (
    select(PoemLineRow.poem_id, LineRow.text)
    .join(LineRow, LineRow.id == PoemLineRow.line_id)
    .join(_LATEST, _LATEST.c.id == PoemLineRow.poem_id)
    .order_by(_LATEST.c.created.desc(), PoemLineRow.poem_id, PoemLineRow.slot)
)


class Drafts(Queries):
    """Queries for drafts and drawers."""

    def changes(self) -> dict[int, int]:
        """By row id of a version: how often its drawer has changed."""
        return {row.version_id: row.changed for row in self._session.execute(select(DrawerRow))
                .scalars()}  # fmt: skip

    def of_version(self, version: int) -> list[Draft]:
        """The drafts of a version, oldest first."""
        rows = select(DraftRow).where(DraftRow.version_id == version).order_by(DraftRow.id)
        return [_draft(row) for row in self._session.scalars(rows)]

    def expired(self, version: int, now: datetime) -> list[int]:
        """Ids of the drafts that are too old, or were handed to enough readers."""
        over = (DraftRow.handed_out >= MOST_HANDED_OUT) | (DraftRow.created < now - OLDEST)
        return list(self._session.scalars(select(DraftRow.id).where(DraftRow.version_id == version, over)))

    def change(
        self, version: int, *, fresh: Sequence[Draft] = (), dropped: Collection[int] = (), written: int, now: datetime
    ) -> None:
        """Add *fresh* drafts to a version's drawer and delete the *dropped* ones. *written*: drafts that were read."""
        self._session.execute(delete(DraftRow).where(DraftRow.id.in_(dropped)))
        rows = [
            {
                "version_id": version,
                "seed": draft.seed,
                "temperature": draft.temperature,
                "lines": [[line.text, line.logprob, line.chance] for line in draft.lines],
                "marks": asdict(draft.marks),
                "handed_out": 0,
                "created": now,
            }
            for draft in fresh
        ]
        if rows:
            self._session.execute(insert(self._session, DraftRow.__table__), rows)
        new = insert(self._session, DrawerRow.__table__).values(version_id=version, written=written, changed=1)
        self._session.execute(
            new.on_conflict_do_update(
                index_elements=["version_id"],
                set_={"written": DrawerRow.written + written, "changed": DrawerRow.changed + 1},
            )
        )

    def hand_out(self, draft: int) -> None:
        """Count one reader more of a draft; one that has left the drawer meanwhile is not counted."""
        counted = update(DraftRow).where(DraftRow.id == draft).values(handed_out=DraftRow.handed_out + 1)
        self._session.execute(counted.execution_options(synchronize_session=False))

    def empty(self, voice: str) -> int:
        """Delete all drafts of a voice, and forget how many were written; how many there were."""
        mine = select(VersionRow.id).where(VersionRow.voice == voice)
        gone = self._session.execute(delete(DraftRow).where(DraftRow.version_id.in_(mine)))
        changed = update(DrawerRow).where(DrawerRow.version_id.in_(mine))
        self._session.execute(changed.values(written=0, changed=DrawerRow.changed + 1))
        return int(gone.rowcount)  # type: ignore[attr-defined]

    def prune(self, serving: Collection[int]) -> int:
        """Delete the drafts of versions that neither serve nor are on trial; how many."""
        gone = self._session.execute(delete(DraftRow).where(DraftRow.version_id.not_in(serving)))
        self._session.execute(delete(DrawerRow).where(DrawerRow.version_id.not_in(serving)))
        return int(gone.rowcount)  # type: ignore[attr-defined]

    def memory(self, voice: str, visitor: str) -> Memory:
        """What a visitor has seen of a voice."""
        who: Mapping[str, object] = {"visitor": visitor, "voice": voice}
        poems: dict[str, list[str]] = {}
        for row in self._rows(_LINES, who):
            poems.setdefault(row.poem_id, []).append(row.text)
        return Memory.of(self._rows(_HANDED, who).scalars(), list(poems.values()))

    def needs(self, serving: Sequence[Serving]) -> list[DrawerNeed]:
        """How full the drawers of these versions are, the emptiest first."""
        held = select(DraftRow.version_id, func.count().label("drafts")).group_by(DraftRow.version_id)
        counts: dict[int, int] = {row.version_id: row.drafts for row in self._session.execute(held)}
        written = {row.version_id: row.written for row in self._session.scalars(select(DrawerRow))}
        needs = [DrawerNeed(one, counts.get(one.version_id, 0), written.get(one.version_id, 0)) for one in serving]
        return sorted(needs, key=lambda need: (need.drafts, need.written))

    def report(self, voice: str) -> DrawerReport | None:
        """The drawer of the champion; None for a voice without one."""
        champion = self._session.execute(
            select(*SERVING).join(VoiceRow, VoiceRow.champion_id == VersionRow.id).where(VoiceRow.slug == voice)
        ).first()
        if champion is None:
            return None
        mine = DraftRow.version_id == champion.version_id
        count, oldest = self._session.execute(select(func.count(), func.min(DraftRow.created)).where(mine)).one()
        handed = (PoemRow.version_id == champion.version_id) & PoemRow.draft_id.is_not(None)
        drawer = self._session.get(DrawerRow, champion.version_id)
        return DrawerReport(
            voice=voice,
            version=champion.number,
            drafts=count,
            handed_out=self._session.scalar(select(func.count()).select_from(PoemRow).where(handed)) or 0,
            written=drawer.written if drawer else 0,
            oldest=oldest,
        )


def _draft(row: DraftRow) -> Draft:
    lines: list[Any] = row.lines
    return Draft(
        lines=tuple(
            WrittenLine(slot, text, logprob=logprob, chance=chance)
            for slot, (text, logprob, chance) in enumerate(lines)
        ),
        seed=row.seed,
        temperature=row.temperature,
        marks=Marks(**row.marks),
        id=row.id,
        handed_out=row.handed_out,
    )
