"""Passwords at the door of the desk. Slow on purpose, and as slow for a name that does not exist."""

import math
import threading
from functools import lru_cache

import structlog
from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError

from app.bootstrap import Bot, now
from app.store.admins import Admins
from app.store.audit import Audit
from app.web.http.rate_limits import LOGINS, Limited

log = structlog.get_logger(__name__)
LONGEST_NAME = 60
LONGEST_PASSWORD = 1024
LONGEST_WAIT = 5.0
"""Seconds that somebody stands at the door while others' passwords are looked at."""
_room = threading.BoundedSemaphore(2)
"""Each password takes 64 MB while it is looked at: a crowd at the door must not take all there is."""


@lru_cache(maxsize=1)
def _hasher() -> PasswordHash:
    return PasswordHash.recommended()


@lru_cache(maxsize=1)
def _nobodys_hash() -> str:
    return _hasher().hash("nobody has this password")


def fit_name(name: str) -> bool:
    """Can *name* be an admin's?"""
    return 0 < len(name) <= LONGEST_NAME and name.isprintable()


def log_in(bot: Bot, name: str, password: str) -> str | None:
    """A secret for the desk's cookie, or None; argon2, so never on the event loop. Raises Limited in a crowd."""
    with bot.reads(Admins) as admins:
        known = admins.password_of(name) if fit_name(name) else None
    right, better = _verify(password, known or _nobodys_hash())
    if known is None or not right:
        log.warning("login.failed")
        return None
    with bot.transaction() as session:
        if better is not None:
            Admins(session).rehash(name, better)
        Audit(session).add(name, "login", "desk", "", now())
        return Admins(session).open_session(name, now())


def _verify(password: str, known: str) -> tuple[bool, str | None]:
    """Is it the password, and a better hash of it if there is one."""
    if len(password) > LONGEST_PASSWORD:
        password = ""
    if not _room.acquire(timeout=LONGEST_WAIT):
        raise Limited(LOGINS.name, math.ceil(LONGEST_WAIT))
    try:
        return _hasher().verify_and_update(password.encode("utf-8", "surrogatepass"), known)
    except UnknownHashError:
        return False, None
    finally:
        _room.release()
