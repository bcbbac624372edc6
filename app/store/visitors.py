"""Visitors: anonymous readers, which of them count, and the export and deletion of a visitor's data.

Deletion keeps a poem that was written for the visitor only if others were shown it or quote a line of it. Such a poem
is reassigned to an anonymous visitor, without any words that he typed.
"""

import hashlib
import secrets
from collections.abc import Collection, Iterator
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, delete, exists, func, select, update

from app.domain.trial import TrialState
from app.domain.visitor import READERS_PER_ADDRESS
from app.store.guesses import Guesses
from app.store.poems import Poems
from app.store.session import BATCH, Queries, as_dict, batches, dialect_of, insert, insert_in
from app.store.submissions import Pieces, Submissions
from app.store.tables import (
    DayRow,
    GuessRow,
    ImpressionRow,
    LessonItemRow,
    LineRow,
    PieceRow,
    PlaceRow,
    PoemLineRow,
    PoemRow,
    SketchRow,
    SubmissionRow,
    TickRow,
    TrialRow,
    VisitorRow,
)

# Built once, because almost every request uses them: building a query takes as long as executing it.
_RETURNED = select(VisitorRow.returned).where(VisitorRow.id == bindparam("visitor"))
_PLACES = select(PlaceRow.place, PlaceRow.visitor_id).where(PlaceRow.address == bindparam("address"))


@cache
def _greeting(dialect: str) -> Any:
    """An upsert of a visitor that writes only if something changed; returns when his cookie first came back."""
    new = insert_in(dialect, VisitorRow.__table__)
    known = {"address": new.excluded.address, "returned": func.coalesce(VisitorRow.returned, new.excluded.returned)}
    news = (VisitorRow.address != new.excluded.address) | (
        VisitorRow.returned.is_(None) & new.excluded.returned.is_not(None)
    )
    written = new.on_conflict_do_update(index_elements=["id"], set_=known, where=news)
    return written.returning(VisitorRow.returned)


class Visitors(Queries):
    """Queries for visitors."""

    def greet(self, visitor: str, *, cookie_came_back: bool, address: str, now: datetime) -> None:
        """Create or update the visitor's row; when his cookie first comes back, his earlier impressions count too."""
        returned = now if cookie_came_back else None
        here = {"id": visitor, "created": now, "returned": returned, "address": address}
        since = self._session.scalar(_greeting(dialect_of(self._session)), here)
        if cookie_came_back and since == now and self.counts(visitor, address=address, now=now):
            seen = update(ImpressionRow).where(ImpressionRow.visitor_id == visitor).values(counted=True)
            self._session.execute(seen.execution_options(synchronize_session=False))

    def counts(self, visitor: str, *, address: str, now: datetime) -> bool:
        """Does a visitor who came back count today? Only the first few visitors of an address do, who take its places.

        A place is a row with a primary key, so that two visitors cannot take the same one. If the address is unknown
        (""), every visitor counts.
        """
        if not address:
            return True
        known = {row.place: row.visitor_id for row in self._rows(_PLACES, {"address": address})}
        if visitor in known.values():
            return True
        for place in range(READERS_PER_ADDRESS):
            mine = insert(self._session, PlaceRow).values(address=address, place=place, visitor_id=visitor, at=now)
            took = mine.on_conflict_do_nothing().returning(PlaceRow.place)
            if place not in known and self._session.scalar(took) is not None:
                return True
        return False

    def has_returned(self, visitor: str) -> bool:
        """Has the visitor's cookie ever come back?"""
        return self._rows(_RETURNED, {"visitor": visitor}).scalar() is not None

    def sweep(self, *, before: datetime) -> int:
        """Delete visitors from before *before* whose cookie never came back, with the poems that only they were shown.

        At most `BATCH` poems at a time; the next sweep deletes the rest. Returns the number of poems.
        """
        ghosts = select(VisitorRow.id).where(VisitorRow.returned.is_(None), VisitorRow.created < before)
        seen_by_others = exists().where(
            PoemLineRow.poem_id == PoemRow.id,
            ImpressionRow.line_id == PoemLineRow.line_id,
            ImpressionRow.visitor_id != PoemRow.visitor_id,
        )
        quoted = exists().where(
            LineRow.poem_id == PoemRow.id, PoemLineRow.line_id == LineRow.id, PoemLineRow.poem_id != PoemRow.id
        )
        of_a_day = exists().where(DayRow.poem_id == PoemRow.id)
        theirs = select(PoemRow.id).where(PoemRow.visitor_id.in_(ghosts), ~seen_by_others, ~quoted, ~of_a_day)
        doomed = list(self._session.scalars(theirs.limit(BATCH)))
        lines = select(LineRow.id).where(LineRow.poem_id.in_(doomed))
        self._session.execute(delete(TickRow).where(TickRow.line_id.in_(lines)))
        self._session.execute(delete(ImpressionRow).where(ImpressionRow.line_id.in_(lines)))
        self._session.execute(delete(PoemLineRow).where(PoemLineRow.poem_id.in_(doomed)))
        self._session.execute(delete(LineRow).where(LineRow.poem_id.in_(doomed)))
        self._session.execute(delete(PoemRow).where(PoemRow.id.in_(doomed)))
        owners = [
            ~exists().where(table.visitor_id == VisitorRow.id)
            for table in (PoemRow, ImpressionRow, SubmissionRow, TickRow)
        ]
        gone = delete(VisitorRow).where(VisitorRow.returned.is_(None), VisitorRow.created < before, *owners)
        self._session.execute(gone.execution_options(synchronize_session=False))
        self._session.execute(delete(PlaceRow).where(PlaceRow.at < before))
        return len(doomed)


