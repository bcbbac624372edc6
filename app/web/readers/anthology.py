"""시집: what readers love, this week and ever, as a page and as a feed; and what the bot would submit in spring."""

from datetime import timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from app.bootstrap import now
from app.store.loved import Loved
from app.store.voices import Voices
from app.web.http.deps import BotDep, Slug, VisitorDep
from app.web.http.page import feed, page

router = APIRouter(include_in_schema=False)
WEEK = timedelta(days=7)


@router.get("/{voice}/anthology")
def anthology(voice: Slug, request: Request, bot: BotDep, visitor: VisitorDep, since: str = "ever") -> HTMLResponse:
    """The best-loved lines and poems: of the last seven days, or ever."""
    start = now() - WEEK if since == "week" else None
    with bot.reading() as session:
        Voices(session).one(voice)
        loved = Loved(session)
        lines, poems = loved.lines(voice, since=start), loved.poems(voice, visitor.id, since=start)
    return page(request, "anthology.html", lines=lines, poems=poems, week=start is not None)


@router.get("/{voice}/anthology.atom")
def atom(voice: Slug, request: Request, bot: BotDep) -> Response:
    """The week's best-loved poems, for feed readers."""
    with bot.reading() as session:
        found = Voices(session).one(voice)
        poems = Loved(session).poems(voice, None, since=now() - WEEK, limit=30)
    entries = sorted((one.poem for one in poems), key=lambda poem: poem.created, reverse=True)
    return feed(request, "anthology.atom", voice=found, poems=entries, started=now())


@router.get("/{voice}/spring")
def spring(voice: Slug, request: Request, bot: BotDep, visitor: VisitorDep) -> HTMLResponse:
    """신춘문예: the five poems it would send in today."""
    with bot.reading() as session:
        Voices(session).one(voice)
        best = Loved(session).best(voice, visitor.id)
    moment = now()
    return page(request, "spring.html", best=best, year=moment.year + (moment.month >= 2))
