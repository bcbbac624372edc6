"""Limits on a connection: what one may cost in memory and time.

uvicorn does not limit the size of a request's head, the time a request may take to arrive, the number of pipelined
requests, or the time a response may wait for a client that does not read. One connection could fill the memory, and a
thousand silent ones could keep everybody else out. `edge.py` limits the body.
"""

import resource
import socket
import sys
from asyncio import TimerHandle, Transport
from contextlib import suppress
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD = 64 * 1024
"""Bytes of a request's first line and headers, beyond the packet that they begin in."""
FRAMING = 16
"""Bytes of framing allowed for each byte of a chunked body: a chunk of one byte needs six."""
REQUEST_TIMEOUT = 60.0
"""Seconds in which a request must have arrived completely, with its body."""
MOST_AHEAD = 8
"""Pipelined requests that may wait on a connection; browsers send none."""
WRITE_TIMEOUT = 30.0
"""Seconds in which a client must read a response, unless it reads at least SLOWEST bytes a second."""
SLOWEST = 200
"""Bytes a second; an old telephone reads twenty times as fast."""
OPEN_FILES = 65_536
"""Open files that a web process asks for: each reader who waits for a poem keeps a socket open."""


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol with a limit on the head's size, and timeouts for requests and responses."""

    _received = 0
    """All bytes of this request."""
    _body = 0
    """Bytes of its body."""
    _too_far_ahead = False
    """Were there more pipelined requests than MOST_AHEAD? Then the rest is not read."""
    _timer: TimerHandle | None = None
    _watch: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Start the timer for the request header, and the watch on how the client reads."""
        super().connection_made(transport)
        _drop_silent_client(transport)
        self._counted = _Counted(transport)
        self.transport = cast("Transport", self._counted)
        self._start_timer()
        self._watch = self.loop.call_later(WRITE_TIMEOUT, self._check_reading, 0, 0)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers."""
        self._stop_timer()
        if self._watch is not None:
            self._watch.cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Reset the counters and the timer: a connection may carry several requests."""
        self._received = self._body = 0
        self._start_timer()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Accept the request, unless too many wait before it; then the connection closes after the last of those."""
        if len(self.pipeline) < MOST_AHEAD and not self._too_far_ahead:
            super().on_headers_complete()
        else:
            self._too_far_ahead = True
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Count the body's bytes."""
        self._body += len(body)
        if not self._too_far_ahead:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop the timer: the request has arrived completely."""
        self._stop_timer()
        if not self._too_far_ahead:
            super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Count all bytes, and refuse a head that is too large."""
        if self._too_far_ahead:
            return
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

    def _check_reading(self, written: int, taken: int) -> None:
        """Close the connection of a client that does not read. *written*, *taken*: bytes at the last check.

        Bytes in the kernel's send buffer count as taken.
        """
        written_now = self._counted.written
        taken_now = written_now - self.transport.get_write_buffer_size()
        if does_not_read(written, taken, taken_now):
            self.transport.abort()  # `close` would wait until everything is read
        else:
            self._watch = self.loop.call_later(WRITE_TIMEOUT, self._check_reading, written_now, taken_now)


def does_not_read(written: int, taken: int, taken_now: int) -> bool:
    """Has a client neither read all that was *written* at the last check, nor read on from *taken* fast enough?"""
    return taken_now < written and taken_now - taken < SLOWEST * WRITE_TIMEOUT


class _Counted:
    """A transport that counts what is written to it."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.written = 0
        """Bytes."""

    def write(self, data: bytes) -> None:
        """Count the bytes and write them."""
        self.written += len(data)
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def _drop_silent_client(transport: Transport) -> None:
    """Have the kernel drop a connection whose client does not acknowledge what was sent (Linux only)."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(2000 * WRITE_TIMEOUT))


def open_many_files() -> None:
    """Raise this process's limit on open files, up to OPEN_FILES."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
