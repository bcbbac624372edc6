"""Authentication of admins: by a session in a cookie, or by a bearer token. `actions/admins.py` checks passwords."""

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from app import reads
from app.reads.desk import Secret
from app.web.http.edge import SAFE
from app.web.http.visitors import keys_of, set_cookie

DESK_COOKIE = "desk"
DEVICE_COOKIE = "desk_device"
"""It grants no access, only a rate limit of its own for logins (`limits.py:Limits.take_login`)."""
NO_STORE = {"Cache-Control": "no-store"}
"""For responses to admins: no cache keeps a copy."""
SESSION_LIFE = 14 * 24 * 3600
_cookie = APIKeyCookie(name=DESK_COOKIE, auto_error=False, description="The desk's session.")
_bearer = HTTPBearer(auto_error=False, description="A token from `poembot admin token`.")


class OnlyReads(Exception):
    """The key may only read."""

    code = "forbidden"


class NotAdmin(Exception):
    """The request carries no valid session or token."""

    code = "not_admin"


def secret_of(request: Request) -> Secret | None:
    """The bearer token or session of this request. With a bearer token, right or wrong, the cookie is ignored."""
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
    """The name of the admin. Raises NotAdmin, OnlyReads."""
    key = reads.desk.key(request.app.state.bot, secret_of(request))
    if key is None:
        raise NotAdmin
    if key.scope == "read" and request.method not in SAFE:
        raise OnlyReads
    return key.admin


Admin = Annotated[str, Depends(must_be_admin)]
"""The name of the admin. Raises NotAdmin, OnlyReads."""
ONLY_ADMINS = [Depends(must_be_admin)]
"""For routes that do not use the admin's name."""


def open_desk(request: Request, secret: str, account: str) -> None:
    """Set the cookies of a login: the session, and the mark of a device that has logged in to *account*."""
    set_cookie(request, DESK_COOKIE, secret, life=SESSION_LIFE)
    set_cookie(request, DEVICE_COOKIE, keys_of(request).sign_device(account), path="/desk")


def device_of(request: Request, account: str) -> str | None:
    """The id of the device, if somebody has logged in to *account* on it before."""
    return keys_of(request).read_device(request.cookies.get(DEVICE_COOKIE, ""), account)


def close_desk(request: Request) -> None:
    """Delete the session cookie."""
    set_cookie(request, DESK_COOKIE, "", life=0)
