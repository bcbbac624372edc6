"""The page with a poem on it, which is also where a form with a mistake comes back to."""

from collections.abc import Collection
from dataclasses import replace

from fastapi import Request
from fastapi.responses import HTMLResponse

from app.bootstrap import Bot
from app.domain.poem import Poem
from app.domain.visitor import Visitor
from app.store.learned import Learnings
from app.store.poems import Poems
from app.store.voices import Voices
from app.web.http.errors import code_of, retry_after_of, status_of
from app.web.http.language import VOICE_COOKIE
from app.web.http.page import Draft, page
from app.web.http.visitors import is_quiet, set_cookie
from app.web.readers.writing import current


def poem_page(request: Request, poem: str, visitor: Visitor, *, home: bool = False) -> HTMLResponse:
    """A poem as this visitor sees it. Raises UnknownPoem."""
    return _render(request, _poem(request, poem, visitor), home=home)


def teach_again(request: Request, voice: str, visitor: Visitor, error: Exception, draft: Draft) -> HTMLResponse:
    """The visitor's poem with his teach box as he filled it, and what was wrong with it."""
    poem = _his_poem(request, voice, visitor)
    if poem is None:
        raise error
    return _render(request, poem, error=error, draft=draft, told_in="errors")


def write_again(request: Request, voice: str, visitor: Visitor, error: Exception, draft: Draft) -> HTMLResponse:
    """The visitor's poem with the words that he typed, and why no new one was written."""
    poem = _his_poem(request, voice, visitor)
    if poem is None:
        raise error
    return _render(request, replace(poem, prime=draft.prime), error=error, draft=draft)


def tick_again(
    request: Request, poem: str, visitor: Visitor, error: Exception, ticked: Collection[int]
) -> HTMLResponse:
    """The poem with the boxes as he left them, though they are not saved."""
    found = _poem(request, poem, visitor)
    lines = tuple(replace(line, ticked=line.id in ticked) if line.tickable else line for line in found.lines)
    return _render(request, replace(found, lines=lines), error=error)


def _render(
    request: Request,
    poem: Poem,
    *,
    home: bool = False,
    error: Exception | None = None,
    draft: Draft | None = None,
    told_in: str = "flash",
) -> HTMLResponse:
    bot: Bot = request.app.state.bot
    with bot.reading() as session:
        voice = Voices(session).one(poem.voice)
        learned = Learnings(session).of("line", [line.id for line in poem.lines])
    told: dict[str, object] = {}
    headers: dict[str, str] = {}
    if error is not None:
        told[told_in] = [code_of(error)] if told_in == "errors" else code_of(error)
        wait = retry_after_of(error)
        headers = {"Retry-After": str(wait)} if wait else {}
    return page(
        request,
        "poem.html",
        200 if error is None else status_of(error),
        headers=headers,
        poem=poem,
        voice=voice,
        last_lesson=voice.lesson,
        learned=learned,
        home=home,
        draft=draft,
        **told,
    )


def _poem(request: Request, poem: str, visitor: Visitor) -> Poem:
    bot: Bot = request.app.state.bot
    with bot.reads(Poems) as poems:
        return poems.one(poem, visitor.id)


def _his_poem(request: Request, voice: str, visitor: Visitor) -> Poem | None:
    bot: Bot = request.app.state.bot
    with bot.reading() as session:
        Voices(session).one(voice)
        poems = Poems(session)
        found = poems.current(voice, visitor.id) or poems.newest(voice)
        return poems.one(found, visitor.id) if found else None


def voice_page(request: Request, voice: str, visitor: Visitor) -> HTMLResponse:
    """The poem that stands before this visitor; a first visit has one written."""
    poem = current(request, voice, visitor)
    if request.cookies.get(VOICE_COOKIE) != voice and not is_quiet(request):
        set_cookie(request, VOICE_COOKIE, voice)
    return page(request, "about.html") if poem is None else poem_page(request, poem, visitor, home=True)
