"""Readers who hardly read: a byte a second, or not at all. Everyone else's poems go on."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
from structlog.testing import capture_logs

from app.bootstrap import Bot, build_engine
from app.engine.engine import Engine
from app.web.site import create_app
from tests.support import bots
from tests.support.patience import PATIENCE

CALL = "/api/v1/voices/sibot/poems"
ASKED = (
    f"POST {CALL} HTTP/1.1\r\nHost: here\r\nAccept: text/event-stream\r\nContent-Type: application/json\r\n"
    'Content-Length: 12\r\n\r\n{"lines":16}'
).encode()
SLOW = 24
"""So many of them at the same time."""


@contextmanager
def served(bot: Bot) -> Iterator[tuple[str, Engine]]:
    """A site, and its engine."""
    engine = build_engine(bot)
    with bots.served(create_app(bot, engine)) as site:
        yield site, engine


@contextmanager
def slow_readers(site: str, over: threading.Event) -> Iterator[list[int]]:
    """So many who asked for a long poem, through the smallest windows, and read a byte a second; what each has read."""
    address = (urlsplit(site).hostname, urlsplit(site).port)
    read = [0] * SLOW

    def dawdle(n: int) -> None:
        with socket.socket() as mine:
            mine.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            mine.settimeout(PATIENCE)
            mine.connect(address)
            mine.sendall(ASKED)
            while not over.wait(1.0):
                read[n] += len(mine.recv(1))

    with ThreadPoolExecutor(SLOW) as readers:
        dawdling = [readers.submit(dawdle, n) for n in range(SLOW)]
        try:
            yield read
        finally:
            over.set()
    for one in dawdling:
        one.result()


def test_a_byte_a_second_holds_nobody_up(bot: Bot) -> None:
    """What is written for them waits for them, not in the engine: its places are free, and others get their poems."""
    over = threading.Event()
    with served(bot) as (site, engine), slow_readers(site, over) as read:
        began = time.monotonic()
        while not all(read) and time.monotonic() < began + PATIENCE:
            time.sleep(0.05)
        with httpx.Client(base_url=site, timeout=PATIENCE) as client:
            poems = [client.post(CALL, json={"seed": n}) for n in range(10)]
        deadline = time.monotonic() + PATIENCE
        while engine.load() != (0, 0) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert engine.load() == (0, 0)
        assert all(0 < count < 60 for count in read)
        assert not over.is_set()

    assert [answer.status_code for answer in poems] == [201] * 10
    assert all(len(answer.json()["lines"]) == 5 for answer in poems)


HUNG_UP = {
    "in a form": b"POST /sibot/poems HTTP/1.1\r\nHost: here\r\nContent-Length: 99\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\nprime=",
    "in a body": f"POST {CALL} HTTP/1.1\r\nHost: here\r\nContent-Length: 99\r\n"
    'Content-Type: application/json\r\n\r\n{"lines"'.encode(),
    "in a chunk": f"POST {CALL} HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n"
    "Content-Type: application/json\r\n\r\n5\r\n{".encode(),
    "before an answer": ASKED,
}


def test_who_hangs_up_is_no_error(bot: Bot) -> None:
    """Wherever he is in what he says: nothing is logged as ours, nothing is counted as a 500."""
    with capture_logs() as logged, served(bot) as (site, _):
        for said in HUNG_UP.values():
            with socket.create_connection((urlsplit(site).hostname or "", urlsplit(site).port or 0)) as gone:
                gone.sendall(said)
                time.sleep(0.2)  # until it is being read
        deadline = time.monotonic() + PATIENCE
        while len(ended := [e for e in logged if e["event"] == "http.request"]) < len(HUNG_UP):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        counted = httpx.get(site + "/metrics", timeout=PATIENCE).text

    assert "http.failed" not in {event["event"] for event in logged}
    assert {event["log_level"] for event in ended} == {"info"}
    assert 'status="500"' not in counted
    assert 'poembot_http_requests_total{method="POST",route="other",status="0"} 3.0' in counted


def test_who_asks_and_does_not_read_is_not_waited_for(bot: Bot) -> None:
    """He asked, and hangs up without a look: the next poem is there at once, and nothing is left of his."""
    with served(bot) as (site, engine):
        for _ in range(30):
            with socket.create_connection((urlsplit(site).hostname or "", urlsplit(site).port or 0)) as gone:
                gone.sendall(ASKED)
        assert httpx.post(site + CALL, json={}, timeout=PATIENCE).status_code == 201
        deadline = time.monotonic() + PATIENCE
        while engine.load() != (0, 0) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert engine.load() == (0, 0)
