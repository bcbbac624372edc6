"""Admins: who may open the desk, and the keys that open it.

The audit log: what admins did. It is only ever appended to.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import delete, select, update

from app.store.session import Queries, insert
from app.store.tables import AdminRow, AuditRow, KeyRow


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One deed."""

    at: datetime
    who: str
    deed: str
    subject: str
    detail: str


class Audit(Queries):
    """Queries for the audit log."""

    def add(self, who: str, deed: str, subject: str, detail: str, now: datetime) -> None:
        """Write down a deed."""
        self._session.add(AuditRow(at=now, who=who, deed=deed, subject=subject[:100], detail=detail[:5000]))
        self._session.flush()

    def newest(self, limit: int = 100) -> list[AuditEntry]:
        """The newest deeds, newest first."""
        rows = self._session.scalars(select(AuditRow).order_by(AuditRow.id.desc()).limit(limit))
        return [AuditEntry(r.at, r.who, r.deed, r.subject, r.detail) for r in rows]


KEY_ID = 12
SESSION_LASTS = timedelta(days=14)
Kind = Literal["session", "token"]
Scope = Literal["all", "read"]
"""What a key opens: everything an admin may do, or only looking."""


@dataclass(frozen=True, slots=True)
class Key:
    """What opens the desk, without its secret."""

    id: str
    """The beginning of its hash: enough to name it, useless to open anything."""
    kind: str
    admin: str
    scope: str
    created: datetime
    expires: datetime | None


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _key(row: KeyRow) -> Key:
    return Key(row.hash[:KEY_ID], row.kind, row.admin, row.scope, row.created, row.expires)


class Admins(Queries):
    """Queries for admins and their keys; only hashes of secrets are kept."""

    def create(self, name: str, password_hash: str, now: datetime) -> bool:
        """A new admin, or a new password for one (which closes his sessions); True when he is new."""
        known = self._session.get(AdminRow, name)
        if known is None:
            self._session.add(AdminRow(name=name, password=password_hash, created=now))
            self._session.flush()
            return True
        known.password = password_hash
        open_keys = update(KeyRow).where(KeyRow.admin == name, KeyRow.kind == "session", KeyRow.revoked.is_(None))
        self._session.execute(open_keys.values(revoked=now))
        return False

    def remove(self, name: str) -> bool:
        """No admin of that name, and nothing that opens the desk for him; False when there was none."""
        self._session.execute(delete(KeyRow).where(KeyRow.admin == name))
        return self._session.scalar(delete(AdminRow).where(AdminRow.name == name).returning(AdminRow.name)) is not None

    def rehash(self, name: str, password_hash: str) -> None:
        """Keep the same password under a stronger hash."""
        self._session.execute(update(AdminRow).where(AdminRow.name == name).values(password=password_hash))

    def password_of(self, name: str) -> str | None:
        """The argon2 hash of an admin's password; None for a name we do not have."""
        return self._session.scalar(select(AdminRow.password).where(AdminRow.name == name))

    def any(self) -> bool:
        """Is there an admin at all?"""
        return self._session.scalar(select(AdminRow.name).limit(1)) is not None

    def open_session(self, name: str, now: datetime) -> str:
        """A secret for the desk's cookie, good for two weeks."""
        return self._new_key("session", name, now, now + SESSION_LASTS)

    def new_token(self, name: str, now: datetime, scope: Scope = "all") -> str:
        """A bearer token for scripts, good until it is revoked."""
        return self._new_key("token", name, now, None, scope)

    def key(self, secret: str, kind: Kind, now: datetime) -> Key | None:
        """The key of a secret; None when it is unknown, revoked or too old."""
        row = self._session.scalar(select(KeyRow).where(KeyRow.hash == _hashed(secret), KeyRow.kind == kind))
        if row is None or row.revoked is not None or (row.expires is not None and row.expires <= now):
            return None
        return _key(row)

    def keys(self, now: datetime) -> list[Key]:
        """Every key that opens the desk, oldest first."""
        open_ = KeyRow.revoked.is_(None) & (KeyRow.expires.is_(None) | (KeyRow.expires > now))
        return [_key(row) for row in self._session.scalars(select(KeyRow).where(open_).order_by(KeyRow.created))]

    def revoke(self, secret: str, now: datetime) -> None:
        """This secret opens nothing any more."""
        self._session.execute(update(KeyRow).where(KeyRow.hash == _hashed(secret)).values(revoked=now))

    def revoke_key(self, id: str, now: datetime) -> bool:
        """The key of that id opens nothing any more; False when there is no such key."""
        opened = update(KeyRow).where(KeyRow.hash.startswith(id, autoescape=True), KeyRow.revoked.is_(None))
        return bool(self._session.scalars(opened.values(revoked=now).returning(KeyRow.hash)).all())

    def _new_key(self, kind: Kind, name: str, now: datetime, expires: datetime | None, scope: Scope = "all") -> str:
        secret = secrets.token_urlsafe(32)
        values: dict[str, object] = {"hash": _hashed(secret), "kind": kind, "scope": scope, "admin": name}
        values |= {"created": now, "expires": expires}
        self._session.execute(insert(self._session, KeyRow).values(**values))
        return secret
