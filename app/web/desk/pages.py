"""The desk: the admin's pages. Forms only; `static/site.js` asks again for what is under way."""

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from app import actions
from app.bootstrap import Bot, now
from app.domain.errors import NothingToUndo, TurnedAway, Unfit
from app.domain.run import Cause
from app.domain.submission import SubmissionStatus
from app.store.admins import Admins
from app.store.audit import Audit
from app.store.counts import Counts
from app.store.pieces import Pieces
from app.store.pulses import Pulses
from app.store.runs import Runs
from app.store.submissions import Submissions
from app.store.versions import Versions
from app.store.voices import Voices
from app.web.desk.admins import COOKIE, Admin, close_desk, must_be_admin, open_desk
from app.web.desk.login import log_in
from app.web.http.deps import LARGEST_ID, BotDep, RunId, Slug, VisitorDep
from app.web.http.errors import FormExpired, code_of, retry_after_of, status_of
from app.web.http.forms import AnyForm, GenuineForm, is_id
from app.web.http.page import page, set_flash
from app.web.http.rate_limits import LOGINS, Limited, Limits
from app.web.ops import health
from app.web.readers.pages import see_other

router = APIRouter(prefix="/desk", include_in_schema=False)
EVER = datetime(2000, 1, 1, tzinfo=UTC)
LONGEST_REASON = 500
PRIVATE = {"Cache-Control": "no-store"}
DECISIONS = (SubmissionStatus.WAITING, SubmissionStatus.APPROVED, SubmissionStatus.REJECTED)
ONLY_ADMINS = [Depends(must_be_admin)]


@router.get("/login")
def door(request: Request) -> HTMLResponse:
    """Name and password."""
    return page(request, "desk/login.html", headers=PRIVATE, error=None, name="")


@router.post("/login")
def enter(request: Request, form: AnyForm, visitor: VisitorDep, bot: BotDep) -> Response:
    """Open the desk. Throttled by account and by address, before the password is looked at."""
    name = form.text("name").strip()
    limits: Limits = request.app.state.limits
    try:
        form.must_be_genuine()
        limits.take(LOGINS, who=name.casefold()[:60], address=visitor.address)
        secret = log_in(bot, name, form.text("password"))
    except (FormExpired, Limited) as error:
        return _door_again(request, name, status_of(error), code_of(error), retry_after_of(error))
    if secret is None:
        return _door_again(request, name, 401, "login")
    open_desk(request, secret)
    return see_other("/desk")


@router.post("/logout")
def leave(request: Request, _form: GenuineForm, bot: BotDep) -> Response:
    """Close the desk: the session opens nothing any more, wherever a copy of it may be."""
    with bot.transaction() as session:
        Admins(session).revoke(request.cookies.get(COOKIE, ""), now())
    close_desk(request)
    set_flash(request, "logged_out")
    return see_other("/desk/login")


@router.get("", dependencies=ONLY_ADMINS)
def index(request: Request, bot: BotDep) -> HTMLResponse:
    """Everything at a glance."""
    return _index(request, bot)


@router.post("/{voice}/runs")
def start_run(voice: Slug, request: Request, admin: Admin, _form: GenuineForm, bot: BotDep) -> Response:
    """Start training."""
    report, new = actions.runs.request(bot, voice, Cause.ADMIN, by=admin)
    set_flash(request, "run_started" if new else "run_under_way")
    return see_other(f"/desk/runs/{report.run}")


@router.get("/runs/{run}", dependencies=ONLY_ADMINS)
def run(run: RunId, request: Request, bot: BotDep) -> HTMLResponse:
    """One run, live."""
    with bot.reads(Runs) as runs:
        report = runs.one(run)
    return page(request, "desk/run.html", headers=PRIVATE, run=report)


@router.post("/runs/{run}/cancel")
def cancel(run: RunId, request: Request, admin: Admin, _form: GenuineForm, bot: BotDep) -> Response:
    """Stop a run."""
    actions.runs.cancel(bot, run, by=admin)
    set_flash(request, "cancelled")
    return see_other(f"/desk/runs/{run}")


@router.get("/submissions", dependencies=ONLY_ADMINS)
def submissions(request: Request, bot: BotDep, status: str = "waiting", undo: str = "") -> HTMLResponse:
    """The queue; *undo* names those that were just decided, and where they were: `waiting:3,7`."""
    wanted = next((known for known in SubmissionStatus if known == status), SubmissionStatus.WAITING)
    was, _, decided = undo.partition(":")
    back = [id for id in decided.split(",") if is_id(id)] if was in DECISIONS else []
    with bot.reading() as session:
        found, woven = Submissions(session).queue(wanted), Pieces(session).queue(wanted)
    context = {"submissions": found, "pieces": woven, "status": wanted, "back": back, "was": was}
    return page(request, "desk/submissions.html", headers=PRIVATE, **context)


