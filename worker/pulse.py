"""The pulse: a process writes every few seconds that it is alive, in a row that the desk and the health check read.

`python -m worker.pulse worker`: has a process of that kind on this host given a sign of life lately? That is the
health check of a container; it loads neither engine nor broker.
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
"""Seconds between two beats."""


@contextmanager
def pulse(bot: "Bot", kind: str) -> Iterator[None]:
    """Beat as *kind* from a thread of its own as long as the block lasts, busy or idle."""
    from app import actions  # late: they bring the engine along, which a health check can do without

    name = f"{kind}@{socket.gethostname()}:{os.getpid()}"
    stopping = threading.Event()

    def beat() -> None:
        while True:
            try:
                actions.deployment.beat(bot, name, kind)
            except SQLAlchemyError as error:  # the database is away; the next beat tells when it is back
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
    """Is there a fresh pulse of that kind from that host?"""
    with reading(sessions) as session:
        alive = Pulses(session).alive(datetime.now(UTC))
    return any(pulse.kind == kind and pulse.name.startswith(f"{kind}@{host}:") for pulse in alive)


def main(kind: str) -> int:
    """The exit status: 0 alive, 1 silent, or the database is away."""
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
