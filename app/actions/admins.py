"""Admin accounts: create, remove, log in and out, issue a token, revoke keys.

Checking a password is slow on purpose, and equally slow for a name that does not exist.
"""

import math
import threading
from collections.abc import Sequence
from functools import lru_cache

import structlog
from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError

from app.bootstrap import Bot
from app.domain.errors import Crowded, UnknownAdmin, UnknownKey
from app.store.admins import KEY_ID, Admins, Audit, Scope

log = structlog.get_logger(__name__)
LONGEST_NAME = 60
SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 1024
LONGEST_WAIT = 5.0
"""Seconds that a login waits while other passwords are being checked."""
_checks = threading.BoundedSemaphore(2)
"""Limits the password checks at the same time: each takes 64 MB of memory."""


def fit_name(name: str) -> bool:
    """Is *name* a valid admin name?"""
    return bool(name.strip()) and len(name) <= LONGEST_NAME and name.isprintable()


def create(bot: Bot, name: str, password: str, *, by: str) -> bool:
    """Create an admin, or change the password of one and close his sessions; True when he is new."""
    hashed = _hasher().hash(password)
    with bot.transaction() as session:
        new = Admins(session).create(name, hashed, bot.clock())
        Audit(session).add(by, "admin.create" if new else "admin.password", name, "", bot.clock())
    return new


def remove(bot: Bot, name: str, *, by: str) -> None:
    """Remove an admin and all his keys. Raises UnknownAdmin."""
    with bot.transaction() as session:
        if not Admins(session).remove(name):
            raise UnknownAdmin(name)
        Audit(session).add(by, "admin.remove", name, "", bot.clock())


def give_token(bot: Bot, name: str, *, by: str, scope: Scope = "all") -> str:
    """Issue a bearer token for scripts, valid until it is revoked. Raises UnknownAdmin."""
    with bot.transaction() as session:
        admins = Admins(session)
        if admins.password_of(name) is None:
            raise UnknownAdmin(name)
        Audit(session).add(by, "admin.token", name, "read only" if scope == "read" else "", bot.clock())
        return admins.new_token(name, bot.clock(), scope)


def revoke(bot: Bot, ids: Sequence[str], *, by: str) -> None:
    """Revoke keys: all of *ids* or none. Raises UnknownKey."""
    with bot.transaction() as session:
        for id in ids:
            if len(id) != KEY_ID or not Admins(session).revoke_key(id, bot.clock()):
                raise UnknownKey(id)
            Audit(session).add(by, "admin.revoke", id, "", bot.clock())


def log_in(bot: Bot, name: str, password: str) -> str | None:
    """Check the password; a session secret for the cookie, or None. Slow (argon2): not for the event loop.

    Raises Crowded.
    """
    with bot.reads(Admins) as admins:
        known = admins.password_of(name) if fit_name(name) else None
    right, better = _verify(password, known or _dummy_hash())
    if known is None or not right:
        log.warning("login.failed")
        return None
    with bot.transaction() as session:
        if better is not None:
            Admins(session).rehash(name, better)
        Audit(session).add(name, "login", "desk", "", bot.clock())
        return Admins(session).open_session(name, bot.clock())


def log_out(bot: Bot, secret: str) -> None:
    """Revoke the session; copies of its cookie become invalid too."""
    with bot.transaction() as session:
        Admins(session).revoke(secret, bot.clock())


@lru_cache(maxsize=1)
def _hasher() -> PasswordHash:
    return PasswordHash.recommended()


@lru_cache(maxsize=1)
def _dummy_hash() -> str:
    return _hasher().hash("nobody has this password")


def _verify(password: str, known: str) -> tuple[bool, str | None]:
    """Does the password match, and a stronger hash of it if the stored one is outdated."""
    if len(password) > LONGEST_PASSWORD:
        password = ""
    if not _checks.acquire(timeout=LONGEST_WAIT):
        raise Crowded(math.ceil(LONGEST_WAIT))
    try:
        return _hasher().verify_and_update(password.encode("utf-8", "surrogatepass"), known)
    except UnknownHashError:
        return False, None
    finally:
        _checks.release()
