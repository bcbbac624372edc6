"""Submissions: poems that visitors teach. Pieces (엮기): poems that they arrange of lines they ticked.

Both are moderated: they wait until a moderator approves or rejects them, and their author can withdraw them.
"""

import secrets
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select

from app.domain.errors import UnknownLine, UnknownPiece, UnknownSubmission
from app.domain.poem import Piece, PieceLine
from app.domain.submission import Offer, Submission, SubmissionStatus
from app.store.poems import HAS_HUMAN_WORDS, is_revealed, new_id
from app.store.session import Queries
from app.store.tables import (
    LessonItemRow,
    LineRow,
    PieceLineRow,
    PieceRow,
    PoemRow,
    SketchRow,
    SubmissionRow,
    TickRow,
    VersionRow,
    VoiceRow,
)


def _decision(status: SubmissionStatus, now: datetime) -> dict[str, object]:
    """The columns of a new row's first decision: approved automatically, or not decided yet."""
    approved = status is SubmissionStatus.APPROVED
    return {"status": status, "decided": now if approved else None, "decided_by": "auto" if approved else None}


def _decide(
    rows: Iterable[SubmissionRow | PieceRow], status: SubmissionStatus, *, by: str, reason: str | None, now: datetime
) -> None:
    """Write a moderator's decision into *rows*, except those that their author has withdrawn."""
    for row in rows:
        if row.status != SubmissionStatus.WITHDRAWN:
            row.status, row.decided, row.decided_by, row.reason = status, now, by, reason


def _withdraw(row: SubmissionRow | PieceRow, now: datetime) -> None:
    """Mark as withdrawn by its author; to repeat it changes nothing."""
    if row.status != SubmissionStatus.WITHDRAWN:
        row.status, row.decided, row.decided_by = SubmissionStatus.WITHDRAWN, now, "author"


