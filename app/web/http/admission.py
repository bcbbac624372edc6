"""Admission: how many requests one web process works at, at the same time, and how long the others wait for a place.

A crowd that is let in at once is answered late, all of it, when its browsers have given up, and what it sent is stored
unheard. So a few are worked at, and the others take turns, by address and then by visitor, before they get a thread.
Who would wait too long is refused with 503 and `Retry-After`, before anything was done. A request has its place from
when it has come whole until its answer begins, or until it waits for the engine, which has a queue of its own: a slow
client holds none.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.engine.batcher import FairQueue
from app.web.http.security import FOR_MACHINES
from app.web.http.visitors import COOKIE as VISITOR_COOKIE
from app.web.http.visitors import client_of, keys_of, visit_of

ROOM = 24
"""Requests that are worked at, at the same time: what is no waiting for a database is Python, one at a time."""
LONGEST_WAIT = 4.0
"""Seconds that a request may wait for a place."""
LONGEST_LINE = 200
"""Requests of one address that may wait; the next is refused at once."""
RETRY_AFTER = 5
"""Seconds after which it is worth asking again."""
Refuse = Callable[[Request, int], Response]
"""Makes the answer to who is refused, on the event loop: it must not block."""


class Admission:
    """ASGI middleware: lets requests in as there is room."""

    def __init__(self, app: ASGIApp, refuse: Refuse) -> None:
        self._app = app
        self._refuse = refuse
        self._inside = 0
        self._lines: OrderedDict[str, FairQueue[asyncio.Future[None]]] = OrderedDict()
        """Who waits, by address; the first address is next."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request when it has a place."""
        if scope["type"] != "http" or scope["path"] in FOR_MACHINES or scope["path"].startswith("/static/"):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        if not await self._enter(request):
            await self._refuse(request, RETRY_AFTER)(scope, receive, send)
            return
        place = Place(self._left)
        visit_of(request).leave = place.leave

        async def begin(message: Message) -> None:
            place.leave()
            await send(message)

        try:
            await self._app(scope, receive, begin)
        finally:
            place.leave()

    async def _enter(self, request: Request) -> bool:
        """Wait for a place; False when there is none in time."""
        if self._inside < ROOM:
            self._inside += 1
            return True
        address = client_of(request)
        line = self._lines.setdefault(address, FairQueue())
        if len(line) >= LONGEST_LINE:
            return False
        turn = asyncio.get_running_loop().create_future()
        line.put(keys_of(request).read_visitor(request.cookies.get(VISITOR_COOKIE, "")) or "", turn)
        try:
            await asyncio.wait([turn], timeout=LONGEST_WAIT)
        except asyncio.CancelledError:
            if turn.done():
                self._left()
            raise
        finally:
            if not turn.done():
                line.leave(turn)
                if not line:
                    self._lines.pop(address, None)
        return turn.done()

    def _left(self) -> None:
        """A place is free: whose turn it is comes in."""
        self._inside -= 1
        with suppress(KeyError):
            address, line = self._lines.popitem(last=False)
            turn = line.take()
            if line:
                self._lines[address] = line
            turn.set_result(None)
            self._inside += 1


class Place:
    """The place of one request, which it leaves once."""

    def __init__(self, left: Callable[[], None]) -> None:
        self._left = left
        self._loop = asyncio.get_running_loop()
        self._held = True

    def leave(self) -> None:
        """Make room for another. Called on the event loop, or on a thread that works at the request."""
        if self._held:
            self._held = False
            self._loop.call_soon_threadsafe(self._left)
