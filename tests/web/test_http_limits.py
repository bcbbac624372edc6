"""Connections that cost more than they should, whatever they go on to ask."""

import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Annotated
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from fastapi import Body, FastAPI, Response

from app.web.http.connection import LARGEST_HEAD, MOST_AHEAD, does_not_read, open_many_files
from tests.support import bots
from tests.support.patience import PATIENCE

BEGINNING = b"GET /about HTTP/1.1\r\nHost: here\r\n"
CHUNKED = (
    b"POST /api/v1/voices/sibot/poems HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
ENDLESS = {
    "one header": BEGINNING + b"X: ",
    "an address": b"GET /about?",
    "a name": BEGINNING,
    "an extension": CHUNKED + b"2;",
    "a trailer": CHUNKED + b"2\r\n{}\r\n0\r\nX: ",
}


def call(site: str) -> socket.socket:
    """A connection."""
    address = urlsplit(site)
    return socket.create_connection((address.hostname or "", address.port or 0), timeout=PATIENCE)


def poured(mine: socket.socket, most: int) -> int:
    """Bytes that could be sent until the other side hung up."""
    sent = 0
    try:
        while sent < most:
            sent += mine.send(b"a" * 65_536)
    except OSError:
        return sent
    return sent


@pytest.mark.parametrize("where", ENDLESS)
def test_a_head_that_does_not_end_is_cut_off(site: str, where: str) -> None:
    """It is not collected until the memory is full: after some kilobytes, and what the sockets hold, it is over."""
    with call(site) as mine:
        mine.sendall(ENDLESS[where])
        sent = poured(mine, 64 * 2**20)

    assert sent < 32 * 2**20
    assert httpx.get(f"{site}/healthz", timeout=PATIENCE).status_code == 200


def test_many_headers_are_cut_off_too(site: str) -> None:
    """A thousand small ones are as much as one that is large; said with a status."""
    with call(site) as mine:
        mine.sendall(BEGINNING)
        for n in range(21):
            time.sleep(0.02)  # else they come as one packet
            mine.sendall(b"X-%d: %s\r\n" % (n, b"a" * (LARGEST_HEAD // 20)))
        assert mine.recv(100).startswith(b"HTTP/1.1 400")


def test_small_chunks_are_no_attack(site: str) -> None:
    """A body that comes letter by letter is taken."""
    text = b'{"lines":1,"prime":"' + b" " * 30_000 + b'"}'
    with call(site) as mine:
        mine.sendall(CHUNKED + b"".join(b"1\r\n%c\r\n" % letter for letter in text) + b"0\r\n\r\n")
        assert mine.recv(100).startswith((b"HTTP/1.1 201", b"HTTP/1.1 422"))


@pytest.mark.parametrize("said", [b"", b"GET /about HT", BEGINNING, CHUNKED, CHUNKED + b"5\r\n{}"])
def test_who_does_not_go_on_is_hung_up_on(site: str, said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """He holds no connection for ever by saying nothing; whoever has asked may wait as long as it takes."""
    monkeypatch.setattr("app.web.http.connection.REQUEST_TIMEOUT", 0.3)
    with call(site) as mine:
        mine.sendall(said)
        began = time.monotonic()
        while mine.recv(1000):
            pass

    assert time.monotonic() - began < 10
    assert httpx.post(f"{site}/api/v1/voices/sibot/poems", json={"lines": 16}, timeout=PATIENCE).status_code == 201


BIG = 8 * 2**20
"""Bytes of an answer: more than the kernel takes for a client that does not read."""


@contextmanager
def big_answers(counted: list[bytes]) -> Iterator[str]:
    """A site whose every answer is BIG and begins with what was sent; it counts what it was asked."""
    app = FastAPI()

    @app.post("/")
    def answer(body: Annotated[bytes, Body()]) -> Response:
        counted.append(body)
        return Response(body + b"." * BIG)

    with bots.served(app) as site:
        yield site


def asking(body: bytes) -> bytes:
    """A request for a big answer."""
    return b"POST / HTTP/1.1\r\nHost: here\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s" % (
        len(body),
        body,
    )


def open_at(site: str) -> int:
    """How many connections this process holds open at the site's end."""
    port = urlsplit(site).port
    held = psutil.Process().net_connections("tcp")
    return sum(bool(one.raddr) and one.laddr[1:] == (port,) for one in held)


def test_who_does_not_read_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred who ask and take nothing hold no connection, nor what was written for them."""
    monkeypatch.setattr("app.web.http.connection.WRITE_TIMEOUT", 0.5)
    asked: list[bytes] = []
    with big_answers(asked) as site, ExitStack() as stack:
        for n in range(100):
            mine = stack.enter_context(call(site))
            mine.sendall(asking(b"%03d" % n))
        deadline = time.monotonic() + PATIENCE
        while len(asked) < 100 or open_at(site):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        taken = 0
        with suppress(ConnectionResetError):
            while piece := mine.recv(2**20):
                taken += len(piece)

    assert taken < BIG


@pytest.mark.parametrize(
    ("taken_now", "late"), [(0, True), (5_999, True), (6_000, False), (99_999, False), (100_000, False)]
)
def test_who_reads_slowly_is_waited_for(taken_now: int, *, late: bool) -> None:
    """Who takes 200 bytes a second, or all that there was half a minute ago, may go on as long as he likes."""
    assert does_not_read(100_000, 0, taken_now) is late
    assert not does_not_read(10, 0, 10)


def test_few_requests_wait_for_answers_before_them() -> None:
    """Of six thousand that come ahead, the first are answered in their order; then the connection ends."""
    asked: list[bytes] = []
    with big_answers(asked) as site, call(site) as mine:
        mine.settimeout(0)
        ahead = b"".join(asking(b"%04d" % n) for n in range(6000))
        deadline = time.monotonic() + 1.0
        while ahead and time.monotonic() < deadline:
            with suppress(BlockingIOError):
                ahead = ahead[mine.send(ahead) :]
        mine.settimeout(PATIENCE)
        said = bytearray()
        while piece := mine.recv(2**20):
            said += piece
        time.sleep(0.1)

    answers = bytes(said).split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert asked == [b"%04d" % n for n in range(MOST_AHEAD + 1)]
    assert [answer.partition(b"\r\n\r\n")[2].rstrip(b".") for answer in answers] == asked


def test_a_process_takes_as_many_handles_as_it_may() -> None:
    """What a shell gives by default is few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        open_many_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 256
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
