"""Server-sent events of a poem while it is written. Clients read them with `fetch`, since writing a poem is a POST.

A line is sent when one of its candidates is chosen; only a line with a single candidate is sent character by character.
When a poem is written in several takes, its first line is sent at once, and the others when the best take is known.
A poem from the drawer is stored first, and sent whole.

A refused request gets an error response before the first event; a later failure is an `error` event. The poem is stored
in its own transaction, and sent as the last event. When a reader leaves, the place in the engine is free again, and no
poem is stored.
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
from app.bootstrap import Bot
from app.domain.errors import EngineFailed, PoemBotError
from app.domain.poem import Poem, Wish, Writing
from app.domain.visitor import Visitor
from app.engine.engine import Engine
from app.engine.poem import Delta, Done, Event, Failed, LineDone, Start
from app.store.session import TRANSIENT_DB_ERRORS
from app.web.api.schemas import PoemOut, PoemWish
from app.web.http.deps import Slug
from app.web.http.errors import code_of, retry_after_of, status_of
from app.web.http.visitors import visitor_of
from app.web.readers.poems import admit, count

log = structlog.get_logger(__name__)
MEDIA_TYPE = "text/event-stream"
UNBUFFERED = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""Tells proxies to pass on each event at once."""
POLL_EVERY = 0.5
"""Seconds between two checks that a waiting client is still connected."""
Batch = Sequence[Event | Failed]
"""One or more events that came together."""


class StreamRoute(APIRoute):
    """A route for clients that accept server-sent events; for others the next route of the same path matches."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match only where `Accept` names `text/event-stream`."""
        if MEDIA_TYPE not in Headers(scope=scope).get("accept", ""):
            return Match.NONE, {}
        return super().matches(scope)


router = APIRouter(prefix="/api/v1", route_class=StreamRoute, include_in_schema=False)


class PoemStream(StreamingResponse):
    """A poem as server-sent events; *leave* frees its place in the engine at the end, or when the reader has gone."""

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
    """Have a poem written, and stream it."""
    # No dependencies of FastAPI's: it takes longer to solve them than they take.
    bot: Bot = request.app.state.bot
    engine: Engine = request.app.state.engine
    visitor = visitor_of(request)
    wish = await run_in_threadpool(_wished, request, voice, visitor, body or PoemWish())
    poem = await run_in_threadpool(actions.poems.hand_out, bot, engine, voice, wish, by=visitor)
    if poem is not None:
        count(request, voice)
        return PoemStream(_handed_out(poem), lambda: None)
    wish = actions.poems.about(wish)
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
    return PoemStream(_encoded(_events(first, queue), store), leave)


async def _handed_out(poem: Poem) -> AsyncIterator[bytes]:
    """The events of a poem from the drawer, all at once: the page shows them at reading pace."""
    sent = [_event("start", {"version": poem.version})]
    for line in poem.lines:
        sent.append(_event("text", {"slot": line.slot, "delta": line.text}))
        sent.append(_event("line", {"slot": line.slot, "text": line.text}))
    sent.append(format_sse_event(event="done", data_str=PoemOut.of(poem).model_dump_json()))
    yield b"".join(sent)


def _wished(request: Request, voice: str, visitor: Visitor, asked: PoemWish) -> Wish:
    """The wish as the engine is to fulfil it. Raises Limited, Unfit, UnknownLine, UnknownVoice, EngineFailed."""
    admit(request, voice, visitor)
    return actions.poems.wished(request.app.state.bot, asked.wish(), by=visitor, keep=asked.keep)


async def _events(first: Event, queue: asyncio.Queue[Event | Failed]) -> AsyncIterator[Batch]:
    """All events up to the last, in batches of those that have come meanwhile."""
    batch: list[Event | Failed] = [first]
    yield batch
    while not isinstance(batch[-1], Done | Failed):
        batch = [await queue.get()]
        while not queue.empty():
            batch.append(queue.get_nowait())
        yield batch


async def _first(queue: asyncio.Queue[Event | Failed], request: Request) -> Event:
    """Wait for the first event, a place in the engine. Raises what failed instead, EngineFailed if the reader left."""
    while True:
        try:
            first = await asyncio.wait_for(queue.get(), POLL_EVERY)
        except TimeoutError:
            if await request.is_disconnected():
                raise EngineFailed("the reader left while waiting") from None
            continue
        if isinstance(first, Failed):
            raise first.error
        return first


async def _encoded(
    batches: AsyncIterator[Batch], store: Callable[[Writing], Awaitable[PoemOut]]
) -> AsyncIterator[bytes]:
    """The body of the response. FastAPI's `EventSourceResponse` would pass each event through two tasks."""
    try:
        async for batch in batches:
            if data := b"".join(map(_data, batch)):
                yield data
            match batch[-1]:
                case Failed(error=failure):
                    raise failure
                case Done(writing=writing):
                    poem = await store(writing)
                    yield format_sse_event(event="done", data_str=poem.model_dump_json())
    except (PoemBotError, *TRANSIENT_DB_ERRORS) as error:
        log.warning("stream.failed", code=code_of(error), error=str(error))
        yield _event(
            "error", {"code": code_of(error), "status": status_of(error), "retry_after": retry_after_of(error)}
        )


def _data(event: Event | Failed) -> bytes:
    """An event of the engine as a server-sent event; b"" for the last one."""
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
