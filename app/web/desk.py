"""The desk: the admin's pages.

In this order: login and logout; the overview and the audit log; training runs; versions, rollback and trials;
moderation of submissions and pieces. `actions/admins.py` checks the password.
"""

import math
from collections.abc import Sequence

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from app import actions, reads
from app.bootstrap import Bot
from app.domain.errors import Crowded, NothingToUndo, TurnedAway, Unfit
from app.domain.run import Cause
from app.domain.run_log import Recited, Said, StepTaken
from app.domain.submission import Decline, SubmissionStatus
from app.domain.trial import TrialReport, TrialRules
from app.web.http.admins import DESK_COOKIE, NO_STORE, ONLY_ADMINS, Admin, close_desk, device_of, open_desk
from app.web.http.deps import (
    AnyForm,
    BotDep,
    FormExpired,
    GenuineForm,
    RunId,
    Slug,
    VisitorDep,
    id_in,
    number_in,
)
from app.web.http.errors import code_of, retry_after_of, status_of
from app.web.http.limits import Limited, Limits
from app.web.http.page import fields_of, midnight, page, see_other, set_flash
from app.web.readers import charts

router = APIRouter(prefix="/desk", include_in_schema=False)
LONGEST_REASON = 500
DECISIONS = (SubmissionStatus.WAITING, SubmissionStatus.APPROVED, SubmissionStatus.REJECTED)


@router.get("/login")
def login_form(request: Request) -> HTMLResponse:
    """Ask for name and password."""
    return page(request, "desk/login.html", headers=NO_STORE, error=None, name="")


@router.post("/login")
def login(request: Request, form: AnyForm, visitor: VisitorDep, bot: BotDep) -> Response:
    """Log in. The rate limits by device, address and account come before the password check."""
    name = form.text("name").strip()
    account = name.casefold()[:60].encode("utf-8", "replace").decode()
    limits: Limits = request.app.state.limits
    try:
        form.must_be_genuine()
        limits.take_login(account, device=device_of(request, account), address=visitor.address)
        secret = actions.admins.log_in(bot, name, form.text("password"))
    except (FormExpired, Limited, Crowded) as error:
        return _login_again(request, name, status_of(error), code_of(error), retry_after_of(error))
    if secret is None:
        return _login_again(request, name, 401, "login")
    limits.note_login(account, address=visitor.address)
    open_desk(request, secret, account)
    return see_other("/desk")


@router.post("/logout")
def logout(request: Request, _form: GenuineForm, bot: BotDep) -> Response:
    """Log out. The session ends on the server too, so a copy of the cookie is worthless."""
    actions.admins.log_out(bot, request.cookies.get(DESK_COOKIE, ""))
    close_desk(request)
    set_flash(request, "logged_out")
    return see_other("/desk/login")


def _login_again(request: Request, name: str, status: int, code: str, wait: int | None = None) -> HTMLResponse:
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
    """The desk's first page; *error*: why the action just tried was refused."""
    context = fields_of(reads.desk.overview(bot, midnight(request)))
    if error is not None:
        context["flash"] = code_of(error)
    status = 200 if error is None else status_of(error)
    return page(request, "desk/index.html", status, headers=NO_STORE, path="/desk", **context)


@router.post("/{voice}/runs")
def start_run(voice: Slug, request: Request, admin: Admin, _form: GenuineForm, bot: BotDep) -> Response:
    """Start a training run, or show the one that is under way."""
    report, new = actions.runs.request(bot, voice, Cause.ADMIN, by=admin)
    set_flash(request, "run_started" if new else "run_under_way")
    return see_other(f"/desk/runs/{report.run}")


@router.post("/{voice}/drawer/empty")
def empty_drawer(voice: Slug, request: Request, admin: Admin, _form: GenuineForm, bot: BotDep) -> Response:
    """Delete the drafts of a voice; the worker begins again."""
    actions.drafts.empty(bot, voice, by=admin)
    set_flash(request, "drawer_emptied")
    return see_other(f"/desk#voice-{voice}")


@router.get("/runs/{run}", dependencies=ONLY_ADMINS)
def run(run: RunId, request: Request, bot: BotDep, seed: str = "") -> HTMLResponse:
    """A run, updated while it goes on. When it has made a version: that version beside the champion, and what to do."""
    with_version = reads.desk.run(bot, run, seed)
    said = with_version.run.said
    return page(
        request,
        "desk/run.html",
        headers=NO_STORE,
        said=[one for one in said if not isinstance(one.entry, StepTaken | Recited)],
        recited=[entry for one in said if isinstance(entry := one.entry, Recited)][-3:],
        losses=losses(said),
        **fields_of(with_version),
    )


@router.get("/runs/{run}/loss.svg", dependencies=ONLY_ADMINS)
def loss_curve(run: RunId, request: Request, bot: BotDep, narrow: str = "") -> Response:
    """The loss curve of a run."""
    points = losses(reads.runs.one(bot, run).said)
    return charts.loss(request, points, narrow=bool(narrow), headers=NO_STORE)


def losses(said: Sequence[Said]) -> list[tuple[int, float]]:
    """(step, loss) from a run's log, in order of steps; where a run was resumed, the later attempt counts."""
    entries = (one.entry for one in said)
    return sorted({one.step: one.loss for one in entries if isinstance(one, StepTaken)}.items())


@router.post("/runs/{run}/cancel")
def cancel(run: RunId, request: Request, admin: Admin, _form: GenuineForm, bot: BotDep) -> Response:
    """Cancel a run."""
    actions.runs.cancel(bot, run, by=admin)
    set_flash(request, "cancelled")
    return see_other(f"/desk/runs/{run}")


