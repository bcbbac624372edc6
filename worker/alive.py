"""`python -m worker.alive worker`: has a process of that kind on this host given a sign of life lately?

The health check of a container; loads neither engine nor broker.
"""

import socket
import sys
from datetime import UTC, datetime

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from app.settings import Settings
from app.store.pulses import Pulses
from app.store.session import open_database, reading


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
