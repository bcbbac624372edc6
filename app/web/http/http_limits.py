"""The wire: what a connection may cost before anybody has looked at what it asks.

uvicorn bounds neither the head of a request nor the time it may take to come: one connection could fill the memory, and
a thousand that say nothing could keep everybody else out. The body is measured further in (`app/web/http/security.py`).
"""

import resource
from asyncio import TimerHandle, Transport
from contextlib import suppress

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD = 64 * 1024
"""Bytes of a request's first line and headers, beyond the packet that they begin in."""
FRAMING = 16
"""Bytes that a byte of a chunked body may bring along: whoever sends single letters spends six."""
PATIENCE = 60.0
"""Seconds within which a request must have come whole, its body too."""
FILES = 65_536
"""Handles that a web process asks for: each reader who waits for a poem holds one."""


class BoundedHttp(HttpToolsProtocol):
    """HTTP/1.1, within bounds: a head that does not end is refused, a request that does not come is hung up on."""

    _heard = 0
    """Bytes of this request, whatever they are."""
    _body = 0
    _bell: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Somebody called: he has so long to say what he wants."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """He has hung up."""
        self._wait_no_more()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._heard = self._body = 0
        self._wait()
        super().on_message_begin()

    def on_body(self, body: bytes) -> None:
        """Some of its body."""
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """All of it is here."""
        self._wait_no_more()
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Bytes, as they come."""
        self._heard += len(data)
        super().data_received(data)
        if self._heard > LARGEST_HEAD + FRAMING * self._body and not self.transport.is_closing():
            self.send_400_response("Too much before the request begins.")

    def _wait(self) -> None:
        self._wait_no_more()
        self._bell = self.loop.call_later(PATIENCE, self._hang_up)

    def _wait_no_more(self) -> None:
        if self._bell is not None:
            self._bell.cancel()
            self._bell = None

    def _hang_up(self) -> None:
        self._bell = None
        if not self.transport.is_closing():
            self.transport.close()


def open_many_files() -> None:
    """Let this process hold as many handles as it is allowed, up to FILES."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
