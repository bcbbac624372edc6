"""HTTP limits: what a connection may cost before its request is read.

uvicorn limits neither the size of a request's head nor the time it may take to arrive: one connection could fill the
memory, and a thousand silent ones could keep everybody else out. The body's size is limited in `security.py`.
"""

import resource
from asyncio import TimerHandle, Transport
from contextlib import suppress

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD = 64 * 1024
"""Bytes of a request's first line and headers, beyond the packet that they begin in."""
FRAMING = 16
"""Bytes of framing allowed for each byte of a chunked body: a chunk of one byte needs six."""
REQUEST_TIMEOUT = 60.0
"""Seconds in which a request must have arrived whole, its body too."""
OPEN_FILES = 65_536
"""Open files that a web process asks for: each reader who waits for a poem holds a socket."""


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 with a limit on the head's size and a timeout for each request."""

    _received = 0
    """Bytes of this request, of whatever kind."""
    _body = 0
    """Bytes of its body."""
    _timer: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Start the timer for the request header."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._stop_timer()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Count from zero, and start the timer again: a connection may carry several requests."""
        self._received = self._body = 0
        self._start_timer()
        super().on_message_begin()

    def on_body(self, body: bytes) -> None:
        """Count the body's bytes."""
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop the timer: the request has arrived whole."""
        self._stop_timer()
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Count all bytes, and refuse a head that is too large."""
        self._received += len(data)
        super().data_received(data)
        if self._received > LARGEST_HEAD + FRAMING * self._body and not self.transport.is_closing():
            self.send_400_response("Too much before the request begins.")

    def _start_timer(self) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(REQUEST_TIMEOUT, self._close)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close(self) -> None:
        self._timer = None
        if not self.transport.is_closing():
            self.transport.close()


def open_many_files() -> None:
    """Raise this process' limit of open files as far as it may, up to OPEN_FILES."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
