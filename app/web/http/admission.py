"""Admission control: how many requests one web process handles at a time.

If it handled a whole crowd at once, every answer would come after the browsers had given up, though their ticks and
poems would be stored. So a few requests are handled, and the others wait in a queue that is fair between addresses, and
then between visitors. A request that would wait too long is refused with 503 and `Retry-After` before anything was
done. A request keeps its place from the moment it has arrived completely until its response begins, or until it waits
for the engine, which has its own queue. So a slow client keeps no place.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.domain.fair_queue import FairQueue
from app.web.http.edge import FOR_MACHINES
from app.web.http.visitors import VISITOR_COOKIE, client_of, keys_of, visit_of

MOST_AT_ONCE = 24
"""Requests that are handled at a time. More would not help: Python runs one thread at a time."""
LONGEST_WAIT = 4.0
"""Seconds that a request may wait for a place."""
LONGEST_QUEUE = 200
"""Requests of one address that may wait; the next is refused at once."""
RETRY_AFTER = 5
"""Seconds, for `Retry-After`."""
Refuse = Callable[[Request, int], Response]
"""Makes the response to a refused request. It runs on the event loop, so it must not block."""


class Admission:
    """ASGI middleware: admission control with a fair queue."""

    def __init__(self, app: ASGIApp, refuse: Refuse) -> None:
        self._app = app
        self._refuse = refuse
        self._handled = 0
        self._queues: OrderedDict[str, FairQueue[asyncio.Future[None]]] = OrderedDict()
        """Waiting requests by address; the first address is next."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request when it has a place."""
        if scope["type"] != "http" or scope["path"] in FOR_MACHINES or scope["path"].startswith("/static/"):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        if not await self._enter(request):
            await self._refuse(request, RETRY_AFTER)(scope, receive, send)
            return
        place = HeldPlace(self._left)
        visit_of(request).leave = place.leave

        async def begin(message: Message) -> None:
            place.leave()
            await send(message)

        try:
            await self._app(scope, receive, begin)
        finally:
            place.leave()

    async def _enter(self, request: Request) -> bool:
        """Wait for a place; False if none was free in time."""
        if self._handled < MOST_AT_ONCE:
            self._handled += 1
            return True
        address = client_of(request)
        queue = self._queues.setdefault(address, FairQueue())
        if len(queue) >= LONGEST_QUEUE:
            return False
        turn = asyncio.get_running_loop().create_future()
        queue.put(keys_of(request).read_visitor(request.cookies.get(VISITOR_COOKIE, "")) or "", turn)
        try:
            await asyncio.wait([turn], timeout=LONGEST_WAIT)
        except asyncio.CancelledError:
            if turn.done():
                self._left()
            raise
        finally:
            if not turn.done():
                queue.leave(turn)
                if not queue:
                    self._queues.pop(address, None)
        return turn.done()

    def _left(self) -> None:
        """Give a free place to the request whose turn it is."""
        self._handled -= 1
        with suppress(KeyError):
            address, queue = self._queues.popitem(last=False)
            turn = queue.take()
            if queue:
                self._queues[address] = queue
            turn.set_result(None)
            self._handled += 1


class HeldPlace:
    """The place of one request, which can be left only once."""

    def __init__(self, left: Callable[[], None]) -> None:
        self._left = left
        self._loop = asyncio.get_running_loop()
        self._held = True

    def leave(self) -> None:
        """Leave the place. Called on the event loop, or on the thread that handles the request."""
        if self._held:
            self._held = False
            self._loop.call_soon_threadsafe(self._left)
