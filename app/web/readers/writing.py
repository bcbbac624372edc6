"""Having a poem written for a visitor: his current one, or a new one. What pages and JSON share."""

from dataclasses import dataclass
from functools import partial

from fastapi import Request

from app.actions import poems as deeds
from app.bootstrap import Bot, now
from app.domain.errors import Unfit
from app.domain.poem import Wish, Writing
from app.domain.visitor import Visitor
from app.engine.engine import Engine
from app.store.poems import Poems
from app.store.visitors import Visitors
from app.store.voices import Voices
from app.web.http.deps import greet, storing_poems
from app.web.http.rate_limits import POEMS, Limited, take
from app.web.http.visitors import is_quiet


@dataclass(frozen=True, slots=True)
class InTurn:
    """The engine, told whose turn it is when many wait (`loop.ports.Writer`)."""

    engine: Engine
    turn: str

    def write(self, voice: str, wish: Wish) -> Writing:
        """A poem."""
        return self.engine.write(voice, wish, visitor=self.turn)


def turn_of(visitor: Visitor) -> str:
    """Who takes turns with others when many wait: visitors, and addresses that bring no cookie."""
    return visitor.id if visitor.returned else visitor.address


def compose(request: Request, voice: str, visitor: Visitor, wish: Wish, keep: list[int]) -> str:
    """A new poem for *visitor*, stored; its id.

    Raises Limited, Unfit, UnknownLine, UnknownVoice, EngineFull, EngineFailed.
    """
    bot, engine, metrics = request.app.state.bot, request.app.state.engine, request.app.state.metrics
    with bot.reads(Voices) as voices:
        voices.check(voice)
    take(request, POEMS, visitor)
    poem = deeds.write(
        wish,
        voice,
        visitor.id,
        keep=keep,
        reading=partial(bot.reads, Poems),
        storing=partial(storing_poems, bot, visitor),
        writer=InTurn(engine, turn_of(visitor)),
        now=now(),
    )
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
            note_return(bot, visitor)
        return mine
    try:
        return compose(request, voice, visitor, Wish(), [])
    except Limited:
        if newest is None:
            raise
        return newest


def note_return(bot: Bot, visitor: Visitor) -> None:
    """His cookie has come back: from now on his impressions count."""
    with bot.transaction() as session:
        greet(session, visitor)


def meet(request: Request, poem: str, visitor: Visitor) -> None:
    """A reader opens a poem by its address: the lines he had not seen make impressions. Raises UnknownPoem."""
    bot: Bot = request.app.state.bot
    if is_quiet(request):
        return
    with bot.reading() as session:
        seen = Poems(session).one(poem, visitor.id)
        returned = Visitors(session).has_returned(visitor.id)
    new = not seen.mine and not all(line.tickable or line.primed or line.quoted for line in seen.lines)
    if new or (visitor.returned and not returned):
        with bot.transaction() as session:
            greet(session, visitor)
            Poems(session).show(poem, visitor.id, now())


def temperature_of(typed: str) -> float | None:
    """A temperature from a form; "" leaves it to the voice. Raises Unfit."""
    if not typed.strip():
        return None
    try:
        return float(typed)
    except ValueError as error:
        raise Unfit("bad_temperature", "a temperature is a number") from error
