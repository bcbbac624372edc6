"""Readers who hardly read: a byte a second, or not at all. Everyone else's poems go on."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx

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
