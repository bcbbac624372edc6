"""The pulse: a process says every few seconds that it is alive, in a row that the desk reads."""

import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.bootstrap import Bot
from app.store.pulses import Pulses

log = structlog.get_logger(__name__)

EVERY = 5.0
"""Seconds between two beats."""


@contextmanager
def pulse(bot: Bot, kind: str, detail: Mapping[str, object] | None = None) -> Iterator[None]:
    """Beat as *kind* from a thread of its own as long as the block lasts, busy or idle."""
    name = f"{kind}@{socket.gethostname()}:{os.getpid()}"
    gone = threading.Event()

    def beat() -> None:
        while True:
            try:
                with bot.transaction() as session:
                    Pulses(session).beat(name, kind, dict(detail or {}), datetime.now(UTC))
            except SQLAlchemyError as error:  # the database is away; the next beat tells when it is back
                log.warning("pulse.unkept", error=str(error).splitlines()[0])
            if gone.wait(EVERY):
                return

    thread = threading.Thread(target=beat, name="pulse", daemon=True)
    thread.start()
    try:
        yield
    finally:
        gone.set()
        thread.join(1)
