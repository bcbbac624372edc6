"""A poem as it is written: server-sent events, read by `fetch`, since writing a poem takes a POST.

A line of several candidates is known when one is chosen, and comes whole; only a lone candidate comes as it is drawn.
Of a poem in several takes the first line comes at once, the others when the best take is known.

Refusals come before the first byte, as problems with their status; what fails later is an `error` event. The poem is
stored in a transaction of its own and sent last; a reader who leaves frees his place, and nothing is stored as read.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Annotated

import structlog
from fastapi import APIRouter, Body, Request
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from fastapi.sse import format_sse_event
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from app import actions
from app.domain.errors import EngineFailed, PoemBotError
from app.domain.poem import Wish, Writing
from app.domain.visitor import Visitor
from app.engine.poem import Delta, Done, Event, Failed, LineDone, Start
from app.store.session import TRANSIENT_DB_ERRORS
from app.web.api.readers import wish_of
from app.web.api.schemas import PoemOut, PoemWish
from app.web.http.deps import Slug, bot_of, engine_of
from app.web.http.errors import code_of, retry_after_of, status_of
from app.web.http.visitors import visitor_of
from app.web.readers.poems import admit, count

log = structlog.get_logger(__name__)
MEDIA_TYPE = "text/event-stream"
UNBUFFERED = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""Proxies pass on each event when it comes."""
POLL_EVERY = 0.5
"""Seconds between two checks that a waiting client is still connected."""
Heard = Sequence[Event | Failed]
"""Events that came together, never none."""


class StreamRoute(APIRoute):
    """A route for clients that accept a stream of events; for others the next route of the same path matches."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match only where `Accept` names `text/event-stream`."""
        if MEDIA_TYPE not in Headers(scope=scope).get("accept", ""):
            return Match.NONE, {}
        return super().matches(scope)


router = APIRouter(prefix="/api/v1", route_class=StreamRoute, include_in_schema=False)


class PoemStream(StreamingResponse):
    """A poem on its way; *leave* gives its place up when it is sent, or its reader has gone."""

    def __init__(self, content: AsyncIterator[bytes], leave: Callable[[], None]) -> None:
        super().__init__(content, media_type=MEDIA_TYPE, headers=UNBUFFERED)
        self._leave = leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._leave()


@router.post("/voices/{voice}/poems", response_model=None)
async def stream(voice: Slug, request: Request, body: Annotated[PoemWish | None, Body()] = None) -> PoemStream:
    """Have a poem written, and read along."""
    # Without FastAPI's dependencies: to solve five of them costs as much as a tick.
    bot, engine, visitor = bot_of(request), engine_of(request), visitor_of(request)
    wish = await run_in_threadpool(_wished, request, voice, visitor, body or PoemWish())
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[Event | Failed]()

    def put(event: Event | Failed) -> None:  # called on the decode thread
        loop.call_soon_threadsafe(queue.put_nowait, event)

    async def store(writing: Writing) -> PoemOut:
        poem = await run_in_threadpool(actions.poems.store, bot, wish, writing, by=visitor)
        count(request, voice)
        return PoemOut.of(poem)

    ticket = engine.submit(voice, wish, put, visitor=visitor.turn)
    leave = partial(engine.leave, ticket)
    try:
        first = await _first(queue, request)
    except BaseException:
        leave()
        raise
    return PoemStream(_sent(_events(first, queue), store), leave)


def _wished(request: Request, voice: str, visitor: Visitor, asked: PoemWish) -> Wish:
    """The wish as the engine is to fulfil it. Raises Limited, Unfit, UnknownLine, UnknownVoice, EngineFailed."""
    admit(request, voice, visitor)
    return actions.poems.wished(bot_of(request), wish_of(asked), by=visitor, keep=asked.keep)


async def _events(first: Event, queue: asyncio.Queue[Event | Failed]) -> AsyncIterator[Heard]:
    """What has come, and what is to come, to the last; what has come meanwhile is together."""
    heard: list[Event | Failed] = [first]
    yield heard
    while not isinstance(heard[-1], Done | Failed):
        heard = [await queue.get()]
        while not queue.empty():
            heard.append(queue.get_nowait())
        yield heard


async def _first(queue: asyncio.Queue[Event | Failed], request: Request) -> Event:
    """The first event, as soon as the poem has a place. Raises what it failed with instead, or EngineFailed."""
    while True:
        try:
            first = await asyncio.wait_for(queue.get(), POLL_EVERY)
        except TimeoutError:
            if await request.is_disconnected():
                raise EngineFailed("the reader left before his turn came") from None
            continue
        if isinstance(first, Failed):
            raise first.error
        return first


async def _sent(events: AsyncIterator[Heard], store: Callable[[Writing], Awaitable[PoemOut]]) -> AsyncIterator[bytes]:
    """The events as they are sent. Not by FastAPI's `EventSourceResponse`, which hands each on through two tasks."""
    try:
        async for heard in events:
            if written := b"".join(map(_written, heard)):
                yield written
            match heard[-1]:
                case Failed(error=failure):
                    raise failure
                case Done(writing=writing):
                    poem = await store(writing)
                    yield format_sse_event(event="done", data_str=poem.model_dump_json())
    except (PoemBotError, *TRANSIENT_DB_ERRORS) as error:
        log.warning("stream.failed", code=code_of(error), error=str(error))
        told = {"code": code_of(error), "status": status_of(error), "retry_after": retry_after_of(error)}
        yield _event("error", told)


def _written(event: Event | Failed) -> bytes:
    """An event for the reader; nothing for how it ends."""
    match event:
        case Start():
            return _event("start", {"version": event.number})
        case Delta():
            return _event("text", {"slot": event.slot, "delta": event.text})
        case LineDone():
            return _event("line", {"slot": event.line.slot, "text": event.line.text})
        case _:
            return b""


def _event(name: str, data: Mapping[str, object]) -> bytes:
    return format_sse_event(event=name, data_str=json.dumps(data))
