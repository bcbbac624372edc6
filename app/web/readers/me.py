"""A visitor's own: what he ticked, wove and taught (`/me`), its export and erasure, and the privacy page."""

import json
from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from app import actions
from app.domain.errors import Unfit
from app.domain.lesson import Life, life
from app.domain.submission import SubmissionStatus
from app.store.lessons import Learned, Learnings
from app.store.pieces import Pieces
from app.store.runs import Runs
from app.store.submissions import Submissions
from app.store.ticks import Ticks
from app.store.visitors import Privacy
from app.web.http.deps import BotDep, VisitorDep
from app.web.http.forms import GenuineForm
from app.web.http.language import VOICE_COOKIE
from app.web.http.page import page, see_other, set_flash
from app.web.http.visitors import VISITOR_COOKIE, set_cookie

router = APIRouter(include_in_schema=False)


@router.get("/me")
def me(request: Request, bot: BotDep, visitor: VisitorDep) -> HTMLResponse:
    """What this visitor ticked, wove and taught."""
    with bot.reading() as session:
        lines, submissions = Ticks(session).of_visitor(visitor.id), Submissions(session).of_visitor(visitor.id)
        pieces, learnings = Pieces(session).of_visitor(visitor.id), Learnings(session)
        learned = learnings.of("line", [line.line for line in lines])
        learned_poems = learnings.of("poem", [one.id for one in submissions])
        began = {
            voice: Runs(session).began(voice)
            for voice in {*(one.voice for one in lines), *(one.voice for one in submissions)}
        }
    return page(
        request,
        "me.html",
        lines=lines,
        submissions=submissions,
        pieces=pieces,
        learned=learned,
        learned_poems=learned_poems,
        life_of_line=lambda one: _life(
            given=one.at, withdrawn=one.taken_back, learned=learned.get(one.line), began=began[one.voice]
        ),
        life_of_poem=lambda one: _life(
            given=one.decided or one.created,
            withdrawn=one.status == SubmissionStatus.WITHDRAWN,
            learned=learned_poems.get(one.id),
            began=began[one.voice],
        ),
        states=list(Life),
    )


def _life(*, given: datetime, withdrawn: bool, learned: Learned | None, began: datetime | None) -> Life:
    return life(
        given=given,
        withdrawn=withdrawn,
        learned=learned is not None,
        serves=learned is not None and learned.serves,
        run_began=began,
    )


@router.get("/privacy")
def privacy(request: Request, bot: BotDep) -> HTMLResponse:
    """What is kept and why."""
    return page(request, "privacy.html", days=bot.settings.keep_visitors)


@router.get("/me/export")
def export(bot: BotDep, visitor: VisitorDep) -> Response:
    """Everything kept of this visitor, as a file."""
    with bot.reads(Privacy) as store:
        kept = store.export(visitor.id, bot.clock())
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
