"""Sessions: how the database is opened, and the only commit in the program.

SQLite runs in WAL mode. Write transactions begin with BEGIN IMMEDIATE, so that two writers wait for each other instead
of failing half-way (decision 0042). Writers of one process wait on a lock, which wakes the next one at once; SQLite's
busy handler would retry with exponential back-off.
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


def database_now(session: Session) -> datetime:
    """The database's time in UTC. Leases use it: a worker whose clock is ahead would take the runs of others.

    SQLite runs in this process and has no clock of its own.
    """
    if dialect_of(session) != "postgresql":
        return datetime.now(UTC)
    return cast("datetime", session.scalar(select(func.clock_timestamp()))).astimezone(UTC)


Key = TypeVar("Key")
TO_ANNOUNCE = "to_announce"
"""Key in `Session.info`: voices to announce after the commit."""
_READING = {"poembot_reading": True}
BUSY_MS = 15_000
BATCH = 10_000
"""Most keys that one statement names: Postgres takes 65,535 values, SQLite fewer."""
CONNECTIONS = 20
"""SQLite connections that stay open: opening one costs as much as a page view."""
CACHE_KB = 512
"""Page cache of each connection. The operating system caches the file too; SQLite's default of 2 MB would cost 40 MB
in a web process."""
_SIZES = (f"busy_timeout={BUSY_MS}", f"cache_size=-{CACHE_KB}")
TRANSIENT_DB_ERRORS = (OperationalError, InterfaceError, PoolTimeout)
"""What SQLAlchemy raises while the database is away or busy: not a bug, and worth a retry."""
_write_locks: WeakKeyDictionary[Engine, Lock] = WeakKeyDictionary()


def open_database(url: str) -> Engine:
    """An engine for *url*; connects when first used."""
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=20, pool_timeout=5)
    patient = {"timeout": BUSY_MS / 1000, "check_same_thread": False}
    engine = create_engine(url, connect_args=patient, pool_size=CONNECTIONS, max_overflow=CONNECTIONS)
    _write_locks[engine] = Lock()
    event.listen(engine, "connect", _open_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _open_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # `_begin_sqlite` sends BEGIN; the driver would send it too late
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL", *_SIZES):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    reading = connection.get_execution_options().get("poembot_reading")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


@contextmanager
def transaction(sessions: sessionmaker[Session], announce: Callable[[str], None]) -> Iterator[Session]:
    """One unit of work: all of it is committed, or nothing.

    Runs are announced only after the commit. A lost announcement costs a few seconds (the sweep finds the row), never
    a run.
    """
    with _write_lock(sessions), sessions() as session:
        with session.begin():
            yield session
        voices = session.info.pop(TO_ANNOUNCE, ())
    for voice in voices:
        announce(voice)


@contextmanager
def _write_lock(sessions: sessionmaker[Session]) -> Iterator[None]:
    """Hold the lock of this process's SQLite writers; after a time-out go on without it, and let SQLite decide."""
    lock = _write_locks.get(sessions.kw["bind"])
    acquired = lock is not None and lock.acquire(timeout=BUSY_MS / 1000)
    try:
        yield
    finally:
        if lock is not None and acquired:
            lock.release()


@contextmanager
def reading(sessions: sessionmaker[Session]) -> Iterator[Session]:
    """A read-only transaction, which on SQLite blocks no writer."""
    with sessions() as session:
        session.connection(execution_options=_READING)
        yield session
        session.rollback()


class Queries:
    """Base of the query classes: they share the session of one unit of work."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def _rows(self, statement: Select[*tuple[Any, ...]], values: Mapping[str, object]) -> CursorResult[Any]:
        """Execute on the connection, without the ORM, which takes twice as long for rows of plain columns."""
        self._session.flush()
        return self._session.connection().execute(statement, values)


def batches(keys: Iterable[Key]) -> Iterator[list[Key]]:
    """The keys in lists of at most `BATCH`."""
    left = iter(keys)
    while batch := list(islice(left, BATCH)):
        yield batch


def as_dict(row: object, *names: str) -> dict[str, Any]:
    """The named columns of a row, or fields of a dataclass, as a dictionary."""
    return {name: getattr(row, name) for name in names}


def insert(session: Session, table: Any) -> Any:
    """An INSERT with ON CONFLICT, in the SQL dialect of this session."""
    return insert_in(dialect_of(session), table)


def dialect_of(session: Session) -> str:
    """Name of this session's SQL dialect: `sqlite` or `postgresql`."""
    return session.get_bind().dialect.name


@cache
def insert_in(dialect: str, table: Any) -> Any:
    """An INSERT with ON CONFLICT in that dialect, for statements that are built once and cached."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
