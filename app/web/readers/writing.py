"""Having a poem written for a visitor: his current one, or a new one. What pages and JSON share."""

from fastapi import Request

from app import actions
from app.bootstrap import Bot
from app.domain.errors import Unfit
from app.domain.poem import Wish
from app.domain.visitor import Visitor
from app.store.poems import Poems
from app.store.visitors import Visitors
from app.store.voices import Voices
from app.web.http.rate_limits import POEMS, Limited, take
from app.web.http.visitors import is_quiet


def compose(request: Request, voice: str, visitor: Visitor, wish: Wish, keep: list[int]) -> str:
    """A new poem for *visitor*, stored; its id.

    Raises Limited, Unfit, UnknownLine, UnknownVoice, EngineFull, EngineFailed.
    """
    bot, engine, metrics = request.app.state.bot, request.app.state.engine, request.app.state.metrics
    with bot.reads(Voices) as voices:
        voices.check(voice)
    take(request, POEMS, visitor)
    poem = actions.poems.write(bot, engine, voice, wish, by=visitor, keep=keep)
    metrics.poem(voice)
    return poem


def current(request: Request, voice: str, visitor: Visitor) -> str | None:
    """The poem this visitor finds on a voice's page; the first visit has one written.

    The quiet, and an address that has had too many, are shown the newest there is; None when there is none.
    """
    bot: Bot = request.app.state.bot
    with bot.reading() as session:
        Voices(session).check(voice)
        poems = Poems(session)
        mine = poems.current(voice, visitor.id) if visitor.returned else None
        newest = poems.newest(voice) if mine is None else None
        returned = Visitors(session).has_returned(visitor.id)
    if is_quiet(request):
        return mine or newest
    if mine is not None:
        if not returned:
            actions.visitors.come_back(bot, visitor)
        return mine
    try:
        return compose(request, voice, visitor, Wish(), [])
    except Limited:
        if newest is None:
            raise
        return newest


def meet(request: Request, poem: str, visitor: Visitor) -> None:
    """A reader opens a poem by its address: the lines he had not seen make impressions. Raises UnknownPoem."""
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
