"""Versions, for readers.

자라는 중: is the voice getting better? The page compares poems of one seed by several versions, tick-rates and trials.
A version's own page compares it with the one before. `/outlook` says when the next version is expected.
"""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from app import reads
from app.domain.errors import UnknownVersion
from app.web.http.deps import BotDep, Number, Slug, VisitorDep
from app.web.http.limits import READINGS, take
from app.web.http.page import fields_of, page, translate, version_label
from app.web.readers import charts
from app.web.readers.share import CROSS_ORIGIN, short

router = APIRouter(include_in_schema=False)


@router.get("/{voice}/versions")
def versions(voice: Slug, request: Request, bot: BotDep, seed: str = "") -> HTMLResponse:
    """All versions, the rejected ones too, their trials, and poems of one seed by several versions."""
    return page(request, "versions.html", **fields_of(reads.versions.overview(bot, voice, seed)))


@router.get("/{voice}/versions/rates.svg")
def rates(voice: Slug, request: Request, bot: BotDep, narrow: str = "") -> Response:
    """Tick-rates by version, as a chart."""
    return charts.rates(request, reads.versions.of_voice(bot, voice), narrow=bool(narrow))


@router.get("/{voice}/outlook")
def outlook(voice: Slug, request: Request, bot: BotDep) -> HTMLResponse:
    """When the next version is expected."""
    found = reads.runs.outlook(bot, voice)
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
    """Poems of one seed by this version and the one before, as a picture. Raises UnknownVersion if there is no pair."""
    take(request, READINGS, visitor)
    report, beside = reads.versions.pair(bot, voice, number, seed)
    if beside is None:
        raise UnknownVersion(f"{voice} {number}")
    before, after = (version_label(request, report, n) for n in (beside.before, number))
    from app.web.readers.picture import pair, shape_of  # late, as in `share.py`

    drawn = pair(
        beside.old,
        beside.new,
        (f"{report.title} {before}", f"{report.title} {after}"),
        translate(request, "AI 생성", voice=report),
        shape=shape_of(shape),
        address=short(request, f"/{voice}/versions/{number}"),
    )
    return Response(drawn, media_type="image/png", headers=CROSS_ORIGIN)


@router.get("/{voice}/versions/{number}")
def version(
    *, voice: Slug, number: Number, request: Request, bot: BotDep, visitor: VisitorDep, seed: str = ""
) -> HTMLResponse:
    """What a version writes beside the one before, and which of this reader's lines it learned."""
    return page(request, "version.html", **fields_of(reads.versions.shown(bot, voice, number, visitor, seed)))
