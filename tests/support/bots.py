"""A bot over real servers, an engine over it, a site over both."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from app import actions, bootstrap
from app.bootstrap import Bot
from app.engine.engine import Engine
from app.settings import Settings
from app.store.admins import Admins, Kind
from app.web.http.connection import BoundedHttp
from app.web.site import create_app
from tests.support.patience import PATIENCE


@dataclass
class NotedQueue:
    """A queue without a reader; it records what was announced."""

    announced: list[str] = field(default_factory=list)

    def announce(self, voice: str) -> None:
        """Record it."""
        self.announced.append(voice)


def who(admins: Admins, secret: str, kind: Kind, now: datetime) -> str | None:
    """The admin to whom a password or token belongs."""
    key = admins.key(secret, kind, now)
    return key.admin if key else None


def build(settings: Settings, shipped: Path) -> Bot:
    """The bot of *settings* with the voices of *shipped* installed."""
    bot = bootstrap.build(settings, queue=NotedQueue(), shipped=shipped)
    actions.deployment.install_shipped(bot, shipped)
    return bot


@contextmanager
def engine(bot: Bot) -> Iterator[Engine]:
    """An engine that serves the champions of *bot*."""
    started = bootstrap.build_engine(bot)
    started.start()
    try:
        yield started
    finally:
        started.close()


@contextmanager
def site(bot: Bot) -> Iterator[str]:
    """The address of a real web server over *bot*, in a thread of this process."""
    with served(create_app(bot, bootstrap.build_engine(bot))) as address:
        yield address


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The address of a real web server for *app*, in a thread of this process."""
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=BoundedHttp,
            log_config=None,
            access_log=False,
            proxy_headers=False,
            timeout_graceful_shutdown=2,
        )
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="site")
        thread.start()
        try:
            deadline = time.monotonic() + PATIENCE
            while not server.started:
                if not thread.is_alive() or time.monotonic() > deadline:
                    raise RuntimeError("the site did not start")
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
