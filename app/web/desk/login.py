"""Login to the desk: the form, the password check, the session.

The check is slow on purpose, and as slow for a name that does not exist.
"""

import math
import threading
from functools import lru_cache

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError

from app.bootstrap import Bot, now
from app.store.admins import Admins
from app.store.audit import Audit
from app.web.http.admins import COOKIE, NO_STORE, close_desk, open_desk
from app.web.http.deps import BotDep, VisitorDep
from app.web.http.errors import FormExpired, code_of, retry_after_of, status_of
from app.web.http.forms import AnyForm, GenuineForm
from app.web.http.page import page, see_other, set_flash
from app.web.http.rate_limits import LOGINS, Limited, Limits

log = structlog.get_logger(__name__)
router = APIRouter(prefix="/desk", include_in_schema=False)
LONGEST_NAME = 60
LONGEST_PASSWORD = 1024
LONGEST_WAIT = 5.0
"""Seconds that somebody stands at the door while others' passwords are looked at."""
_room = threading.BoundedSemaphore(2)
"""Each password takes 64 MB while it is looked at: a crowd at the door must not take all there is."""


@router.get("/login")
def login_form(request: Request) -> HTMLResponse:
    """Name and password."""
    return page(request, "desk/login.html", headers=NO_STORE, error=None, name="")


@router.post("/login")
def login(request: Request, form: AnyForm, visitor: VisitorDep, bot: BotDep) -> Response:
    """Open the desk. Throttled by account and by address, before the password is looked at."""
    name = form.text("name").strip()
    limits: Limits = request.app.state.limits
    try:
        form.must_be_genuine()
        limits.take(LOGINS, who=name.casefold()[:60], address=visitor.address)
        secret = log_in(bot, name, form.text("password"))
    except (FormExpired, Limited) as error:
        return _form_again(request, name, status_of(error), code_of(error), retry_after_of(error))
    if secret is None:
        return _form_again(request, name, 401, "login")
    open_desk(request, secret)
    return see_other("/desk")


@router.post("/logout")
def logout(request: Request, _form: GenuineForm, bot: BotDep) -> Response:
    """Close the desk: the session opens nothing any more, wherever a copy of it may be."""
    with bot.transaction() as session:
        Admins(session).revoke(request.cookies.get(COOKIE, ""), now())
    close_desk(request)
    set_flash(request, "logged_out")
    return see_other("/desk/login")


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


def _form_again(request: Request, name: str, status: int, code: str, wait: int | None = None) -> HTMLResponse:
    headers = NO_STORE | ({"Retry-After": str(wait)} if wait else {})
    shown = name.encode("utf-8", "replace").decode()
    return page(request, "desk/login.html", status, headers=headers, error=code, name=shown)
