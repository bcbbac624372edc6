"""Is it learning? Versions and their figures, trials and their evidence, and what became of what a reader gave."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from app import actions
from app.bootstrap import Bot
from app.domain.trial import Arm, TrialReport, TrialRules
from app.domain.version import Rate, wilson
from app.store.runs import Runs
from app.store.tastes import Tastes
from app.store.trials import Trials
from app.store.versions import Versions
from app.web.api.declared import problems, unsafe_problems
from app.web.api.trial_shapes import TrialOut
from app.web.desk.admins import Admin, must_be_admin
from app.web.http.deps import BotDep, Reading, Slug
from app.web.http.forms import GenuineForm
from app.web.http.language import language_of
from app.web.http.page import page, set_flash
from app.web.readers import charts
from app.web.readers.pages import see_other

router = APIRouter()
BESIDE = 4
"""Versions whose poems of the same seeds stand side by side: the base, and the newest."""
ONLY_ADMINS = [Depends(must_be_admin)]
PRIVATE = {"Cache-Control": "no-store"}
WORDS: Mapping[str, Mapping[str, str]] = {
    "ko": {
        "rates": "판마다 고른 비율",
        "evidence": "내기의 배당",
        "better": "새 판에 건 몫",
        "worse": "쓰던 판에 건 몫",
        "enough": "판가름 나는 곳",
    },
    "en": {
        "rates": "Tick-rate by version",
        "evidence": "What the bets are worth",
        "better": "on the new version",
        "worse": "on the old one",
        "enough": "enough to decide",
    },
}
"""Of the charts, which are no templates."""


@router.get("/{voice}/versions", include_in_schema=False)
def versions(voice: Slug, request: Request, bot: BotDep) -> HTMLResponse:
    """All versions, the rejected too; trials; and the same seeds written by several versions."""
    with bot.reading() as session:
        store = Versions(session)
        found, history, samples = store.of_voice(voice), store.history(voice), store.samples(voice)
        runs, trials = Runs(session).of_voice(voice), Trials(session).of_voice(voice)
        taste, effect = Tastes(session).newest(voice), Tastes(session).effect(voice)
    numbers = sorted(samples)
    beside = numbers if len(numbers) <= BESIDE else [numbers[0], *numbers[1 - BESIDE :]]
    seeds = min((len(samples[number]) for number in beside), default=0)
    return page(
        request,
        "versions.html",
        versions=found,
        history=history,
        runs=runs,
        trials=trials,
        taste=taste,
        effect=effect,
        beside=beside,
        seeds=[[samples[number][seed] for number in beside] for seed in range(seeds)],
    )


@router.get("/{voice}/versions/rates.svg", include_in_schema=False)
def rates(voice: Slug, request: Request, bot: BotDep, narrow: str = "") -> Response:
    """Tick-rates by version, drawn."""
    with bot.reads(Versions) as store:
        found = store.of_voice(voice)
    words = WORDS[language_of(request)]
    return _drawn(charts.rates(found, title=words["rates"], narrow=bool(narrow)), {"Cache-Control": "no-cache"})


@router.get("/desk/{voice}/trial", include_in_schema=False, dependencies=ONLY_ADMINS)
def trial(voice: Slug, request: Request, bot: BotDep) -> HTMLResponse:
    """The newest trial of a voice, live."""
    rules, newest = bot.settings.trial_rules, _newest(bot, voice)
    return page(
        request,
        "desk/trial.html",
        headers=PRIVATE,
        trial=newest,
        rules=rules,
        rates=_rates(newest) if newest else (),
        goal=_goal(newest, rules) if newest else 0,
    )


@router.get("/desk/{voice}/trial.svg", include_in_schema=False, dependencies=ONLY_ADMINS)
def evidence(voice: Slug, request: Request, bot: BotDep, narrow: str = "") -> Response:
    """Its evidence, drawn."""
    newest = _newest(bot, voice)
    if newest is None:
        return Response(status_code=404)
    words = WORDS[language_of(request)]
    drawn = charts.evidence(
        newest,
        title=words["evidence"],
        better=words["better"],
        worse=words["worse"],
        enough=words["enough"],
        goal=bot.settings.trial_rules.enough,
        narrow=bool(narrow),
    )
    return _drawn(drawn, PRIVATE)


@router.post("/desk/{voice}/trial/stop", include_in_schema=False)
def stop(voice: Slug, request: Request, admin: Admin, _form: GenuineForm, bot: BotDep) -> Response:
    """End a trial: the champion writes everything again."""
    actions.trials.stop(bot, voice, by=admin)
    set_flash(request, "trial_stopped")
    return see_other(f"/desk/{voice}/trial")


@router.get("/api/v1/voices/{voice}/trials", tags=["readers"], responses=problems(404))
def trials(voice: Slug, session: Reading) -> list[TrialOut]:
    """The trials of a voice, newest first."""
    Versions(session).history(voice)
    return [TrialOut.of(one) for one in Trials(session).of_voice(voice)]


@router.post(
    "/api/v1/admin/voices/{voice}/trial/stop",
    tags=["admins"],
    dependencies=ONLY_ADMINS,
    responses=unsafe_problems(401, 404),
)
def stop_trial(voice: Slug, admin: Admin, bot: BotDep) -> TrialOut | None:
    """End the trial of a voice; null when none is under way."""
    ended = actions.trials.stop(bot, voice, by=admin)
    return TrialOut.of(ended) if ended else None


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two of a trial, for its table."""

    version: int
    arm: Arm
    rate: Rate | None
    wealth: float
    """Of who bets on it."""


def _drawn(chart: bytes, headers: Mapping[str, str]) -> Response:
    policy = {"Content-Security-Policy": charts.policy(chart)}
    return Response(chart, media_type=charts.MEDIA_TYPE, headers={**headers, **policy})


def _rates(trial: TrialReport) -> list[Side]:
    sides = ((trial.challenger, trial.challenger_arm, trial.better), (trial.champion, trial.champion_arm, trial.worse))
    return [Side(version, arm, wilson(arm.ticks, arm.lines), wealth) for version, arm, wealth in sides]


def _goal(trial: TrialReport, rules: TrialRules) -> float:
    """How far the better of the two bets has come to where it is enough; 0 to 1."""
    return max(0.0, min(1.0, math.log(max(trial.better, trial.worse)) / math.log(rules.enough)))


def _newest(bot: Bot, voice: str) -> TrialReport | None:
    with bot.reading() as session:
        Versions(session).history(voice)
        found = Trials(session).of_voice(voice)
    return found[0] if found else None
