"""Dump: write every row of the database to JSON lines, and read them back. Export: anonymous data for publication.

A dump has the same format on SQLite and Postgres, so that one can be moved to the other. It uses the tables found in
the database, not those of the code: a dump of an earlier schema is read into that schema and migrated afterwards.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from graphlib import TopologicalSorter
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    Connection,
    DateTime,
    Engine,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
    cast,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session
from sqlalchemy.types import NullType

from app.domain.submission import SubmissionStatus
from app.store.session import as_dict
from app.store.tables import LineRow, PoemLineRow, PoemRow, SubmissionRow, TickRow, VersionRow, VisitorRow

LEFT_OUT = {"alembic_version", "pulses"}
"""The schema's revision, and heartbeats, which mean nothing later."""
BATCH = 500
"""Rows that are read or inserted at a time."""
Row = dict[str, Any]


@contextmanager
def snapshot(database: Engine) -> Iterator[Connection]:
    """A read-only transaction with a consistent view of the whole database, whatever is written meanwhile."""
    options: dict[str, Any] = {"poembot_reading": True}
    if database.dialect.name == "postgresql":
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with database.connect().execution_options(**options) as connection, connection.begin():
        yield connection


def tables(connection: Connection) -> list[Table]:
    """The tables in the database, sorted: a table comes after those that its NOT NULL foreign keys refer to."""
    found = MetaData()
    found.reflect(connection)
    kept = {name: table for name, table in sorted(found.tables.items()) if name not in LEFT_OUT}
    needs = {name: {key.column.table.name for key in table.foreign_keys if not key.parent.nullable} - {name}
             for name, table in kept.items()}  # fmt: skip
    return [kept[name] for name in TopologicalSorter(needs).static_order()]


def write(connection: Connection, table: Table, file: Path, change: Callable[[Row], None]) -> int:
    """Write a table's rows in the order of their primary keys, after *change* has edited each; how many."""
    columns = [cast(c, Text).label(c.name) if isinstance(c.type, JSON) else c for c in table.columns]
    found = connection.execution_options(yield_per=BATCH).execute(select(*columns).order_by(*table.primary_key))
    count = 0
    with file.open("w", encoding="utf-8") as opened:
        for row in found.mappings():
            plain = {name: _plain(value) for name, value in row.items()}
            change(plain)
            opened.write(json.dumps(plain, ensure_ascii=False) + "\n")
            count += 1
    return count


def read(connection: Connection, order: list[Table], file_of: Callable[[str], Path]) -> None:
    """Read the rows of all tables, which must be empty; references to later tables are set at the end."""
    later: list[tuple[Table, str, list[Row]]] = []
    done: set[str] = set()
    for table in order:
        forward = {k.parent.name for k in table.foreign_keys if k.column.table.name not in done | {table.name}}
        done.add(table.name)
        for chunk in _chunks(file_of(table.name)):
            rows = [_native(table, row, connection) for row in chunk]
            later += [(table, name, [_reference(table, row, name) for row in rows if row[name]]) for name in forward]
            connection.execute(insert(_untyped_json(table)), [{**row, **dict.fromkeys(forward)} for row in rows])
        _set_sequence(connection, table)
    for table, name, references in later:
        if references:
            at = (column == bindparam(f"at_{column.name}") for column in table.primary_key)
            connection.execute(update(table).where(*at).values({name: bindparam("to")}), references)


def is_empty(connection: Connection) -> bool:
    """Are all tables empty?"""
    return all(
        connection.execute(select(text("1")).select_from(t).limit(1)).first() is None for t in tables(connection)
    )


def empty(connection: Connection) -> None:
    """Delete every row of every table."""
    order = tables(connection)
    for table in order:
        nullable = {key.parent.name: None for key in table.foreign_keys if key.parent.nullable}
        if nullable:
            connection.execute(update(table).values(**nullable))
    for table in reversed(order):
        connection.execute(delete(table))


def _chunks(file: Path) -> Iterator[list[Row]]:
    with file.open(encoding="utf-8") as opened:
        while lines := list(islice(opened, BATCH)):
            yield [json.loads(line) for line in lines]


def _plain(value: object) -> object:
    """A value for JSON: a time becomes an ISO string in UTC, whatever zone the database returns."""
    if not isinstance(value, datetime):
        return value
    return (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)).isoformat()


