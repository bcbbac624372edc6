"""Pieces: what visitors wove of ticked lines, and what became of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select

from app.domain.errors import UnknownLine, UnknownPiece
from app.domain.poem import Piece, PieceLine
from app.domain.submission import SubmissionStatus
from app.store.poems import SAID_BY_HUMANS, is_told, new_id
from app.store.session import Queries
from app.store.tables import LineRow, PieceLineRow, PieceRow, PoemRow, TickRow, VersionRow


class Pieces(Queries):
    """Queries for pieces."""

    def material(self, voice: str, visitor: str, limit: int = 100) -> list[PieceLine]:
        """The lines of a voice that a visitor has ticked, newest first: what he can weave of."""
        mine = self._lines().join(TickRow, TickRow.line_id == LineRow.id)
        mine = mine.where(PoemRow.voice == voice, TickRow.visitor_id == visitor, ~TickRow.taken_back)
        rows = self._session.execute(mine.order_by(TickRow.at.desc(), LineRow.id).limit(limit))
        return [PieceLine(*row) for row in rows]

    def add(
        self,
        voice: str,
        visitor: str,
        *,
        title: str,
        author: str | None,
        lines: Sequence[int],
        status: SubmissionStatus,
        now: datetime,
    ) -> str:
        """Keep a piece; its id. The same once more is that piece. Raises UnknownLine for a line he has not ticked."""
        for twin in self._pieces(self._twins(voice, visitor, title), visitor):
            if twin.author == author and [line.line for line in twin.lines] == list(lines):
                return twin.id
        known = {line.line for line in self.material(voice, visitor, limit=10_000)}
        for line in lines:
            if line not in known:
                raise UnknownLine(line)
        row = PieceRow(
            id=new_id(),
            voice=voice,
            visitor_id=visitor,
            title=title,
            author=author,
            status=status,
            created=now,
            decided=now if status is SubmissionStatus.APPROVED else None,
            decided_by="auto" if status is SubmissionStatus.APPROVED else None,
        )
        self._session.add(row)
        self._session.flush()
        self._session.add_all(PieceLineRow(piece_id=row.id, slot=slot, line_id=line) for slot, line in enumerate(lines))
        self._session.flush()
        return row.id

    @staticmethod
    def _twins(voice: str, visitor: str, title: str) -> Any:
        alike = select(PieceRow).where(PieceRow.voice == voice, PieceRow.visitor_id == visitor, PieceRow.title == title)
        return alike.where(PieceRow.status != SubmissionStatus.WITHDRAWN).order_by(PieceRow.created)

    def one(self, piece: str, visitor: str | None) -> Piece:
        """A piece: his own, or one that was approved. Raises UnknownPiece."""
        row = self._session.get(PieceRow, piece)
        if row is None or (row.visitor_id != visitor and row.status != SubmissionStatus.APPROVED):
            raise UnknownPiece(piece)
        return self._of_rows([row], visitor)[0]

    def withdraw(self, piece: str, visitor: str, now: datetime) -> None:
        """Its maker takes it back; saying it twice changes nothing. Raises UnknownPiece."""
        row = self._session.get(PieceRow, piece)
        if row is None or row.visitor_id != visitor:
            raise UnknownPiece(piece)
        if row.status != SubmissionStatus.WITHDRAWN:
            row.status, row.decided, row.decided_by = SubmissionStatus.WITHDRAWN, now, "author"
            self._session.flush()

    def decide(
        self, ids: Sequence[str], status: SubmissionStatus, *, by: str, reason: str | None = None, now: datetime
    ) -> list[Piece]:
        """Approve, reject or put back; what its maker has withdrawn stays withdrawn. Raises UnknownPiece."""
        known = {row.id: row for row in self._session.scalars(select(PieceRow).where(PieceRow.id.in_(ids)))}
        for piece in ids:
            if piece not in known:
                raise UnknownPiece(piece)
        rows = [known[piece] for piece in ids]
        for row in rows:
            if row.status != SubmissionStatus.WITHDRAWN:
                row.status, row.decided, row.decided_by, row.reason = status, now, by, reason
        self._session.flush()
        return self._of_rows(rows, None)

    def of_voice(self, voice: str, visitor: str | None, limit: int = 50) -> list[Piece]:
        """The approved pieces of a voice, newest first."""
        rows = select(PieceRow).where(PieceRow.voice == voice, PieceRow.status == SubmissionStatus.APPROVED)
        return self._pieces(rows.order_by(PieceRow.decided.desc(), PieceRow.id).limit(limit), visitor)

    def of_visitor(self, visitor: str) -> list[Piece]:
        """What a visitor wove and has not taken back, newest first."""
        mine = select(PieceRow).where(PieceRow.visitor_id == visitor, PieceRow.status != SubmissionStatus.WITHDRAWN)
        return self._pieces(mine.order_by(PieceRow.created.desc(), PieceRow.id), visitor)

    def queue(self, status: SubmissionStatus, limit: int = 50) -> list[Piece]:
        """Pieces of a status, oldest first: for moderators."""
        rows = select(PieceRow).where(PieceRow.status == status)
        return self._pieces(rows.order_by(PieceRow.created, PieceRow.id).limit(limit), None)

    def waiting(self) -> int:
        """How many wait for a moderator."""
        rows = select(func.count()).select_from(PieceRow).where(PieceRow.status == SubmissionStatus.WAITING)
        return self._session.scalar(rows) or 0

    def _pieces(self, rows: Any, visitor: str | None) -> list[Piece]:
        return self._of_rows(self._session.scalars(rows).all(), visitor)

    def _of_rows(self, rows: Sequence[PieceRow], visitor: str | None) -> list[Piece]:
        lines: dict[str, list[PieceLine]] = {row.id: [] for row in rows}
        its = self._lines().join(PieceLineRow, PieceLineRow.line_id == LineRow.id).add_columns(PieceLineRow.piece_id)
        its = its.where(PieceLineRow.piece_id.in_(lines)).order_by(PieceLineRow.slot)
        for *line, piece in self._session.execute(its):
            lines[piece].append(PieceLine(*line))
        return [_piece(row, lines[row.id], visitor) for row in rows]

    @staticmethod
    def _lines() -> Any:
        number, poem = case((is_told(), VersionRow.number)), case((~SAID_BY_HUMANS, LineRow.poem_id))
        found = select(LineRow.id, LineRow.text, poem, number)
        return found.join(VersionRow, VersionRow.id == LineRow.version_id).join(PoemRow, PoemRow.id == LineRow.poem_id)


def _piece(row: PieceRow, lines: Sequence[PieceLine], visitor: str | None) -> Piece:
    return Piece(
        id=row.id,
        voice=row.voice,
        title=row.title,
        author=row.author,
        status=SubmissionStatus(row.status),
        created=row.created,
        mine=row.visitor_id == visitor,
        lines=tuple(lines),
        reason=row.reason,
    )