REHASHED = "~"
"""Prefix of address hashes that were hashed again with a secret that is gone."""


class Privacy(Queries):
    """Export and deletion of one visitor's data, and the end of retention periods."""

    def export(self, visitor: str, now: datetime) -> dict[str, Any]:
        """All data stored about *visitor*, for his own download."""
        row = self._session.get(VisitorRow, visitor)
        return {
            "made": now.isoformat(),
            "note": "AI 생성: 시는 기계가 썼습니다. The poems were written by a machine.",
            "visitor": visitor,
            "first_seen": row.created.isoformat() if row else None,
            "returned": row.returned.isoformat() if row and row.returned else None,
            "poems": list(self._poems(visitor)),
            "ticks": list(self._ticks(visitor)),
            "shown": list(self._shown(visitor)),
            "pieces": [
                as_dict(piece, "title", "author", "status") | {"lines": piece.text.split("\n")}
                for piece in Pieces(self._session).of_visitor(visitor)
            ],
            "guesses": [
                as_dict(guess, "text", "human", "said_human") for guess in Guesses(self._session).of_visitor(visitor)
            ],
            "submissions": [
                as_dict(given, "voice", "title", "author", "text", "status")
                | {
                    "created": given.created.isoformat(),
                    "decided": given.decided.isoformat() if given.decided else None,
                    "taught_in": list(given.taught_in),
                    "url": f"/submissions/{given.token}",
                }
                for given in Submissions(self._session).of_visitor(visitor)
            ],
        }

    def _poems(self, visitor: str) -> Iterator[dict[str, Any]]:
        mine = select(PoemRow.id).where(PoemRow.visitor_id == visitor).order_by(PoemRow.created)
        for part in batches(self._session.scalars(mine).all()):
            for poem in Poems(self._session).several(part, visitor):
                yield {
                    "id": poem.id,
                    "voice": poem.voice,
                    "version": poem.version,
                    "created": poem.created.isoformat(),
                    "prime": poem.prime,
                    "lines": [{"text": line.text, "your_words": line.primed} for line in poem.lines],
                }

    def _ticks(self, visitor: str) -> Iterator[dict[str, Any]]:
        mine = select(TickRow, LineRow.text).join(LineRow, LineRow.id == TickRow.line_id)
        for tick, text in self._session.execute(mine.where(TickRow.visitor_id == visitor).order_by(TickRow.at)):
            yield {"line": tick.line_id, "text": text, "at": tick.at.isoformat(), "taken_back": tick.taken_back}

    def _shown(self, visitor: str) -> Iterator[dict[str, Any]]:
        mine = select(ImpressionRow).where(ImpressionRow.visitor_id == visitor).order_by(ImpressionRow.at)
        for shown in self._session.scalars(mine):
            yield {"line": shown.line_id, "at": shown.at.isoformat()}

    def erase(self, visitor: str, now: datetime) -> None:
        """Delete all data of *visitor*; to repeat it changes nothing."""
        given = select(SubmissionRow.id).where(SubmissionRow.visitor_id == visitor)
        self._forget_mentions("poem", list(self._session.scalars(given)))
        self._remove(SketchRow, SketchRow.submission_id.in_(given))
        for table in (SubmissionRow, TickRow, ImpressionRow):
            self._remove(table, table.visitor_id == visitor)
        owned = select(PoemRow.id).where(PoemRow.visitor_id == visitor)
        mine = set(self._session.scalars(owned))
        staying = self._staying(owned, mine)
        going = mine - staying
        written = select(LineRow.id, LineRow.poem_id, LineRow.primed).where(LineRow.poem_id.in_(owned))
        lines = [id for id, poem, primed in self._session.execute(written) if primed or poem in going]
        if staying:
            nobody = VisitorRow(id=secrets.token_hex(16), created=now, returned=now)
            self._session.add(nobody)
            self._session.flush()
            for part in batches(staying):
                anonymous = update(PoemRow).where(PoemRow.id.in_(part)).values(visitor_id=nobody.id, prime="")
                self._session.execute(anonymous.execution_options(synchronize_session=False))
        self._forget_mentions("line", lines)
        for part in batches(going):
            self._remove(PoemLineRow, PoemLineRow.poem_id.in_(part))
        for numbers in batches(lines):
            self._remove(PoemLineRow, PoemLineRow.line_id.in_(numbers))
            self._remove(LineRow, LineRow.id.in_(numbers))
        for part in batches(going):
            self._remove(PoemRow, PoemRow.id.in_(part))
        self._remove(VisitorRow, VisitorRow.id == visitor)
        self._session.expire_all()

    def _staying(self, owned: Select[Any], mine: Collection[str]) -> set[str]:
        """Ids of the visitor's poems that others were shown, or that a staying poem quotes."""
        own = select(LineRow.poem_id).where(LineRow.poem_id.in_(owned), ~LineRow.primed)
        seen = own.join(ImpressionRow, ImpressionRow.line_id == LineRow.id)
        quoting = select(LineRow.poem_id, PoemLineRow.poem_id).join(PoemLineRow, PoemLineRow.line_id == LineRow.id)
        quoting = quoting.where(LineRow.poem_id.in_(owned), PoemLineRow.poem_id != LineRow.poem_id, ~LineRow.primed)
        quoted = [(poem, by) for poem, by in self._session.execute(quoting)]
        staying = set(self._session.scalars(seen))
        while more := {poem for poem, by in quoted if by not in mine or by in staying} - staying:
            staying |= more
        return staying

    def _forget_mentions(self, kind: str, sources: Collection[int]) -> None:
        """Delete rows that refer to lines or submissions by number, because SQLite may reuse the numbers.

        Guesses of others about these lines are deleted too, because they contain the text.
        """
        for part in batches(sources):
            self._remove(LessonItemRow, (LessonItemRow.kind == kind) & LessonItemRow.source_id.in_(part))
            self._remove(GuessRow, (GuessRow.kind == kind) & GuessRow.source_id.in_(part))

    def _remove(self, table: Any, which: Any) -> None:
        self._session.execute(delete(table).where(which).execution_options(synchronize_session=False))

    def gone(self, *, before: datetime, limit: int = 200) -> list[str]:
        """Visitors without any activity since *before*, at most *limit*."""
        idle = select(VisitorRow.id).where(VisitorRow.created < before)
        idle = idle.where((VisitorRow.returned < before) | VisitorRow.returned.is_(None))
        for table, at in (
            (PoemRow, PoemRow.created),
            (ImpressionRow, ImpressionRow.at),
            (TickRow, TickRow.at),
            (SubmissionRow, SubmissionRow.created),
            (PieceRow, PieceRow.created),
            (GuessRow, GuessRow.at),
        ):
            newest = select(func.max(at)).where(table.visitor_id == VisitorRow.id).scalar_subquery()
            idle = idle.where(newest.is_(None) | (newest < before))
        return list(self._session.scalars(idle.order_by(VisitorRow.created, VisitorRow.id).limit(limit)))

    def rehash_addresses(self, *, before: datetime, salt: bytes) -> int:
        """Hash the address hashes from before *before* again, with a salt that is not stored; how many.

        Equal hashes stay equal, which the weight caps of a lesson need, but no address can be tested against them.
        The network hashes of ended trials are deleted.
        """
        over = select(TrialRow.id).where(TrialRow.state != TrialState.RUNNING)
        marked = update(PoemRow).where(PoemRow.trial_id.in_(over), PoemRow.network.is_not(None)).values(network=None)
        self._session.execute(marked.execution_options(synchronize_session=False))

        def rehashed(address: str) -> str:
            return REHASHED + hashlib.sha256(salt + address.encode()).hexdigest()[:31]

        def due(query: Select[Any], table: Any, at: Any) -> Select[Any]:
            return query.where(at < before, table.address != "", ~table.address.startswith(REHASHED))

        count = 0
        for table, key, at in (
            (TickRow, ("line_id", "visitor_id"), TickRow.at),
            (SubmissionRow, ("id",), SubmissionRow.created),
            (VisitorRow, ("id",), VisitorRow.created),
        ):
            columns = [getattr(table, name) for name in (*key, "address")]
            rows = self._session.execute(due(select(*columns), table, at)).all()
            changed = [{**dict(zip(key, row, strict=False)), "address": rehashed(row[-1])} for row in rows]
            if changed:
                self._session.execute(update(table), changed)
            count += len(changed)
        return count