def _native(table: Table, row: Mapping[str, Any], connection: Connection) -> Row:
    """A row for this database: times are parsed, and for SQLite without a zone."""
    times = {column.name for column in table.columns if isinstance(column.type, DateTime)}
    zoned = connection.dialect.name == "postgresql"

    def time(plain: str) -> datetime:
        moment = datetime.fromisoformat(plain)
        return moment if zoned else moment.replace(tzinfo=None)

    return {name: time(value) if name in times and value is not None else value for name, value in row.items()}


def _untyped_json(table: Table) -> Table:
    """The table with its JSON columns untyped: the dump has their text, which is inserted unchanged."""
    for column in table.columns:
        if isinstance(column.type, JSON):
            column.type = NullType()
    return table


def _reference(table: Table, row: Row, name: str) -> Row:
    return {f"at_{column.name}": row[column.name] for column in table.primary_key} | {"to": row[name]}


def _set_sequence(connection: Connection, table: Table) -> None:
    """Set Postgres's sequence to the highest key; SQLite needs no such step."""
    key = list(table.primary_key)
    if connection.dialect.name != "postgresql" or len(key) != 1 or not isinstance(key[0].type, Integer):
        return
    sequence = func.pg_get_serial_sequence(table.name, key[0].name)
    highest = select(func.max(key[0])).scalar_subquery()
    connection.execute(select(func.setval(sequence, func.coalesce(highest, 1), highest.is_not(None))))


def rows(session: Session, now: datetime) -> Iterator[Row]:
    """The export: a header, then versions, poems, ticks and approved submissions; readers get arbitrary numbers."""
    yield {"kind": "export", "made": now.isoformat(), "generator": "AI", "note": "AI 생성: 시는 기계가 썼습니다."}
    names: dict[str, int] = {}

    def reader(visitor: str) -> int:
        return names.setdefault(visitor, len(names) + 1)

    yield from _versions(session)
    yield from _poems(session)
    ticks = (
        select(TickRow)
        .join(VisitorRow, VisitorRow.id == TickRow.visitor_id)
        .where(~TickRow.taken_back, VisitorRow.returned.is_not(None))
        .order_by(TickRow.line_id, TickRow.at)
    )
    for tick in session.scalars(ticks.execution_options(yield_per=BATCH)):
        yield {"kind": "tick", "line": tick.line_id, "reader": reader(tick.visitor_id), "at": tick.at.isoformat()}
    approved = select(SubmissionRow).where(SubmissionRow.status == SubmissionStatus.APPROVED).order_by(SubmissionRow.id)
    for given in session.scalars(approved.execution_options(yield_per=BATCH)):
        columns = as_dict(given, "id", "voice", "title", "author", "text")
        whose = {"reader": reader(given.visitor_id), "at": given.created.isoformat()}
        yield {"kind": "submission", **columns, **whose}


def _versions(session: Session) -> Iterator[Row]:
    for version in session.scalars(select(VersionRow).order_by(VersionRow.id)):
        columns = as_dict(version, "voice", "base", "number", "status", "lesson", "metrics", "verdict")
        yield {"kind": "version", **columns, "at": version.created.isoformat()}


def _poems(session: Session) -> Iterator[Row]:
    numbers = {row.id: row.number for row in session.execute(select(VersionRow.id, VersionRow.number))}
    poems = select(PoemRow).order_by(PoemRow.created, PoemRow.id).execution_options(yield_per=BATCH)
    places = select(PoemLineRow.poem_id, PoemLineRow.slot, LineRow).join(LineRow, LineRow.id == PoemLineRow.line_id)
    places = places.where(~LineRow.primed).order_by(PoemLineRow.poem_id, PoemLineRow.slot)
    for part in session.scalars(poems).partitions():
        lines: dict[str, list[Row]] = {poem.id: [] for poem in part}
        for poem, slot, line in session.execute(places.where(PoemLineRow.poem_id.in_(lines))):
            lines[poem].append({"id": line.id, "slot": slot, "text": line.text, "version": numbers[line.version_id]})
        for head in part:
            yield {
                "kind": "poem",
                **as_dict(head, "id", "voice"),
                "version": numbers[head.version_id],
                **as_dict(head, "seed", "temperature"),
                "at": head.created.isoformat(),
                "lines": lines[head.id],
            }
