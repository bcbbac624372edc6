"""Admins: who may open the desk, and the keys that open it."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.store.session import insert
from app.store.tables import AdminRow, KeyRow

SESSION_LASTS = timedelta(days=14)
Kind = Literal["session", "token"]


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class Admins:
    """Queries for admins and their keys; only hashes of secrets are kept."""

    def __init__(self, session: Session) -> None:
        self._session = session

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

    def new_token(self, name: str, now: datetime) -> str:
        """A bearer token for scripts, good until it is revoked."""
        return self._new_key("token", name, now, None)

    def who(self, secret: str, kind: Kind, now: datetime) -> str | None:
        """The admin behind a secret; None when it is unknown, revoked or too old."""
        key = self._session.scalar(select(KeyRow).where(KeyRow.hash == _hashed(secret), KeyRow.kind == kind))
        if key is None or key.revoked is not None or (key.expires is not None and key.expires <= now):
            return None
        return key.admin

    def revoke(self, secret: str, now: datetime) -> None:
        """This secret opens nothing any more."""
        self._session.execute(update(KeyRow).where(KeyRow.hash == _hashed(secret)).values(revoked=now))

    def _new_key(self, kind: Kind, name: str, now: datetime, expires: datetime | None) -> str:
        secret = secrets.token_urlsafe(32)
        values = {"hash": _hashed(secret), "kind": kind, "admin": name, "created": now, "expires": expires}
        self._session.execute(insert(self._session, KeyRow).values(**values))
        return secret
