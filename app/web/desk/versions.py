"""Versions at the desk: the training runs that make them, and which of them serves.

A run is started, watched, seen beside what serves, cancelled. Which version serves: promotion, rollback, and the trial
of a challenger.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from app import actions, reads
from app.domain.errors import NothingToUndo, TurnedAway, Unfit
from app.domain.run import Cause
from app.domain.run_log import Recited, Said, StepTaken
from app.domain.trial import Arm, TrialReport, TrialRules
from app.domain.version import Rate, wilson
from app.web.desk.overview import overview
from app.web.http.admins import NO_STORE, ONLY_ADMINS, Admin
from app.web.http.deps import LARGEST_NUMBER, BotDep, RunId, Slug
from app.web.http.forms import GenuineForm
from app.web.http.page import fields_of, page, see_other, set_flash
from app.web.readers import charts

router = APIRouter(prefix="/desk", include_in_schema=False)
LONGEST_REASON = 500


def losses(said: Sequence[Said]) -> list[tuple[int, float]]:
    """The loss after so many steps; a run that was taken up again goes on from its last attempt."""
    entries = (one.entry for one in said)
    return sorted({one.step: one.loss for one in entries if isinstance(one, StepTaken)}.items())


@router.post("/{voice}/runs")
def start_run(voice: Slug, request: Request, admin: Admin, _form: GenuineForm, bot: BotDep) -> Response:
    """Start training."""
    report, new = actions.runs.request(bot, voice, Cause.ADMIN, by=admin)
    set_flash(request, "run_started" if new else "run_under_way")
    return see_other(f"/desk/runs/{report.run}")


@router.get("/runs/{run}", dependencies=ONLY_ADMINS)
def run(run: RunId, request: Request, bot: BotDep, seed: str = "") -> HTMLResponse:
    """One run, live; once it has made a version, that version beside the one that serves, and what can be done now."""
    found = reads.desk.run(bot, run, seed)
    said = found.run.said
    return page(
        request,
        "desk/run.html",
        headers=NO_STORE,
        said=[one for one in said if not isinstance(one.entry, StepTaken | Recited)],
        recited=[entry for one in said if isinstance(entry := one.entry, Recited)][-3:],
        losses=losses(said),
        **fields_of(found),
    )


@router.get("/runs/{run}/loss.svg", dependencies=ONLY_ADMINS)
def loss_curve(run: RunId, request: Request, bot: BotDep, narrow: str = "") -> Response:
    """Its loss so far, drawn."""
    points = losses(reads.runs.one(bot, run).said)
    return charts.loss(request, points, narrow=bool(narrow), headers=NO_STORE)


@router.post("/runs/{run}/cancel")
def cancel(run: RunId, request: Request, admin: Admin, _form: GenuineForm, bot: BotDep) -> Response:
    """Stop a run."""
    actions.runs.cancel(bot, run, by=admin)
    set_flash(request, "cancelled")
    return see_other(f"/desk/runs/{run}")


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two of a trial, for its table."""

    version: int
    arm: Arm
    rate: Rate | None
    wealth: float
    """Of who bets on it."""


@router.post("/{voice}/promote")
def promote(voice: Slug, request: Request, admin: Admin, form: GenuineForm, bot: BotDep) -> Response:
    """Have a version serve."""
    override, reason = form.text("override") == "true", form.text("reason")[:LONGEST_REASON]
    try:
        actions.versions.promote(bot, voice, _number(form.text("version")), by=admin, override=override, reason=reason)
    except (TurnedAway, Unfit) as error:
        return overview(request, bot, error)
    set_flash(request, "promoted")
    return see_other("/desk")


@router.post("/{voice}/rollback")
def rollback(voice: Slug, request: Request, admin: Admin, form: GenuineForm, bot: BotDep) -> Response:
    """Have the version before serve again; a second click on the same page goes no further back."""
    serving = _number(form.text("serving")) if form.text("serving") else None
    try:
        actions.versions.rollback(bot, voice, by=admin, serving=serving)
    except NothingToUndo as error:
        return overview(request, bot, error)
    set_flash(request, "rolled_back")
    return see_other("/desk")


@router.get("/{voice}/trial", dependencies=ONLY_ADMINS)
def trial(voice: Slug, request: Request, bot: BotDep, seed: str = "") -> HTMLResponse:
    """The newest trial of a voice, live: what each of the two writes, and what can be done now."""
    rules, found = bot.settings.trial_rules, reads.desk.trial(bot, voice, seed)
    return page(
        request,
        "desk/trial.html",
        headers=NO_STORE,
        rules=rules,
        rates=_rates(found.trial) if found.trial else (),
        goal=_goal(found.trial, rules) if found.trial else 0,
        **fields_of(found),
    )


@router.get("/{voice}/trial.svg", dependencies=ONLY_ADMINS)
def evidence(voice: Slug, request: Request, bot: BotDep, narrow: str = "") -> Response:
    """Its evidence, drawn."""
    newest = next(iter(reads.versions.trials(bot, voice)), None)
    if newest is None:
        return Response(status_code=404)
    return charts.evidence(request, newest, goal=bot.settings.trial_rules.enough, narrow=bool(narrow), headers=NO_STORE)


@router.post("/{voice}/trial/stop")
def stop_trial(voice: Slug, request: Request, admin: Admin, _form: GenuineForm, bot: BotDep) -> Response:
    """End a trial: the champion writes everything again."""
    actions.trials.stop(bot, voice, by=admin)
    set_flash(request, "trial_stopped")
    return see_other(f"/desk/{voice}/trial")


def _rates(trial: TrialReport) -> list[Side]:
    sides = ((trial.challenger, trial.challenger_arm, trial.better), (trial.champion, trial.champion_arm, trial.worse))
    return [Side(version, arm, wilson(arm.ticks, arm.lines), wealth) for version, arm, wealth in sides]


def _goal(trial: TrialReport, rules: TrialRules) -> float:
    """How far the better of the two bets has come to where it is enough; 0 to 1."""
    return max(0.0, min(1.0, math.log(max(trial.better, trial.worse)) / math.log(rules.enough)))


def _number(typed: str) -> int:
    if not (typed.isascii() and typed.isdigit() and len(typed) <= 10 and int(typed) <= LARGEST_NUMBER):
        raise Unfit("invalid", "a version is a number")
    return int(typed)
