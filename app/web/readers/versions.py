"""Is it learning? Versions and their figures, trials and their evidence, samples from the same seeds side by side."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from app.store.runs import Runs
from app.store.tastes import Tastes
from app.store.trials import Trials
from app.store.versions import Versions
from app.web.http.deps import BotDep, Slug
from app.web.http.page import page
from app.web.readers import charts

router = APIRouter(include_in_schema=False)
BESIDE = 4
"""Versions whose poems of the same seeds stand side by side: the base, and the newest."""


@router.get("/{voice}/versions")
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


@router.get("/{voice}/versions/rates.svg")
def rates(voice: Slug, request: Request, bot: BotDep, narrow: str = "") -> Response:
    """Tick-rates by version, drawn."""
    with bot.reads(Versions) as store:
        found = store.of_voice(voice)
    return charts.rates(request, found, narrow=bool(narrow))
