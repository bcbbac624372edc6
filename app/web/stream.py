"""A poem as it is written: server-sent events, read by `fetch`, since writing a poem takes a POST.

Refusals come before the first byte, as problems with their status; what fails later is an `error` event. The poem is
stored in a transaction of its own and sent last; a reader who leaves frees his place, and nothing is stored as read.
"""

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from typing import Annotated

import structlog
from fastapi import APIRouter, Body, Depends, Request
from fastapi.routing import APIRoute
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.datastructures import Headers
from starlette.routing import Match
from starlette.types import Scope

from app.bootstrap import Bot, now
from app.domain.errors import PoemBotError
from app.domain.poem import Wish, Writing
from app.engine.events import Delta, Done, Event, LineDone, Start
from app.loop import poems as deeds
from app.store.poems import Poems
from app.store.voices import Voices
from app.web.api import wish_of
from app.web.deps import BotDep, EngineDep, Slug, VisitorDep, storing_poems
from app.web.errors import code_of, retry_after_of, status_of
from app.web.limits import POEMS, take
from app.web.metrics import Metrics
from app.web.shapes import PoemOut, PoemWish
from app.web.visitors import Visitor

log = structlog.get_logger(__name__)
KIND = "text/event-stream"


class StreamRoute(APIRoute):
    """A route for who accepts a stream of events; others find the next route of the same path."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Does the asker name `text/event-stream`?"""
        if KIND not in Headers(scope=scope).get("accept", ""):
            return Match.NONE, {}
        return super().matches(scope)


router = APIRouter(prefix="/api/v1", route_class=StreamRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Pen:
    """A poem that has begun to be written."""

    wish: Wish
    events: Iterator[Event]


def _begin(
    *,
    voice: Slug,
    request: Request,
    bot: BotDep,
    engine: EngineDep,
    visitor: VisitorDep,
    body: Annotated[PoemWish | None, Body()] = None,
) -> Iterator[Pen]:
    """Start writing, and stop when the reader has all of it or has left."""
    asked = body or PoemWish()
    with bot.reads(Voices) as voices:
        voices.one(voice)
    take(request, POEMS, visitor)
    wish = deeds.check(wish_of(asked))
    if asked.keep:
        with bot.reads(Poems) as poems:
            wish = deeds.keeping(wish, asked.keep, visitor.id, store=poems)
    with closing(_generator(engine.stream(voice, wish))) as events:
        yield Pen(wish, chain([next(events)], events))  # the first event waits for a free place, or raises


def _generator(events: Iterator[Event]) -> Generator[Event, None, None]:
    yield from events


@router.post("/voices/{voice}/poems", response_class=EventSourceResponse)
def stream(
    voice: Slug, request: Request, bot: BotDep, visitor: VisitorDep, pen: Annotated[Pen, Depends(_begin)]
) -> Iterator[ServerSentEvent]:
    """Have a poem written, character by character."""
    metrics: Metrics = request.app.state.metrics
    try:
        for event in pen.events:
            match event:
                case Start():
                    yield ServerSentEvent(event="start", data={"version": event.number})
                case Delta():
                    yield ServerSentEvent(event="text", data={"slot": event.slot, "delta": event.text})
                case LineDone():
                    yield ServerSentEvent(event="line", data={"slot": event.line.slot, "text": event.line.text})
                case Done():
                    poem = _store(bot, visitor, pen.wish, event.writing)
                    metrics.poem(voice)
                    yield ServerSentEvent(event="done", data=poem)
    except PoemBotError as error:
        log.warning("stream.failed", code=code_of(error), error=str(error))
        yield ServerSentEvent(
            event="error",
            data={"code": code_of(error), "status": status_of(error), "retry_after": retry_after_of(error)},
        )


def _store(bot: Bot, visitor: Visitor, wish: Wish, writing: Writing) -> PoemOut:
    with storing_poems(bot, visitor) as poems:
        poem = poems.keep(writing, visitor.id, prime=wish.prime, fixed_seed=wish.seed is not None, now=now())
        return PoemOut.of(poems.one(poem, visitor.id))
