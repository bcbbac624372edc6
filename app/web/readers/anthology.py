"""What stands out: 사랑받은 시, what readers love, this week and ever, with the best five on top; and 오늘의 시, the
poem of each day, at an address of its own. Each as a page and as a feed.
"""

from datetime import date, timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app import actions
from app.domain.errors import EngineFailed, EngineFull, UnknownPoem
from app.domain.poem import begin_of
from app.domain.visitor import Visitor
from app.store.poems import Days
from app.store.ticks import Loved
from app.store.voices import Voices
from app.web.http.deps import BotDep, EngineDep, Slug, VisitorDep
from app.web.http.page import feed, frame_of, page
from app.web.http.visitors import is_quiet

router = APIRouter(include_in_schema=False)
WEEK = timedelta(days=7)
MOST = 20
"""Poems on the page."""
SUBMITTED = 2
"""From February on, what is sent to the newspapers is for the next year's contest."""


@router.get("/{voice}/anthology")
def anthology(voice: Slug, request: Request, bot: BotDep, visitor: VisitorDep, since: str = "ever") -> HTMLResponse:
    """The best five, for the spring contest; then the poems and lines that most readers ticked, lately or ever."""
    moment = bot.clock()
    week = since == "week"
    start = moment - WEEK if week else None
    with bot.reading() as session:
        Voices(session).one(voice)
        loved = Loved(session)
        best, lines = loved.best(voice, visitor.id), loved.lines(voice, visitor.id, since=start)
        poems = loved.poems(voice, visitor.id, since=start, limit=MOST)
        marks = loved.marks([one.poem for one in (*best, *poems)])
    on_top = set() if week else {one.poem.id for one in best}
    return page(
        request,
        "anthology.html",
        best=best,
        year=moment.year + (moment.month >= SUBMITTED),
        poems=[one for one in poems if one.poem.id not in on_top],
        lines=lines,
        loved=marks,
        week=week,
    )


@router.get("/{voice}/anthology.atom")
def anthology_feed(voice: Slug, request: Request, bot: BotDep) -> Response:
    """The week's best-loved poems, for feed readers."""
    with bot.reading() as session:
        found = Voices(session).one(voice)
        poems = Loved(session).poems(voice, None, since=bot.clock() - WEEK, limit=30)
    entries = sorted((one.poem for one in poems), key=lambda poem: poem.created, reverse=True)
    return feed(request, "anthology.atom", voice=found, poems=entries, started=bot.clock())


@router.get("/{voice}/spring")
def spring(voice: Slug) -> Response:
    """Where the best five stood before."""
    return RedirectResponse(f"/{voice}/anthology#best", 301)


@router.get("/{voice}/today")
def today(voice: Slug, request: Request, bot: BotDep, engine: EngineDep, visitor: VisitorDep) -> HTMLResponse:
    """The poem of this day, and the days before."""
    _settle(request, bot, engine, voice, visitor)
    with bot.reading() as session:
        Voices(session).one(voice)
        days = Days(session).of_voice(voice, visitor.id)
    return page(request, "today.html", one=days[0] if days else None, days=days[1:])


@router.get("/{voice}/today.atom")
def today_feed(voice: Slug, request: Request, bot: BotDep, engine: EngineDep, visitor: VisitorDep) -> Response:
    """A poem a day, for feed readers."""
    _settle(request, bot, engine, voice, visitor)
    with bot.reading() as session:
        found, days = Voices(session).one(voice), Days(session).of_voice(voice, None)
    entries = [(one, begin_of(found.language, one.date)) for one in days]
    updated = entries[0][1] if entries else found.taught or bot.clock()
    return feed(request, "today.atom", voice=found, days=entries, updated=updated)


@router.get("/{voice}/today/{day}")
def one_day(voice: Slug, day: date, request: Request, bot: BotDep, visitor: VisitorDep) -> HTMLResponse:
    """The poem of one day. Raises UnknownPoem for a day that has none."""
    with bot.reading() as session:
        Voices(session).one(voice)
        found = Days(session).one(voice, day, visitor.id)
        if found is None:
            raise UnknownPoem(f"{voice} {day}")
        days = [past for past in Days(session).of_voice(voice, visitor.id) if past.date != day]
    return page(request, "today.html", one=found, days=days)


def _settle(request: Request, bot: BotDep, engine: EngineDep, voice: str, visitor: Visitor) -> None:
    """Have the day's poem chosen, unless nobody is reading, or the engine has no time: then the last one stands."""
    frame_of(request).voice(voice)
    if not is_quiet(request):
        try:
            actions.poems.settle(bot, engine, voice, by=visitor)
        except (EngineFull, EngineFailed):
            return
