"""사랑받은 시: what readers love, this week and ever, with the best five on top, as a page and as a feed."""

from datetime import timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.bootstrap import now
from app.store.ticks import Loved
from app.store.voices import Voices
from app.web.http.deps import BotDep, Slug, VisitorDep
from app.web.http.page import feed, page

router = APIRouter(include_in_schema=False)
WEEK = timedelta(days=7)
MOST = 20
"""Poems on the page."""
SUBMITTED = 2
"""From February on, what is sent to the newspapers is for the next year's contest."""


@router.get("/{voice}/anthology")
def anthology(voice: Slug, request: Request, bot: BotDep, visitor: VisitorDep, since: str = "ever") -> HTMLResponse:
    """The best five, for the spring contest; then the poems and lines that most readers ticked, lately or ever."""
    moment = now()
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
def atom(voice: Slug, request: Request, bot: BotDep) -> Response:
    """The week's best-loved poems, for feed readers."""
    with bot.reading() as session:
        found = Voices(session).one(voice)
        poems = Loved(session).poems(voice, None, since=now() - WEEK, limit=30)
    entries = sorted((one.poem for one in poems), key=lambda poem: poem.created, reverse=True)
    return feed(request, "anthology.atom", voice=found, poems=entries, started=now())


@router.get("/{voice}/spring")
def spring(voice: Slug) -> Response:
    """Where the best five stood before."""
    return RedirectResponse(f"/{voice}/anthology#best", 301)
