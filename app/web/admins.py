"""Admins at the door: a desk session in a cookie, or a bearer token. Knows no password."""

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.orm import Session

from app.bootstrap import now
from app.store.admins import Admins
from app.web.visitors import set_cookie

COOKIE = "desk"
SESSION_LIFE = 14 * 24 * 3600
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="The desk's session.")
_bearer = HTTPBearer(auto_error=False, description="A token from `poembot admin token`.")


class NotAdmin(Exception):
    """The door of the desk stays shut."""

    code = "not_admin"


def admin_of(request: Request, session: Session) -> str | None:
    """The admin who sent this request, or None. A bearer token must be right: no cookie makes up for it."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return Admins(session).who(token.strip(), "token", now())
    secret = request.cookies.get(COOKIE)
    return Admins(session).who(secret, "session", now()) if secret else None


def must_be_admin(
    request: Request,
    _session: Annotated[str | None, Security(_cookie)],
    _token: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> str:
    """The name of the admin who asks. Raises NotAdmin."""
    with request.app.state.bot.reading() as session:
        name = admin_of(request, session)
    if name is None:
        raise NotAdmin
    return name


Admin = Annotated[str, Depends(must_be_admin)]
"""The name of the admin who asks. Raises NotAdmin."""


def open_desk(request: Request, secret: str) -> None:
    """Give the admin's browser his session."""
    set_cookie(request, COOKIE, secret, life=SESSION_LIFE)


def close_desk(request: Request) -> None:
    """Take it back."""
    set_cookie(request, COOKIE, "", life=0)
