"""The pulse: the heartbeat of a process, a row in the database that the desk and the health check read.

`python -m worker.pulse worker` is the health check of a container: has a process of this kind had a heartbeat on this
host lately? It loads neither the engine nor Celery.
"""

import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from app.settings import Settings
from app.store.health import Pulses
from app.store.session import open_database, reading

if TYPE_CHECKING:
    from app.bootstrap import Bot

log = structlog.get_logger(__name__)

EVERY = 5.0
"""Seconds between two heartbeats."""


@contextmanager
def pulse(bot: "Bot", kind: str) -> Iterator[None]:
    """Write heartbeats of a process of that *kind* from a thread, as long as the block lasts."""
    from app import actions  # late: it imports the engine, which the health check does not need

    name = f"{kind}@{socket.gethostname()}:{os.getpid()}"
    stopping = threading.Event()

    def beat() -> None:
        while True:
            try:
                actions.deployment.beat(bot, name, kind)
            except SQLAlchemyError as error:  # the database is away; the thread tries again
                log.warning("pulse.failed", error=str(error).splitlines()[0])
            if stopping.wait(EVERY):
                return

    thread = threading.Thread(target=beat, name="pulse", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(1)


def is_alive(sessions: sessionmaker[Session], kind: str, host: str) -> bool:
    """Is there a recent heartbeat of a process of that *kind* on that *host*?"""
    with reading(sessions) as session:
        alive = Pulses(session).alive(datetime.now(UTC))
    return any(pulse.kind == kind and pulse.name.startswith(f"{kind}@{host}:") for pulse in alive)


def main(kind: str) -> int:
    """The health check; returns the exit status: 0 alive, 1 not, or the database is away."""
    database = open_database(Settings().database)
    try:
        return 0 if is_alive(sessionmaker(database), kind, socket.gethostname()) else 1
    except SQLAlchemyError as error:
        sys.stderr.write(f"{str(error).splitlines()[0]}\n")
        return 1
    finally:
        database.dispose()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
