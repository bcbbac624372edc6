"""The audit log: what admins did. It is only ever appended to."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.store.tables import AuditRow


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One deed."""

    at: datetime
    who: str
    deed: str
    subject: str
    detail: str


class Audit:
    """Queries for the audit log."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, who: str, deed: str, subject: str, detail: str, now: datetime) -> None:
        """Write down a deed."""
        self._session.add(AuditRow(at=now, who=who, deed=deed, subject=subject[:100], detail=detail[:5000]))
        self._session.flush()

    def newest(self, limit: int = 100) -> list[AuditEntry]:
        """The newest deeds, newest first."""
        rows = self._session.scalars(select(AuditRow).order_by(AuditRow.id.desc()).limit(limit))
        return [AuditEntry(r.at, r.who, r.deed, r.subject, r.detail) for r in rows]
