"""Admin accounts and their keys (sessions and tokens), and the append-only audit log."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import delete, select, update

from app.store.session import Queries
from app.store.tables import AdminRow, AuditRow, KeyRow

KEY_ID = 12
"""Characters of a key's hash that make its id."""
SESSION_LASTS = timedelta(days=14)
Kind = Literal["session", "token"]
Scope = Literal["all", "read"]
"""What a key permits: everything an admin may do, or only reading."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry of the audit log."""

    at: datetime
    who: str
    deed: str
    subject: str
    detail: str


class Audit(Queries):
    """Queries for the audit log."""

    def add(self, who: str, deed: str, subject: str, detail: str, now: datetime) -> None:
        """Append an entry."""
        self._session.add(AuditRow(at=now, who=who, deed=deed, subject=subject[:100], detail=detail[:5000]))
        self._session.flush()

    def newest(self, limit: int = 200) -> list[AuditEntry]:
        """The newest entries, newest first."""
        rows = self._session.scalars(select(AuditRow).order_by(AuditRow.id.desc()).limit(limit))
        return [AuditEntry(r.at, r.who, r.deed, r.subject, r.detail) for r in rows]


@dataclass(frozen=True, slots=True)
class Key:
    """A session or token, without its secret."""

    id: str
    """The first characters of its hash: enough to name it, useless to log in."""
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
    """Queries for admins and their keys; only hashes of secrets are stored."""

    def create(self, name: str, password_hash: str, now: datetime) -> bool:
        """Add an admin, or change the password of one and revoke his sessions; True when he is new."""
        row = self._session.get(AdminRow, name)
        if row is None:
            self._session.add(AdminRow(name=name, password=password_hash, created=now))
            self._session.flush()
            return True
        row.password = password_hash
        open_keys = update(KeyRow).where(KeyRow.admin == name, KeyRow.kind == "session", KeyRow.revoked.is_(None))
        self._session.execute(open_keys.values(revoked=now))
        return False

    def remove(self, name: str) -> bool:
        """Delete an admin and his keys; False when there was none of that name."""
        self._session.execute(delete(KeyRow).where(KeyRow.admin == name))
        return self._session.scalar(delete(AdminRow).where(AdminRow.name == name).returning(AdminRow.name)) is not None

    def rehash(self, name: str, password_hash: str) -> None:
        """Replace the stored hash by a stronger one of the same password."""
        self._session.execute(update(AdminRow).where(AdminRow.name == name).values(password=password_hash))

    def password_of(self, name: str) -> str | None:
        """The argon2 hash of an admin's password; None for an unknown name."""
        return self._session.scalar(select(AdminRow.password).where(AdminRow.name == name))

    def any(self) -> bool:
        """Is there an admin at all?"""
        return self._session.scalar(select(AdminRow.name).limit(1)) is not None

    def open_session(self, name: str, now: datetime) -> str:
        """Store a session, valid for two weeks; its secret, for the cookie."""
        return self._new_key("session", name, now, now + SESSION_LASTS)

    def new_token(self, name: str, now: datetime, scope: Scope = "all") -> str:
        """Store a bearer token, valid until it is revoked; its secret."""
        return self._new_key("token", name, now, None, scope)

    def key(self, secret: str, kind: Kind, now: datetime) -> Key | None:
        """The key that belongs to a secret; None when it is unknown, revoked or expired."""
        row = self._session.scalar(select(KeyRow).where(KeyRow.hash == _hashed(secret), KeyRow.kind == kind))
        if row is None or row.revoked is not None or (row.expires is not None and row.expires <= now):
            return None
        return _key(row)

    def keys(self, now: datetime) -> list[Key]:
        """Every valid key, oldest first."""
        open_ = KeyRow.revoked.is_(None) & (KeyRow.expires.is_(None) | (KeyRow.expires > now))
        return [_key(row) for row in self._session.scalars(select(KeyRow).where(open_).order_by(KeyRow.created))]

    def revoke(self, secret: str, now: datetime) -> None:
        """Revoke the key of that secret."""
        self._session.execute(update(KeyRow).where(KeyRow.hash == _hashed(secret)).values(revoked=now))

    def revoke_key(self, id: str, now: datetime) -> bool:
        """Revoke the key of that id; False when there is no such key."""
        opened = update(KeyRow).where(KeyRow.hash.startswith(id, autoescape=True), KeyRow.revoked.is_(None))
        return bool(self._session.scalars(opened.values(revoked=now).returning(KeyRow.hash)).all())

    def _new_key(self, kind: Kind, name: str, now: datetime, expires: datetime | None, scope: Scope = "all") -> str:
        secret = secrets.token_urlsafe(32)
        self._session.add(
            KeyRow(hash=_hashed(secret), kind=kind, scope=scope, admin=name, created=now, expires=expires)
        )
        self._session.flush()
        return secret
