"""Moderation: the queue of submissions and pieces, where they are approved and rejected."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from app import actions, reads
from app.domain.errors import Unfit
from app.domain.submission import Decline, SubmissionStatus
from app.web.http.admins import NO_STORE, ONLY_ADMINS, Admin
from app.web.http.deps import BotDep
from app.web.http.forms import GenuineForm, is_id
from app.web.http.page import fields_of, page, see_other, set_flash

router = APIRouter(prefix="/desk", include_in_schema=False)
DECISIONS = (SubmissionStatus.WAITING, SubmissionStatus.APPROVED, SubmissionStatus.REJECTED)


@router.get("/submissions", dependencies=ONLY_ADMINS)
def submissions(
    *, request: Request, bot: BotDep, status: str = "waiting", undo: str = "", after: str = "", every: str = ""
) -> HTMLResponse:
    """The queue, from *after* one; *undo*: those just decided, and where they were: `waiting:3,7`; *every*: picked."""
    wanted = next((known for known in SubmissionStatus if known == status), SubmissionStatus.WAITING)
    was, _, decided = undo.partition(":")
    back = [id for id in decided.split(",") if is_id(id)] if was in DECISIONS else []
    start = int(after) if is_id(after) else 0
    context = fields_of(reads.desk.queue(bot, wanted, after=start))
    context |= {"status": wanted, "back": back, "was": was, "every": bool(every), "after": start}
    return page(request, "desk/submissions.html", headers=NO_STORE, reasons=list(Decline), **context)


@router.post("/submissions/decide")
def decide(request: Request, admin: Admin, form: GenuineForm, bot: BotDep) -> Response:
    """Approve or reject those that were picked, or put them back into the queue: the undo of either."""
    decision, was, ids = form.text("status"), form.text("was"), form.ids("ids")
    if decision not in DECISIONS:
        raise Unfit("invalid", "a submission is approved or rejected, or waits")
    actions.submissions.decide(bot, ids, SubmissionStatus(decision), by=admin, reason=_reason(form))
    set_flash(request, "decided")
    undo = f"&undo={was}:{','.join(map(str, ids))}" if was in DECISIONS and ids else ""
    return see_other(f"/desk/submissions?status={was if was in DECISIONS else 'waiting'}{undo}")


@router.post("/pieces/decide")
def decide_pieces(request: Request, admin: Admin, form: GenuineForm, bot: BotDep) -> Response:
    """The same for what visitors wove; its undo is the same form on the other lists."""
    decision, was = form.text("status"), form.text("was")
    if decision not in DECISIONS:
        raise Unfit("invalid", "a piece is approved or rejected, or waits")
    actions.submissions.decide_pieces(
        bot, [form.text("ids")], SubmissionStatus(decision), by=admin, reason=_reason(form)
    )
    set_flash(request, "decided")
    return see_other(f"/desk/submissions?status={was if was in DECISIONS else 'waiting'}#pieces")


def _reason(form: GenuineForm) -> str:
    """Why it is declined: the moderator's own words, else the reason he chose."""
    return form.text("words").strip() or form.text("reason")
