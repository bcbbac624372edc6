"""자라는 중: is it getting better? The answer, then one seed by several versions, then figures, trials and evidence.

And one version by itself: what it writes where the one before wrote otherwise, what it learned of this reader; and how
far off the next one is.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from app import actions
from app.domain.errors import UnknownVersion
from app.domain.version import growth
from app.store.lessons import Learnings
from app.store.runs import Runs
from app.store.tastes import Tastes
from app.store.trials import Trials
from app.store.versions import Versions
from app.store.voices import Voices
from app.web.http.deps import BotDep, Number, Slug, VisitorDep
from app.web.http.limits import READINGS, take
from app.web.http.page import page, translate, version_label
from app.web.readers import charts
from app.web.readers.share import CROSS_ORIGIN, pair, shape_of, short

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
    before, after = (version_label(request, found, n) for n in (beside.before, number))
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
