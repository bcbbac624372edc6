"""The page with a poem on it, which is also where a form with a mistake comes back to."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from fastapi import Request
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from app import actions
from app.bootstrap import Bot
from app.domain.errors import PoemBotError
from app.domain.poem import Poem, boldness
from app.domain.version import VoiceReport
from app.domain.visitor import Visitor
from app.engine.engine import Engine
from app.store.lessons import Learnings
from app.store.poems import Poems
from app.store.versions import Versions
from app.web.http.errors import code_of, retry_after_of, status_of
from app.web.http.language import VOICE_COOKIE
from app.web.http.page import Draft, frame_of, page
from app.web.http.visitors import is_quiet, set_cookie, visitor_of
from app.web.readers.writing import ShownPoem, current


def voice_page(request: Request, voice: str | None, visitor: Visitor) -> HTMLResponse:
    """The poem that stands before this visitor; a first visit has one written. *voice* None: the voice for him."""
    shown = current(request, voice, visitor)
    if shown is None:
        return page(request, "about.html")
    voice = shown.poem.voice
    if request.cookies.get(VOICE_COOKIE) != voice and not is_quiet(request):
        set_cookie(request, VOICE_COOKIE, voice)
    return _render(request, shown, home=True)


def poem_page(request: Request, poem: str, visitor: Visitor) -> HTMLResponse:
    """A poem as this visitor sees it. Raises UnknownPoem."""
    return _render(request, _read(request, poem, visitor))


def write_again(request: Request, voice: str, visitor: Visitor, error: Exception, draft: Draft) -> HTMLResponse:
    """The visitor's poem with the words that he typed, and why no new one was written."""
    shown = _his_poem(request, voice, visitor, error)
    typed = replace(shown, poem=replace(shown.poem, prime=draft.prime))
    return _render(request, typed, error=error, draft=draft)


def tick_again(
    request: Request, poem: str, visitor: Visitor, error: Exception, ticked: Collection[int]
) -> HTMLResponse:
    """The poem with the boxes as he left them, though they are not saved."""
    shown = _read(request, poem, visitor)
    lines = tuple(replace(line, ticked=line.id in ticked) if line.tickable else line for line in shown.poem.lines)
    return _render(request, replace(shown, poem=replace(shown.poem, lines=lines)), error=error)


def _render(
    request: Request,
    shown: ShownPoem,
    *,
    home: bool = False,
    error: Exception | None = None,
    draft: Draft | None = None,
) -> HTMLResponse:
    voice = frame_of(request).voice(shown.poem.voice)
    told: dict[str, object] = {}
    headers: dict[str, str] = {}
    if error is not None:
        told["flash"] = code_of(error)
        wait = retry_after_of(error)
        headers = {"Retry-After": str(wait)} if wait else {}
    return page(
        request,
        "poem.html",
        200 if error is None else status_of(error),
        headers=headers,
        poem=shown.poem,
        voice=voice,
        lesson=_lesson(request, shown.poem, voice),
        learned=shown.learned,
        welcome=shown.newcomer,
        home=home,
        day=shown.day,
        earlier=shown.earlier,
        draft=draft,
        boldness=_boldness(request, shown.poem.voice),
        **_life(request, shown, visitor_of(request), home=home),
        **told,
    )


def _lesson(request: Request, poem: Poem, voice: VoiceReport) -> Mapping[str, object]:
    """What the version that wrote the poem was taught; in a trial that is not always the champion, and not told."""
    if poem.version in (voice.champion, None):
        return voice.lesson
    bot: Bot = request.app.state.bot
    with bot.reads(Versions) as versions:
        return versions.lesson_of(poem.id)


def _life(request: Request, shown: ShownPoem, visitor: Visitor, *, home: bool) -> dict[str, object]:
    """How far off the next version is, for who has ticked here; and what the last one learned of his, on his return."""
    bot: Bot = request.app.state.bot
    ticked = any(line.ticked for line in shown.poem.lines)
    if not visitor.returned or not (ticked or home):
        return {}
    with bot.reading() as session:
        return {
            "outlook": actions.runs.outlook(bot, session, shown.poem.voice) if ticked else None,
            "news": Learnings(session).news(shown.poem.voice, visitor.id) if home else None,
        }


def _boldness(request: Request, voice: str) -> tuple[float, float]:
    """The calm and the bold temperature of the version that serves."""
    engine: Engine = request.app.state.engine
    try:
        return boldness(engine.temperature(voice))
    except PoemBotError:  # nothing serves the voice at the moment; its poems are still there to be read
        return boldness(1.0)


def _read(request: Request, poem: str, visitor: Visitor) -> ShownPoem:
    """A poem, and the page's frame in the same transaction. Raises UnknownPoem."""
    bot: Bot = request.app.state.bot
    with bot.reading() as session:
        return _in_frame(request, session, poem, visitor)


def _his_poem(request: Request, voice: str, visitor: Visitor, error: Exception) -> ShownPoem:
    """The visitor's poem, else the newest. Raises *error* where there is none to show it beside, and UnknownVoice."""
    bot: Bot = request.app.state.bot
    with bot.reading() as session:
        frame_of(request, session).voice(voice)
        poems = Poems(session)
        found = poems.current(voice, visitor.id) or poems.newest(voice)
        if found is None:
            raise error
        return _in_frame(request, session, found, visitor)


def _in_frame(request: Request, session: Session, poem: str, visitor: Visitor) -> ShownPoem:
    frame_of(request, session)
    return ShownPoem.read(session, poem, visitor)
