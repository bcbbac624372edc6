"""오늘의 시: the poem of this day and of every day before, each at an address of its own, and as a feed."""

from datetime import date

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from app import actions
from app.domain.errors import EngineFailed, EngineFull, UnknownPoem
from app.domain.poem import begin_of
from app.domain.visitor import Visitor
from app.store.poems import Days
from app.store.voices import Voices
from app.web.http.deps import BotDep, EngineDep, Slug, VisitorDep
from app.web.http.page import feed, frame_of, page
from app.web.http.visitors import is_quiet

router = APIRouter(include_in_schema=False)


@router.get("/{voice}/today")
def today(voice: Slug, request: Request, bot: BotDep, engine: EngineDep, visitor: VisitorDep) -> HTMLResponse:
    """The poem of this day, and the days before."""
    _settle(request, bot, engine, voice, visitor)
    with bot.reading() as session:
        Voices(session).one(voice)
        days = Days(session).of_voice(voice, visitor.id)
    return page(request, "today.html", one=days[0] if days else None, days=days[1:])


@router.get("/{voice}/today.atom")
def atom(voice: Slug, request: Request, bot: BotDep, engine: EngineDep, visitor: VisitorDep) -> Response:
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
