"""Is it learning? Versions and their figures, trials and their evidence, samples from the same seeds side by side.

And one version by itself: what it writes where the one before wrote otherwise, what it learned of this reader; and how
far off the next one is.
"""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from app import actions
from app.domain.errors import UnknownVersion
from app.store.learned import Learnings
from app.store.runs import Runs
from app.store.tastes import Tastes
from app.store.trials import Trials
from app.store.versions import Versions
from app.store.voices import Voices
from app.web.http.deps import BotDep, Number, Slug, VisitorDep
from app.web.http.page import page, translate
from app.web.http.rate_limits import READINGS, take
from app.web.readers import charts
from app.web.readers.card import pair
from app.web.readers.share import CROSS_ORIGIN, shape_of, short

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


@dataclass(frozen=True, slots=True)
class Pair:
    """Poems of one seed by two versions."""

    seed: int
    """From 1 on."""
    seeds: int
    """Of how many there are poems by both."""
    old: tuple[str, ...]
    new: tuple[str, ...]
    before: int
    """Number of the older version."""


@router.get("/{voice}/outlook")
def outlook(voice: Slug, request: Request, bot: BotDep) -> HTMLResponse:
    """How far off the next version is."""
    with bot.reading() as session:
        found = actions.runs.outlook(bot, session, voice)
    return page(request, "outlook.html", headers={"Cache-Control": "no-store"}, outlook=found)


@router.get("/{voice}/versions/{number}.png")
def as_picture(
    *,
    voice: Slug,
    number: Number,
    request: Request,
    bot: BotDep,
    visitor: VisitorDep,
    seed: str = "",
    shape: str = "landscape",
) -> Response:
    """Both poems of one seed on a card. Raises UnknownVersion where there is no pair."""
    take(request, READINGS, visitor)
    with bot.reading() as session:
        found, beside = Voices(session).one(voice), _pair(Versions(session), voice, number, seed)
    if beside is None:
        raise UnknownVersion(f"{voice} {number}")
    before, after = (translate(request, "판 %(n)s", voice=found, n=n) for n in (beside.before, number))
    drawn = pair(
        beside.old,
        beside.new,
        (f"{found.title} {before}", f"{found.title} {after}"),
        translate(request, "AI 생성", voice=found),
        shape=shape_of(shape),
        address=short(request, f"/{voice}/versions/{number}"),
    )
    return Response(drawn, media_type="image/png", headers=CROSS_ORIGIN)


@router.get("/{voice}/versions/{number}")
def version(
    *, voice: Slug, number: Number, request: Request, bot: BotDep, visitor: VisitorDep, seed: str = ""
) -> HTMLResponse:
    """What one version writes, beside the one before; and what it learned of this reader's."""
    with bot.reading() as session:
        store, found = Versions(session), Voices(session).one(voice)
        one, beside = store.one(voice, number), _pair(store, voice, number, seed)
        mine = Learnings(session).by(voice, number, visitor.id)
        trial = Trials(session).running(voice)
    on_trial = trial is not None and trial.challenger_id == one.id
    return page(request, "version.html", voice=found, one=one, pair=beside, mine=mine, on_trial=on_trial)


def _pair(store: Versions, voice: str, number: int, asked: str) -> Pair | None:
    """Poems of the seed that was *asked* for, else of the one where the two differ most; None where there are none."""
    before = store.before(voice, number)
    samples = store.samples(voice)
    if before is None or before not in samples or number not in samples:
        return None
    both = list(zip(samples[before], samples[number], strict=False))
    if not both:
        return None
    differ = [sum(a != b for a, b in zip(old, new, strict=False)) for old, new in both]
    seed = int(asked) if asked.isascii() and asked.isdigit() and 0 < int(asked[:3]) <= len(both) else 0
    seed = seed or differ.index(max(differ)) + 1
    old, new = both[seed - 1]
    return Pair(seed, len(both), tuple(old), tuple(new), before)
