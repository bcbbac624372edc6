"""Submissions: poems that visitors teach, and what became of them."""

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import func, select

from app.domain.errors import UnknownSubmission
from app.domain.submission import Offer, Submission, SubmissionStatus
from app.store.session import Queries
from app.store.tables import LessonItemRow, SketchRow, SubmissionRow, VersionRow, VoiceRow


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
        """Take an offer; the same poem from the same visitor again is the one he gave.

        Holds the voice's row, so that a double click is not two poems.
        """
        self._session.execute(select(VoiceRow.slug).where(VoiceRow.slug == voice).with_for_update(key_share=True))
        known = self._session.scalars(
            select(SubmissionRow)
            .where(SubmissionRow.voice == voice, SubmissionRow.fingerprint == offer.fingerprint)
            .where(SubmissionRow.visitor_id == visitor, SubmissionRow.status != SubmissionStatus.WITHDRAWN)
            .order_by(SubmissionRow.id.desc())
        ).first()
        if known is not None:
            return self._submission(known), False
        row = SubmissionRow(
            token=secrets.token_urlsafe(18),
            voice=voice,
            visitor_id=visitor,
            address=address,
            text=offer.text,
            title=offer.title,
            author=offer.author,
            fingerprint=offer.fingerprint,
            status=status,
            flags=list(flags),
            created=now,
            decided=now if status is SubmissionStatus.APPROVED else None,
            decided_by="auto" if status is SubmissionStatus.APPROVED else None,
        )
        self._session.add(row)
        self._session.flush()
        self._session.add_all(SketchRow(submission_id=row.id, hash=one) for one in offer.sketch)
        return self._submission(row), True

    def has_twin(self, sketch: Collection[int], voice: str, *, share: float) -> bool:
        """Is there another that has *share* of the sketch? What its author has taken back does not count."""
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
        """The submission behind its author's key. Raises UnknownSubmission."""
        return self._submission(self._by_token(token))

    def withdraw(self, token: str, now: datetime) -> Submission:
        """The author takes it back: the next lesson is without it. Saying it twice changes nothing."""
        row = self._by_token(token)
        if row.status != SubmissionStatus.WITHDRAWN:
            row.status, row.decided, row.decided_by = SubmissionStatus.WITHDRAWN, now, "author"
            self._session.flush()
        return self._submission(row)

    def decide(
        self, ids: Sequence[int], status: SubmissionStatus, *, by: str, reason: str | None = None, now: datetime
    ) -> list[Submission]:
        """Approve or reject; what its author has withdrawn stays withdrawn. Raises UnknownSubmission."""
        known = {row.id: row for row in self._session.scalars(select(SubmissionRow).where(SubmissionRow.id.in_(ids)))}
        for id in ids:
            if id not in known:
                raise UnknownSubmission(id)
        rows = [known[id] for id in ids]
        for row in rows:
            if row.status != SubmissionStatus.WITHDRAWN:
                row.status, row.decided, row.decided_by, row.reason = status, now, by, reason
        self._session.flush()
        return self._submissions(rows)

    def queue(
        self,
        status: SubmissionStatus | None = SubmissionStatus.WAITING,
        *,
        limit: int = 50,
        after_id: int = 0,
    ) -> list[Submission]:
        """Submissions of a status (None: all), oldest first, from after *after_id*."""
        rows = select(SubmissionRow).where(SubmissionRow.id > after_id)
        if status is not None:
            rows = rows.where(SubmissionRow.status == status)
        return self._submissions(self._session.scalars(rows.order_by(SubmissionRow.id).limit(limit)).all())

    def count(self, status: SubmissionStatus = SubmissionStatus.WAITING, *, up_to: int | None = None) -> int:
        """How many there are of a status (default: that wait for a moderator); *up_to*: with ids up to that."""
        rows = select(func.count()).select_from(SubmissionRow).where(SubmissionRow.status == status)
        return self._session.scalar(rows if up_to is None else rows.where(SubmissionRow.id <= up_to)) or 0

    def of_visitor(self, visitor: str) -> list[Submission]:
        """What a visitor taught, newest first."""
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
