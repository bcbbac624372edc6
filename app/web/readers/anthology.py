"""The anthology and the poem of the day, each as a page and as an Atom feed.

사랑받은 시: the best five, then the poems and lines that most readers ticked, this week or ever. 오늘의 시: one poem
for each day, with its own address.
"""

from dataclasses import replace
from datetime import date, timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app import actions, reads
from app.domain.errors import EngineFailed, EngineFull
from app.domain.poem import begin_of
from app.domain.visitor import Visitor
from app.web.http.deps import BotDep, EngineDep, Slug, VisitorDep
from app.web.http.page import feed, fields_of, frame_of, page
from app.web.http.visitors import is_quiet

router = APIRouter(include_in_schema=False)
WEEK = timedelta(days=7)
SUBMITTED = 2
"""The month (February) from which the best five are meant for the next year's contest of the newspapers."""


@router.get("/{voice}/anthology")
def anthology(voice: Slug, request: Request, bot: BotDep, visitor: VisitorDep, since: str = "ever") -> HTMLResponse:
    """The best five, for the spring contest; then the poems and lines that most readers ticked, this week or ever."""
    moment = bot.clock()
    week = since == "week"
    found = reads.anthology.anthology(bot, voice, visitor, since=moment - WEEK if week else None)
    on_top = set() if week else {one.poem.id for one in found.best}
    found = replace(found, poems=[one for one in found.poems if one.poem.id not in on_top])
    year = moment.year + (moment.month >= SUBMITTED)
    return page(request, "anthology.html", year=year, week=week, **fields_of(found))


@router.get("/{voice}/anthology.atom")
def anthology_feed(voice: Slug, request: Request, bot: BotDep) -> Response:
    """The week's most ticked poems, as a feed."""
    report, poems = reads.anthology.loved(bot, voice, since=bot.clock() - WEEK)
    entries = sorted((one.poem for one in poems), key=lambda poem: poem.created, reverse=True)
    return feed(request, "anthology.atom", voice=report, poems=entries, started=bot.clock())


@router.get("/{voice}/spring")
def spring(voice: Slug) -> Response:
    """The former address of the best five."""
    return RedirectResponse(f"/{voice}/anthology#best", 301)


@router.get("/{voice}/today")
def today(voice: Slug, request: Request, bot: BotDep, engine: EngineDep, visitor: VisitorDep) -> HTMLResponse:
    """The poem of this day, and the days before."""
    _settle(request, bot, engine, voice, visitor)
    _, days = reads.anthology.days(bot, voice, visitor.id)
    return page(request, "today.html", one=days[0] if days else None, days=days[1:])


@router.get("/{voice}/today.atom")
def today_feed(voice: Slug, request: Request, bot: BotDep, engine: EngineDep, visitor: VisitorDep) -> Response:
    """The poems of the day, as a feed."""
    _settle(request, bot, engine, voice, visitor)
    report, days = reads.anthology.days(bot, voice, None)
    entries = [(one, begin_of(report.language, one.date)) for one in days]
    updated = entries[0][1] if entries else report.taught or bot.clock()
    return feed(request, "today.atom", voice=report, days=entries, updated=updated)


@router.get("/{voice}/today/{day}")
def one_day(voice: Slug, day: date, request: Request, bot: BotDep, visitor: VisitorDep) -> HTMLResponse:
    """The poem of one day. Raises UnknownPoem for a day that has none."""
    one, days = reads.anthology.day(bot, voice, day, visitor)
    return page(request, "today.html", one=one, days=days)


def _settle(request: Request, bot: BotDep, engine: EngineDep, voice: str, visitor: Visitor) -> None:
    """Have the poem of the day chosen. For a quiet request, or when the engine is full, the last one stays."""
    frame_of(request).voice(voice)
    if not is_quiet(request):
        try:
            actions.poems.poem_of_the_day(bot, engine, voice, by=visitor)
        except (EngineFull, EngineFailed):
            return
