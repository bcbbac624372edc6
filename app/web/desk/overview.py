"""The desk's first page, everything at a glance; the audit log; and its door, login and logout.

The check of the password is `actions/admins.py`'s.
"""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from app import actions, reads
from app.bootstrap import Bot
from app.domain.errors import Crowded
from app.web.http.admins import DESK_COOKIE, NO_STORE, ONLY_ADMINS, close_desk, device_of, open_desk
from app.web.http.deps import BotDep, VisitorDep
from app.web.http.errors import FormExpired, code_of, retry_after_of, status_of
from app.web.http.forms import AnyForm, GenuineForm
from app.web.http.limits import Limited, Limits
from app.web.http.page import fields_of, midnight, page, see_other, set_flash

router = APIRouter(prefix="/desk", include_in_schema=False)


@router.get("/login")
def login_form(request: Request) -> HTMLResponse:
    """Name and password."""
    return page(request, "desk/login.html", headers=NO_STORE, error=None, name="")


@router.post("/login")
def login(request: Request, form: AnyForm, visitor: VisitorDep, bot: BotDep) -> Response:
    """Open the desk. Throttled by device, address and account, before the password is looked at."""
    name = form.text("name").strip()
    account = name.casefold()[:60].encode("utf-8", "replace").decode()
    limits: Limits = request.app.state.limits
    try:
        form.must_be_genuine()
        limits.take_login(account, device=device_of(request, account), address=visitor.address)
        secret = actions.admins.log_in(bot, name, form.text("password"))
    except (FormExpired, Limited, Crowded) as error:
        return _form_again(request, name, status_of(error), code_of(error), retry_after_of(error))
    if secret is None:
        return _form_again(request, name, 401, "login")
    limits.note_login(account, address=visitor.address)
    open_desk(request, secret, account)
    return see_other("/desk")


@router.post("/logout")
def logout(request: Request, _form: GenuineForm, bot: BotDep) -> Response:
    """Close the desk: the session opens nothing any more, wherever a copy of it may be."""
    actions.admins.log_out(bot, request.cookies.get(DESK_COOKIE, ""))
    close_desk(request)
    set_flash(request, "logged_out")
    return see_other("/desk/login")


def _form_again(request: Request, name: str, status: int, code: str, wait: int | None = None) -> HTMLResponse:
    headers = NO_STORE | ({"Retry-After": str(wait)} if wait else {})
    shown = name.encode("utf-8", "replace").decode()
    return page(request, "desk/login.html", status, headers=headers, error=code, name=shown)


@router.get("", dependencies=ONLY_ADMINS)
def index(request: Request, bot: BotDep) -> HTMLResponse:
    """Everything at a glance."""
    return overview(request, bot)


@router.get("/audit", dependencies=ONLY_ADMINS)
def audit(request: Request, bot: BotDep) -> HTMLResponse:
    """What admins did."""
    return page(request, "desk/audit.html", headers=NO_STORE, entries=reads.desk.audit(bot))


def overview(request: Request, bot: Bot, error: Exception | None = None) -> HTMLResponse:
    """The desk's first page, with the *error* of what was just tried."""
    context = fields_of(reads.desk.overview(bot, midnight(request)))
    if error is not None:
        context["flash"] = code_of(error)
    return page(
        request,
        "desk/index.html",
        200 if error is None else status_of(error),
        headers=NO_STORE,
        path="/desk",
        **context,
    )
