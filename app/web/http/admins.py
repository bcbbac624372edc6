"""Admins at the door: a desk session in a cookie, or a bearer token. Knows no password."""

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from app import reads
from app.reads.desk import Secret
from app.web.http.edge import SAFE
from app.web.http.visitors import keys_of, set_cookie

DESK_COOKIE = "desk"
DEVICE_COOKIE = "desk_device"
"""Opens nothing: who brings it has tries of his own at logging in (`limits.py:Limits.take_login`)."""
NO_STORE = {"Cache-Control": "no-store"}
"""For answers to admins: nobody keeps a copy."""
SESSION_LIFE = 14 * 24 * 3600
_cookie = APIKeyCookie(name=DESK_COOKIE, auto_error=False, description="The desk's session.")
_bearer = HTTPBearer(auto_error=False, description="A token from `poembot admin token`.")


class OnlyReads(Exception):
    """The key opens the desk for looking only."""

    code = "forbidden"


class NotAdmin(Exception):
    """The door of the desk stays shut."""

    code = "not_admin"


def secret_of(request: Request) -> Secret | None:
    """What came with this request to open the desk. A bearer token must be right: no cookie makes up for it."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip(), "token"
    secret = request.cookies.get(DESK_COOKIE)
    return (secret, "session") if secret else None


def must_be_admin(
    request: Request,
    _session: Annotated[str | None, Security(_cookie)],
    _token: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> str:
    """The name of the admin who asks. Raises NotAdmin, OnlyReads."""
    key = reads.desk.key(request.app.state.bot, secret_of(request))
    if key is None:
        raise NotAdmin
    if key.scope == "read" and request.method not in SAFE:
        raise OnlyReads
    return key.admin


Admin = Annotated[str, Depends(must_be_admin)]
"""The name of the admin who asks. Raises NotAdmin."""
ONLY_ADMINS = [Depends(must_be_admin)]
"""For routes that need an admin, whoever it is."""


def open_desk(request: Request, secret: str, account: str) -> None:
    """Give the admin's browser his session, and have it known as a device that has logged in to *account*."""
    set_cookie(request, DESK_COOKIE, secret, life=SESSION_LIFE)
    set_cookie(request, DEVICE_COOKIE, keys_of(request).sign_device(account), path="/desk")


def device_of(request: Request, account: str) -> str | None:
    """The device that sent this request, if somebody has logged in to *account* on it."""
    return keys_of(request).read_device(request.cookies.get(DEVICE_COOKIE, ""), account)


def close_desk(request: Request) -> None:
    """Take it back."""
    set_cookie(request, DESK_COOKIE, "", life=0)
