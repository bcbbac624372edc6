"""Training runs at the desk: start one, watch it, cancel it."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from app import actions
from app.domain.run import Cause
from app.store.runs import Runs
from app.web.http.admins import NO_STORE, ONLY_ADMINS, Admin
from app.web.http.deps import BotDep, RunId, Slug
from app.web.http.forms import GenuineForm
from app.web.http.page import page, see_other, set_flash

router = APIRouter(prefix="/desk", include_in_schema=False)


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
    return page(request, "desk/run.html", headers=NO_STORE, run=report)


@router.post("/runs/{run}/cancel")
def cancel(run: RunId, request: Request, admin: Admin, _form: GenuineForm, bot: BotDep) -> Response:
    """Stop a run."""
    actions.runs.cancel(bot, run, by=admin)
    set_flash(request, "cancelled")
    return see_other(f"/desk/runs/{run}")
