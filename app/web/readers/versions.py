"""자라는 중: is it getting better? The answer, then one seed by several versions, then figures, trials and evidence."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from app.domain.version import growth
from app.store.runs import Runs
from app.store.tastes import Tastes
from app.store.trials import Trials
from app.store.versions import Versions
from app.web.http.deps import BotDep, Slug
from app.web.http.page import page
from app.web.readers import charts

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Beside:
    """Poems that several versions wrote of one seed, as readers would get them."""

    poems: tuple[tuple[int, Sequence[str]], ...]
    """Number of the version, and its lines; fewer than two say nothing."""
    another: int | None
    """The next seed."""


def side_by_side(samples: Mapping[int, Sequence[Sequence[str]]], numbers: Collection[int], seed: str = "") -> Beside:
    """What those versions wrote of one seed; versions without samples are left out."""
    shown = [number for number in sorted(numbers) if samples.get(number)]
    seeds = min((len(samples[number]) for number in shown), default=0)
    chosen = int(seed) % seeds if seeds and seed.isascii() and seed.isdigit() and len(seed) < 6 else 0
    poems = tuple((number, samples[number][chosen]) for number in shown)
    return Beside(poems, (chosen + 1) % seeds if seeds > 1 else None)


@router.get("/{voice}/versions")
def versions(voice: Slug, request: Request, bot: BotDep, seed: str = "") -> HTMLResponse:
    """All versions, the rejected too; trials; and one seed written by several versions."""
    with bot.reading() as session:
        store = Versions(session)
        found, history, samples = store.of_voice(voice), store.history(voice), store.samples(voice)
        receptions = store.receptions(voice)
        runs, trials = Runs(session).of_voice(voice), Trials(session).of_voice(voice)
        taste, effect = Tastes(session).newest(voice), Tastes(session).effect(voice)
    on_trial = next((one for one in trials if one.state == "running"), None)
    champion = next((one.number for one in found if one.champion), 0)
    newest = on_trial.challenger if on_trial else max(samples, default=0)
    return page(
        request,
        "versions.html",
        versions=found,
        growth=growth(found, receptions),
        champion=champion,
        history=history,
        runs=runs,
        trials=trials,
        on_trial=on_trial,
        taste=taste,
        effect=effect,
        beside=side_by_side(samples, {0, champion, newest}, seed),
    )


@router.get("/{voice}/versions/rates.svg")
def rates(voice: Slug, request: Request, bot: BotDep, narrow: str = "") -> Response:
    """Tick-rates by version, drawn."""
    with bot.reads(Versions) as store:
        found = store.of_voice(voice)
    return charts.rates(request, found, narrow=bool(narrow))