class Submissions(Queries):
    """Queries for submissions."""

    def add(
        self,
        offer: Offer,
        voice: str,
        visitor: str,
        *,
        address: str,
        status: SubmissionStatus,
        now: datetime,
        flags: Sequence[str] = (),
    ) -> tuple[Submission, bool]:
        """Store an offer; False and the known submission if this visitor has given the same poem before.

        Locks the voice's row, so that a double click does not store two poems.
        """
        self._session.execute(select(VoiceRow.slug).where(VoiceRow.slug == voice).with_for_update(key_share=True))
        same = self._session.scalars(
            select(SubmissionRow)
            .where(SubmissionRow.voice == voice, SubmissionRow.fingerprint == offer.fingerprint)
            .where(SubmissionRow.visitor_id == visitor, SubmissionRow.status != SubmissionStatus.WITHDRAWN)
            .order_by(SubmissionRow.id.desc())
        ).first()
        if same is not None:
            return self._submission(same), False
        row = SubmissionRow(
            token=secrets.token_urlsafe(18),
            voice=voice,
            visitor_id=visitor,
            address=address,
            text=offer.text,
            title=offer.title,
            author=offer.author,
            fingerprint=offer.fingerprint,
            flags=list(flags),
            created=now,
            **_decision(status, now),
        )
        self._session.add(row)
        self._session.flush()
        self._session.add_all(SketchRow(submission_id=row.id, hash=one) for one in offer.sketch)
        return self._submission(row), True

    def has_twin(self, sketch: Collection[int], voice: str, *, share: float) -> bool:
        """Does any submission that is not withdrawn have at least *share* of the sketch's hashes?"""
        alike = (
            select(SketchRow.submission_id)
            .join(SubmissionRow, SubmissionRow.id == SketchRow.submission_id)
            .where(SketchRow.hash.in_(sketch), SubmissionRow.voice == voice)
            .where(SubmissionRow.status != SubmissionStatus.WITHDRAWN)
            .group_by(SketchRow.submission_id)
            .having(func.count() >= max(1.0, share * len(sketch)))
            .limit(1)
        )
        return self._session.scalar(alike) is not None

    def by_token(self, token: str) -> Submission:
        """The submission with that secret token. Raises UnknownSubmission."""
        return self._submission(self._by_token(token))

    def withdraw(self, token: str, now: datetime) -> Submission:
        """Withdraw it for its author; to repeat it changes nothing. Raises UnknownSubmission."""
        row = self._by_token(token)
        _withdraw(row, now)
        self._session.flush()
        return self._submission(row)

    def decide(
        self, ids: Sequence[int], status: SubmissionStatus, *, by: str, reason: str | None = None, now: datetime
    ) -> list[Submission]:
        """Approve, reject or put back into the queue; withdrawn ones stay withdrawn. Raises UnknownSubmission."""
        by_id = {row.id: row for row in self._session.scalars(select(SubmissionRow).where(SubmissionRow.id.in_(ids)))}
        for id in ids:
            if id not in by_id:
                raise UnknownSubmission(id)
        rows = [by_id[id] for id in ids]
        _decide(rows, status, by=by, reason=reason, now=now)
        self._session.flush()
        return self._submissions(rows)

    def queue(
        self, status: SubmissionStatus | None = SubmissionStatus.WAITING, *, limit: int = 50, after: int = 0
    ) -> list[Submission]:
        """Submissions of a status (None: all) with an id above *after*, oldest first."""
        rows = select(SubmissionRow).where(SubmissionRow.id > after)
        if status is not None:
            rows = rows.where(SubmissionRow.status == status)
        return self._submissions(self._session.scalars(rows.order_by(SubmissionRow.id).limit(limit)).all())

    def count(self, status: SubmissionStatus = SubmissionStatus.WAITING, *, up_to: int | None = None) -> int:
        """Number of submissions of a status; *up_to*: only those with ids up to it."""
        rows = select(func.count()).select_from(SubmissionRow).where(SubmissionRow.status == status)
        return self._session.scalar(rows if up_to is None else rows.where(SubmissionRow.id <= up_to)) or 0

    def of_visitor(self, visitor: str) -> list[Submission]:
        """A visitor's submissions, newest first."""
        rows = select(SubmissionRow).where(SubmissionRow.visitor_id == visitor).order_by(SubmissionRow.id.desc())
        return self._submissions(self._session.scalars(rows).all())

    def _by_token(self, token: str) -> SubmissionRow:
        row = self._session.scalar(select(SubmissionRow).where(SubmissionRow.token == token))
        if row is None:
            raise UnknownSubmission(token)
        return row

    def _submission(self, row: SubmissionRow) -> Submission:
        return self._submissions([row])[0]

    def _submissions(self, rows: Sequence[SubmissionRow]) -> list[Submission]:
        taught: dict[int, list[int]] = {row.id: [] for row in rows}
        for submission, version in self._session.execute(
            select(LessonItemRow.source_id, VersionRow.number)
            .join(VersionRow, VersionRow.id == LessonItemRow.version_id)
            .where(LessonItemRow.kind == "poem", LessonItemRow.source_id.in_(taught))
            .order_by(VersionRow.number)
        ):
            taught[submission].append(version)
        return [_submission(row, taught[row.id]) for row in rows]


def _submission(row: SubmissionRow, taught_in: Sequence[int]) -> Submission:
    return Submission(
        id=row.id,
        token=row.token,
        voice=row.voice,
        status=SubmissionStatus(row.status),
        text=row.text,
        title=row.title,
        author=row.author,
        created=row.created,
        decided=row.decided,
        taught_in=tuple(taught_in),
        flags=tuple(row.flags),
        reason=row.reason,
    )