@router.post("/{voice}/promote")
def promote(voice: Slug, request: Request, admin: Admin, form: GenuineForm, bot: BotDep) -> Response:
    """Make a version the champion."""
    override, reason = form.text("override") == "true", form.text("reason")[:LONGEST_REASON]
    try:
        actions.versions.promote(bot, voice, _version(form, "version"), by=admin, override=override, reason=reason)
    except (TurnedAway, Unfit) as error:
        return overview(request, bot, error)
    set_flash(request, "promoted")
    return see_other("/desk")


@router.post("/{voice}/rollback")
def rollback(voice: Slug, request: Request, admin: Admin, form: GenuineForm, bot: BotDep) -> Response:
    """Roll back to the previous champion. A second click on the same page does not roll back further."""
    serving = _version(form, "serving") if form.text("serving") else None
    try:
        actions.versions.rollback(bot, voice, by=admin, serving=serving)
    except NothingToUndo as error:
        return overview(request, bot, error)
    set_flash(request, "rolled_back")
    return see_other("/desk")


def _version(form: GenuineForm, field: str) -> int:
    number = number_in(form.text(field))
    if number is None:
        raise Unfit("invalid", "a version is a number")
    return number


@router.get("/{voice}/trial", dependencies=ONLY_ADMINS)
def trial(voice: Slug, request: Request, bot: BotDep, seed: str = "") -> HTMLResponse:
    """The newest trial of a voice, updated while it goes on, with poems by both versions."""
    rules, newest = bot.settings.trial_rules, reads.desk.trial(bot, voice, seed)
    return page(
        request,
        "desk/trial.html",
        headers=NO_STORE,
        rules=rules,
        goal=_goal(newest.trial, rules) if newest.trial else 0,
        **fields_of(newest),
    )


@router.get("/{voice}/trial.svg", dependencies=ONLY_ADMINS)
def evidence(voice: Slug, request: Request, bot: BotDep, narrow: str = "") -> Response:
    """The evidence of the newest trial as a chart."""
    newest = next(iter(reads.versions.trials(bot, voice)), None)
    if newest is None:
        return Response(status_code=404)
    return charts.evidence(request, newest, goal=bot.settings.trial_rules.enough, narrow=bool(narrow), headers=NO_STORE)


@router.post("/{voice}/trial/stop")
def stop_trial(voice: Slug, request: Request, admin: Admin, _form: GenuineForm, bot: BotDep) -> Response:
    """Stop a trial. The champion writes all poems again."""
    actions.trials.stop(bot, voice, by=admin)
    set_flash(request, "trial_stopped")
    return see_other(f"/desk/{voice}/trial")


def _goal(trial: TrialReport, rules: TrialRules) -> float:
    """Progress of the leading bet towards the wealth that decides the trial, on a logarithmic scale; 0 to 1."""
    return max(0.0, min(1.0, math.log(max(trial.better, trial.worse)) / math.log(rules.enough)))


@router.get("/submissions", dependencies=ONLY_ADMINS)
def submissions(
    *, request: Request, bot: BotDep, status: str = "waiting", undo: str = "", after: str = "", every: str = ""
) -> HTMLResponse:
    """The moderation queue.

    *after*: the id after which the page begins. *undo*: what was just decided, as `waiting:3,7`: the status before and
    the ids. *every*: all boxes are ticked.
    """
    wanted = next((each for each in SubmissionStatus if each == status), SubmissionStatus.WAITING)
    was, _, decided = undo.partition(":")
    back = [id for id in decided.split(",") if id_in(id)] if was in DECISIONS else []
    start = id_in(after) or 0
    context = fields_of(reads.desk.queue(bot, wanted, after=start))
    context |= {"status": wanted, "back": back, "was": was, "every": bool(every), "after": start}
    return page(request, "desk/submissions.html", headers=NO_STORE, reasons=list(Decline), **context)


@router.post("/submissions/decide")
def decide(request: Request, admin: Admin, form: GenuineForm, bot: BotDep) -> Response:
    """Approve or reject the selected submissions, or put them back into the queue, which undoes either."""
    decision, was, ids = _decision(form), form.text("was"), form.ids("ids")
    actions.submissions.decide(bot, ids, decision, by=admin, reason=_reason(form))
    set_flash(request, "decided")
    undo = f"&undo={was}:{','.join(map(str, ids))}" if was in DECISIONS and ids else ""
    return see_other(f"/desk/submissions?status={was if was in DECISIONS else 'waiting'}{undo}")


@router.post("/pieces/decide")
def decide_pieces(request: Request, admin: Admin, form: GenuineForm, bot: BotDep) -> Response:
    """Approve or reject a woven piece, or put it back into the queue."""
    decision, was = _decision(form), form.text("was")
    actions.submissions.decide_pieces(bot, [form.text("ids")], decision, by=admin, reason=_reason(form))
    set_flash(request, "decided")
    return see_other(f"/desk/submissions?status={was if was in DECISIONS else 'waiting'}#pieces")


def _decision(form: GenuineForm) -> SubmissionStatus:
    """The status that the form asks for. Raises Unfit."""
    wanted = next((status for status in DECISIONS if status == form.text("status")), None)
    if wanted is None:
        raise Unfit("invalid", "the status must be approved, rejected or waiting")
    return wanted


def _reason(form: GenuineForm) -> str:
    """Why it is declined: the moderator's own words, else the reason from the list."""
    return form.text("words").strip() or form.text("reason")
