"""Admins: one is made or removed, logs in and out, gets a token; a key is revoked.

The check of a password is slow on purpose, and as slow for a name that does not exist.
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
"""Seconds that somebody stands at the door while others' passwords are looked at."""
_room = threading.BoundedSemaphore(2)
"""Each password takes 64 MB while it is looked at: a crowd at the door must not take all there is."""


def fit_name(name: str) -> bool:
    """Can *name* be an admin's?"""
    return bool(name.strip()) and len(name) <= LONGEST_NAME and name.isprintable()


def create(bot: Bot, name: str, password: str, *, by: str) -> bool:
    """A new admin, or a new password for one (which closes his sessions); True when he is new."""
    hashed = _hasher().hash(password)
    with bot.transaction() as session:
        new = Admins(session).create(name, hashed, bot.clock())
        Audit(session).add(by, "admin.create" if new else "admin.password", name, "", bot.clock())
    return new


def remove(bot: Bot, name: str, *, by: str) -> None:
    """No admin of that name any more, and nothing that opens the desk for him. Raises UnknownAdmin."""
    with bot.transaction() as session:
        if not Admins(session).remove(name):
            raise UnknownAdmin(name)
        Audit(session).add(by, "admin.remove", name, "", bot.clock())


def give_token(bot: Bot, name: str, *, by: str, scope: Scope = "all") -> str:
    """A bearer token for scripts, good until it is revoked. Raises UnknownAdmin."""
    with bot.transaction() as session:
        admins = Admins(session)
        if admins.password_of(name) is None:
            raise UnknownAdmin(name)
        Audit(session).add(by, "admin.token", name, "read only" if scope == "read" else "", bot.clock())
        return admins.new_token(name, bot.clock(), scope)


def revoke(bot: Bot, ids: Sequence[str], *, by: str) -> None:
    """Have these keys open nothing any more: all of them, or none. Raises UnknownKey."""
    with bot.transaction() as session:
        for id in ids:
            if len(id) != KEY_ID or not Admins(session).revoke_key(id, bot.clock()):
                raise UnknownKey(id)
            Audit(session).add(by, "admin.revoke", id, "", bot.clock())


def log_in(bot: Bot, name: str, password: str) -> str | None:
    """A secret for the desk's cookie, or None; argon2, so never on the event loop. Raises Crowded."""
    with bot.reads(Admins) as admins:
        known = admins.password_of(name) if fit_name(name) else None
    right, better = _verify(password, known or _nobodys_hash())
    if known is None or not right:
        log.warning("login.failed")
        return None
    with bot.transaction() as session:
        if better is not None:
            Admins(session).rehash(name, better)
        Audit(session).add(name, "login", "desk", "", bot.clock())
        return Admins(session).open_session(name, bot.clock())


def log_out(bot: Bot, secret: str) -> None:
    """The session opens nothing any more, wherever a copy of it may be."""
    with bot.transaction() as session:
        Admins(session).revoke(secret, bot.clock())


@lru_cache(maxsize=1)
def _hasher() -> PasswordHash:
    return PasswordHash.recommended()


@lru_cache(maxsize=1)
def _nobodys_hash() -> str:
    return _hasher().hash("nobody has this password")


def _verify(password: str, known: str) -> tuple[bool, str | None]:
    """Is it the password, and a better hash of it if there is one."""
    if len(password) > LONGEST_PASSWORD:
        password = ""
    if not _room.acquire(timeout=LONGEST_WAIT):
        raise Crowded(math.ceil(LONGEST_WAIT))
    try:
        return _hasher().verify_and_update(password.encode("utf-8", "surrogatepass"), known)
    except UnknownHashError:
        return False, None
    finally:
        _room.release()
