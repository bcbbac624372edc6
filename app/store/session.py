"""The session: how the database is opened, and the one commit in the program.

SQLite runs in WAL mode; writers begin IMMEDIATE, so that two of them wait for each
other instead of failing half-way (decision 0002). Those of one process take turns by a
lock: it wakes the next at once, where SQLite's busy handler retries with back-off.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from threading import Lock
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, CursorResult, Engine, Select, create_engine, event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker


def told_by(session: Session) -> datetime:
    """This moment, in UTC, by the database's clock: workers whose own was an hour ahead would take others' runs.

    SQLite is on this machine, and has its clock.
    """
    if dialect_of(session) != "postgresql":
        return datetime.now(UTC)
    return cast("datetime", session.scalar(select(func.clock_timestamp()))).astimezone(UTC)


Key = TypeVar("Key")
TO_ANNOUNCE = "to_announce"
"""Key in `Session.info`: voices to announce once this unit of work is committed."""
_READING = {"poembot_reading": True}
BUSY_MS = 15_000
AT_ONCE = 10_000
CONNECTIONS = 20
"""Of SQLite, that stay open: to open one costs as much as a page."""
CACHE_KB = 512
"""Pages that each of them keeps. The system keeps them too, and with SQLite's own 2 MB a web grows by 40."""
_SIZES = (f"busy_timeout={BUSY_MS}", f"cache_size=-{CACHE_KB}")
TRANSIENT_DB_ERRORS = (OperationalError, InterfaceError, PoolTimeout)
"""What SQLAlchemy raises while the database is away or busy: worth asking again, no bug of ours."""
_turns: WeakKeyDictionary[Engine, Lock] = WeakKeyDictionary()


def open_database(url: str) -> Engine:
    """An engine for *url*; connects when first used."""
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=20, pool_timeout=5)
    patient = {"timeout": BUSY_MS / 1000, "check_same_thread": False}
    engine = create_engine(url, connect_args=patient, pool_size=CONNECTIONS, max_overflow=CONNECTIONS)
    _turns[engine] = Lock()
    event.listen(engine, "connect", _open_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _open_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves; sqlite3 would say it too late
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL", *_SIZES):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    reading = connection.get_execution_options().get("poembot_reading")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


@contextmanager
def transaction(sessions: sessionmaker[Session], announce: Callable[[str], None]) -> Iterator[Session]:
    """One unit of work: everything in it is kept, or none of it is.

    Runs are announced only after the commit. A lost announcement costs a
    minute (the sweep finds the row), never a run.
    """
    with _turn(sessions), sessions() as session:
        with session.begin():
            yield session
        voices = session.info.pop(TO_ANNOUNCE, ())
    for voice in voices:
        announce(voice)


@contextmanager
def _turn(sessions: sessionmaker[Session]) -> Iterator[None]:
    """This writer's turn, before it takes a connection; who has waited too long tries, and hears it from SQLite."""
    lock = _turns.get(sessions.kw["bind"])
    mine = lock is not None and lock.acquire(timeout=BUSY_MS / 1000)
    try:
        yield
    finally:
        if lock is not None and mine:
            lock.release()


@contextmanager
def reading(sessions: sessionmaker[Session]) -> Iterator[Session]:
    """A look at the database that keeps nothing and, on SQLite, holds up no writer."""
    with sessions() as session:
        session.connection(execution_options=_READING)
        yield session
        session.rollback()


class Queries:
    """Queries of one unit of work. Each file of this room has some of its word."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def _rows(self, statement: Select[*tuple[Any, ...]], values: Mapping[str, object]) -> CursorResult[Any]:
        """Rows of columns, straight from the connection: the ORM's way, which is for entities, takes twice as long."""
        self._session.flush()
        return self._session.connection().execute(statement, values)


def parts(keys: Iterable[Key]) -> Iterator[list[Key]]:
    """The keys, as many at a time as one statement can name: Postgres takes 65,535 values, SQLite fewer."""
    left = iter(keys)
    while part := list(islice(left, AT_ONCE)):
        yield part


def picked(row: object, *names: str) -> dict[str, Any]:
    """Those columns of a row, or fields of a report, as a dictionary."""
    return {name: getattr(row, name) for name in names}


def insert(session: Session, table: Any) -> Any:
    """An INSERT that knows ON CONFLICT, in the words of this session's database."""
    return insert_in(dialect_of(session), table)


def dialect_of(session: Session) -> str:
    """The name of this session's kind of database."""
    return session.get_bind().dialect.name


@cache
def insert_in(dialect: str, table: Any) -> Any:
    """The same in the words of one dialect, for statements that are built once for each."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