class Pieces(Queries):
    """Queries for pieces."""

    def material(self, voice: str, visitor: str, limit: int = 100) -> list[PieceLine]:
        """The lines of a voice that a visitor has ticked, newest first: what a piece can be made of."""
        mine = self._lines().join(TickRow, TickRow.line_id == LineRow.id)
        mine = mine.where(PoemRow.voice == voice, TickRow.visitor_id == visitor, ~TickRow.taken_back)
        rows = self._session.execute(mine.order_by(TickRow.at.desc(), LineRow.id).limit(limit))
        return [PieceLine(**row._asdict()) for row in rows]

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
        """Store a piece and return its id, or the id of an equal piece. Raises UnknownLine for a line not ticked."""
        alike = select(PieceRow).where(PieceRow.voice == voice, PieceRow.visitor_id == visitor, PieceRow.title == title)
        alike = alike.where(PieceRow.status != SubmissionStatus.WITHDRAWN).order_by(PieceRow.created)
        for twin in self._pieces(alike, visitor):
            if twin.author == author and [line.line for line in twin.lines] == list(lines):
                return twin.id
        own_lines = {line.line for line in self.material(voice, visitor, limit=10_000)}
        for line in lines:
            if line not in own_lines:
                raise UnknownLine(line)
        row = PieceRow(
            id=new_id(),
            voice=voice,
            visitor_id=visitor,
            title=title,
            author=author,
            created=now,
            **_decision(status, now),
        )
        self._session.add(row)
        self._session.flush()
        self._session.add_all(PieceLineRow(piece_id=row.id, slot=slot, line_id=line) for slot, line in enumerate(lines))
        self._session.flush()
        return row.id

    def one(self, piece: str, visitor: str | None) -> Piece:
        """A piece that is approved or the visitor's own. Raises UnknownPiece."""
        row = self._session.get(PieceRow, piece)
        if row is None or (row.visitor_id != visitor and row.status != SubmissionStatus.APPROVED):
            raise UnknownPiece(piece)
        return self._of_rows([row], visitor)[0]

    def withdraw(self, piece: str, visitor: str, now: datetime) -> None:
        """Withdraw it for its author; to repeat it changes nothing. Raises UnknownPiece."""
        row = self._session.get(PieceRow, piece)
        if row is None or row.visitor_id != visitor:
            raise UnknownPiece(piece)
        _withdraw(row, now)
        self._session.flush()

    def decide(
        self, ids: Sequence[str], status: SubmissionStatus, *, by: str, reason: str | None = None, now: datetime
    ) -> list[Piece]:
        """Approve, reject or put back into the queue; withdrawn ones stay withdrawn. Raises UnknownPiece."""
        by_id = {row.id: row for row in self._session.scalars(select(PieceRow).where(PieceRow.id.in_(ids)))}
        for piece in ids:
            if piece not in by_id:
                raise UnknownPiece(piece)
        rows = [by_id[piece] for piece in ids]
        _decide(rows, status, by=by, reason=reason, now=now)
        self._session.flush()
        return self._of_rows(rows, None)

    def of_voice(self, voice: str, visitor: str | None, limit: int = 50) -> list[Piece]:
        """The approved pieces of a voice, newest first."""
        rows = select(PieceRow).where(PieceRow.voice == voice, PieceRow.status == SubmissionStatus.APPROVED)
        return self._pieces(rows.order_by(PieceRow.decided.desc(), PieceRow.id).limit(limit), visitor)

    def of_visitor(self, visitor: str) -> list[Piece]:
        """A visitor's pieces that are not withdrawn, newest first."""
        mine = select(PieceRow).where(PieceRow.visitor_id == visitor, PieceRow.status != SubmissionStatus.WITHDRAWN)
        return self._pieces(mine.order_by(PieceRow.created.desc(), PieceRow.id), visitor)

    def queue(self, status: SubmissionStatus, limit: int = 50) -> list[Piece]:
        """Pieces of a status, oldest first."""
        rows = select(PieceRow).where(PieceRow.status == status)
        return self._pieces(rows.order_by(PieceRow.created, PieceRow.id).limit(limit), None)

    def waiting(self) -> int:
        """Number of pieces that wait for a moderator."""
        rows = select(func.count()).select_from(PieceRow).where(PieceRow.status == SubmissionStatus.WAITING)
        return self._session.scalar(rows) or 0

    def _pieces(self, rows: Any, visitor: str | None) -> list[Piece]:
        return self._of_rows(self._session.scalars(rows).all(), visitor)

    def _of_rows(self, rows: Sequence[PieceRow], visitor: str | None) -> list[Piece]:
        lines: dict[str, list[PieceLine]] = {row.id: [] for row in rows}
        its = self._lines().join(PieceLineRow, PieceLineRow.line_id == LineRow.id).add_columns(PieceLineRow.piece_id)
        its = its.where(PieceLineRow.piece_id.in_(lines)).order_by(PieceLineRow.slot)
        for row in self._session.execute(its):
            lines[row.piece_id].append(PieceLine(line=row.line, text=row.text, poem=row.poem, version=row.version))
        return [_piece(row, lines[row.id], visitor) for row in rows]

    @staticmethod
    def _lines() -> Any:
        """A query for the fields of `PieceLine`."""
        number = case((is_revealed(), VersionRow.number)).label("version")
        poem = case((~HAS_HUMAN_WORDS, LineRow.poem_id)).label("poem")
        lines = select(LineRow.id.label("line"), LineRow.text, poem, number)
        return lines.join(VersionRow, VersionRow.id == LineRow.version_id).join(PoemRow, PoemRow.id == LineRow.poem_id)


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
