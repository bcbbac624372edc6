"""A visitor's own: what he ticked, wove and taught (`/me`), its export and erasure, and the privacy page."""

import json

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from app import actions, reads
from app.domain.errors import Unfit
from app.domain.lesson import Life
from app.web.http.deps import BotDep, VisitorDep
from app.web.http.forms import GenuineForm
from app.web.http.language import VOICE_COOKIE
from app.web.http.page import fields_of, page, see_other, set_flash
from app.web.http.visitors import VISITOR_COOKIE, set_cookie

router = APIRouter(include_in_schema=False)


@router.get("/me")
def me(request: Request, bot: BotDep, visitor: VisitorDep) -> HTMLResponse:
    """What this visitor ticked, wove and taught."""
    found = reads.visitors.mine(bot, visitor)
    lives = {"life_of_line": found.life_of_line, "life_of_poem": found.life_of_poem, "states": list(Life)}
    return page(request, "me.html", **fields_of(found) | lives)


@router.get("/privacy")
def privacy(request: Request, bot: BotDep) -> HTMLResponse:
    """What is kept and why."""
    return page(request, "privacy.html", days=bot.settings.keep_visitors)


@router.get("/me/export")
def export(bot: BotDep, visitor: VisitorDep) -> Response:
    """Everything kept of this visitor, as a file."""
    kept = reads.visitors.export(bot, visitor)
    headers = {"Content-Disposition": 'attachment; filename="poem-bot.json"', "Cache-Control": "no-store"}
    return Response(json.dumps(kept, ensure_ascii=False, indent=1), media_type="application/json", headers=headers)


@router.post("/me/erase")
def erase(request: Request, form: GenuineForm, bot: BotDep, visitor: VisitorDep) -> Response:
    """Forget this visitor, cookie and all, and what he read last. The language stays: it tells nobody apart."""
    if form.text("confirm") != "yes":
        raise Unfit("unconfirmed", "erasing must be confirmed")
    actions.visitors.erase(bot, visitor.id)
    for cookie in (VISITOR_COOKIE, VOICE_COOKIE):
        set_cookie(request, cookie, "", life=0)
    set_flash(request, "erased")
    return see_other("/me")
