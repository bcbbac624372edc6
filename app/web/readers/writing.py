"""Having a poem written for a visitor: his current one, or a new one. What pages and JSON share."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fastapi import Request
from sqlalchemy.orm import Session

from app import actions
from app.bootstrap import Bot
from app.domain.errors import EngineFailed, EngineFull, Unfit, UnknownVoice
from app.domain.poem import Day, Poem, Wish, date_of
from app.domain.visitor import Visitor
from app.store.lessons import Learned, Learnings
from app.store.poems import Poems
from app.store.ticks import Ticks
from app.store.visitors import Visitors
from app.web.http.language import voice_for
from app.web.http.page import frame_of
from app.web.http.rate_limits import POEMS, Limited, take
from app.web.http.visitors import is_quiet, settings_of, visit_of


@dataclass(frozen=True, slots=True)
class ShownPoem:
    """A poem as a visitor sees it, with what versions learned of it."""

    poem: Poem
    learned: Mapping[int, Learned]
    """By line."""
    newcomer: bool = True
    """Has he never ticked a line?"""
    day: Day | None = None
    """Whose poem it is, where it stands first because its reader has not been here today."""
    earlier: str | None = None
    """The poem of an earlier day that he would find otherwise."""

    @classmethod
    def read(cls, session: Session, poem: str, visitor: Visitor) -> "ShownPoem":
        """From the database. Raises UnknownPoem."""
        found = Poems(session).one(poem, visitor.id)
        learned = Learnings(session).of("line", [line.id for line in found.lines])
        ticked = any(line.ticked for line in found.lines) or Ticks(session).any(visitor.id)
        return cls(found, learned, newcomer=not ticked)


def compose(request: Request, voice: str, visitor: Visitor, wish: Wish, keep: list[int]) -> Poem:
    """A new poem for *visitor*, stored.

    Raises Limited, Unfit, UnknownLine, UnknownVoice, EngineFull, EngineFailed.
    """
    bot, engine, metrics = request.app.state.bot, request.app.state.engine, request.app.state.metrics
    frame_of(request).voice(voice)
    take(request, POEMS, visitor)
    visit_of(request).leave()
    poem: Poem = actions.poems.write(bot, engine, voice, wish, by=visitor, keep=keep)
    metrics.poem(voice)
    return poem


def current(request: Request, voice: str | None, visitor: Visitor) -> ShownPoem | None:
    """The poem this visitor finds on a voice's page (default: the voice for him); the first visit has one written.

    Crawlers and previews, and an address that has had too many, are shown the newest there is; None when there is none.
    """
    bot: Bot = request.app.state.bot
    with bot.reading() as session:
        voice = _voice(request, session, voice)
        poems = Poems(session)
        found = poems.current(voice, visitor.id) if visitor.returned else None
        quiet = is_quiet(request)
        if found is None and quiet:
            found = poems.newest(voice)
        shown = ShownPoem.read(session, found, visitor) if found else None
        first_return = visitor.returned and not quiet and not Visitors(session).has_returned(visitor.id)
        language = frame_of(request, session).voice(voice).language
    if shown is not None and first_return:
        actions.visitors.come_back(bot, visitor)
    today = date_of(language, bot.clock())
    if shown is not None and not quiet and shown.poem.mine and date_of(language, shown.poem.created) < today:
        return _of_the_day(request, shown, visitor)
    if shown is not None or quiet:
        return shown
    try:
        return ShownPoem(compose(request, voice, visitor, Wish(), []), {})
    except Limited:
        with bot.reading() as session:
            newest = Poems(session).newest(voice)
            if newest is None:
                raise
            return ShownPoem.read(session, newest, visitor)


def _of_the_day(request: Request, earlier: ShownPoem, visitor: Visitor) -> ShownPoem:
    """The poem of the day, before the one that he read on an earlier day; that one when the engine has no time."""
    bot: Bot = request.app.state.bot
    try:
        day = actions.days.settle(bot, request.app.state.engine, earlier.poem.voice, by=visitor)
    except (EngineFull, EngineFailed):
        return replace(earlier, earlier=earlier.poem.id)
    if day.poem.id == earlier.poem.id:
        return replace(earlier, day=day)
    show_to(request, day.poem.id, visitor)
    with bot.reading() as session:
        return replace(ShownPoem.read(session, day.poem.id, visitor), day=day, earlier=earlier.poem.id)


def _voice(request: Request, session: Session, voice: str | None) -> str:
    frame = frame_of(request, session)
    chosen = voice_for(request, frame.voices) if voice is None else frame.voice(voice)
    if chosen is None:
        raise UnknownVoice(settings_of(request).default_voice)
    return chosen.slug


def show_to(request: Request, poem: str, visitor: Visitor) -> None:
    """Note that a visitor opened a poem by its address: lines new to him make impressions. Raises UnknownPoem."""
    if not is_quiet(request):
        actions.poems.show(request.app.state.bot, poem, to=visitor)


def temperature_of(typed: str) -> float | None:
    """A temperature from a form; "" leaves it to the voice. Raises Unfit."""
    if not typed.strip():
        return None
    try:
        return float(typed)
    except ValueError as error:
        raise Unfit("bad_temperature", "a temperature is a number") from error