@router.post("/submissions/decide")
def decide(request: Request, admin: Admin, form: GenuineForm, bot: BotDep) -> Response:
    """Approve or reject those that were picked, or put them back into the queue: the undo of either."""
    decision, was, ids = form.text("status"), form.text("was"), form.ids("ids")
    if decision not in DECISIONS:
        raise Unfit("invalid", "a submission is approved or rejected, or waits")
    actions.submissions.decide(bot, ids, SubmissionStatus(decision), by=admin)
    set_flash(request, "decided")
    undo = f"&undo={was}:{','.join(map(str, ids))}" if was in DECISIONS and ids else ""
    return see_other(f"/desk/submissions?status={was if was in DECISIONS else 'waiting'}{undo}")


@router.post("/pieces/decide")
def decide_pieces(request: Request, admin: Admin, form: GenuineForm, bot: BotDep) -> Response:
    """The same for what visitors wove; its undo is the same form on the other lists."""
    decision, was = form.text("status"), form.text("was")
    if decision not in DECISIONS:
        raise Unfit("invalid", "a piece is approved or rejected, or waits")
    actions.pieces.decide(bot, [form.text("ids")], SubmissionStatus(decision), by=admin)
    set_flash(request, "decided")
    return see_other(f"/desk/submissions?status={was if was in DECISIONS else 'waiting'}#pieces")


@router.post("/{voice}/promote")
def promote(voice: Slug, request: Request, admin: Admin, form: GenuineForm, bot: BotDep) -> Response:
    """Have a version serve."""
    override, reason = form.text("override") == "true", form.text("reason")[:LONGEST_REASON]
    try:
        actions.versions.promote(bot, voice, _number(form.text("version")), by=admin, override=override, reason=reason)
    except (TurnedAway, Unfit) as error:
        return _index(request, bot, error)
    set_flash(request, "promoted")
    return see_other("/desk")


@router.post("/{voice}/rollback")
def rollback(voice: Slug, request: Request, admin: Admin, form: GenuineForm, bot: BotDep) -> Response:
    """Have the version before serve again; a second click on the same page goes no further back."""
    serving = _number(form.text("serving")) if form.text("serving") else None
    try:
        actions.versions.rollback(bot, voice, by=admin, serving=serving)
    except NothingToUndo as error:
        return _index(request, bot, error)
    set_flash(request, "rolled_back")
    return see_other("/desk")


@router.get("/audit", dependencies=ONLY_ADMINS)
def audit(request: Request, bot: BotDep) -> HTMLResponse:
    """What admins did."""
    with bot.reads(Audit) as store:
        entries = store.newest(200)
    return page(request, "desk/audit.html", headers=PRIVATE, entries=entries)


def _index(request: Request, bot: Bot, error: Exception | None = None) -> HTMLResponse:
    with bot.reading() as session:
        counts, versions, runs = Counts(session), Versions(session), Runs(session)
        slugs = [voice.slug for voice in Voices(session).all()]
        yesterday = now() - timedelta(days=1)
        pulses = Pulses(session).alive(now())
        context: dict[str, object] = {
            "counts": {v: {"today": counts.of(v, yesterday), "ever": counts.of(v, EVER)} for v in slugs},
            "versions": {v: versions.of_voice(v) for v in slugs},
            "runs": {v: runs.of_voice(v, 10) for v in slugs},
            "waiting": Submissions(session).waiting(),
            "woven": Pieces(session).waiting(),
            "pulses": pulses,
            "statuses": health.statuses(pulses),
        }
    if error is not None:
        context["flash"] = code_of(error)
    return page(
        request, "desk/index.html", 200 if error is None else status_of(error), headers=PRIVATE, path="/desk", **context
    )


def _door_again(request: Request, name: str, status: int, code: str, wait: int | None = None) -> HTMLResponse:
    headers = PRIVATE | ({"Retry-After": str(wait)} if wait else {})
    shown = name.encode("utf-8", "replace").decode()
    return page(request, "desk/login.html", status, headers=headers, error=code, name=shown)


def _number(typed: str) -> int:
    if not (typed.isascii() and typed.isdigit() and len(typed) <= 10 and int(typed) <= LARGEST_ID):
        raise Unfit("invalid", "a version is a number")
    return int(typed)
