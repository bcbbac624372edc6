"""Poems with their lines, the impressions they make on visitors, and the poems of the days."""

import base64
import secrets
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Select, bindparam, exists, select
from sqlalchemy.orm import aliased

from app.domain.errors import UnknownLine, UnknownPoem
from app.domain.poem import Day, Poem, Quotation, ShownLine, Writing, WrittenLine
from app.domain.trial import VISIT
from app.store.session import Queries, insert
from app.store.tables import (
    DayRow,
    ImpressionRow,
    LineRow,
    PoemLineRow,
    PoemRow,
    TickRow,
    VersionRow,
    VisitorRow,
    VoiceRow,
)

HAS_HUMAN_WORDS = (
    exists()
    .where(PoemLineRow.poem_id == PoemRow.id, LineRow.id == PoemLineRow.line_id, LineRow.primed)
    .correlate(PoemRow)  # PoemRow only: otherwise it would use the LineRow of a query that joins lines itself
)
"""Does a poem contain words of a human, which nobody has moderated? Such a poem is shown only by its own address."""


def revealed(number: int, trial: int | None, created: datetime) -> int | None:
    """The number of the version that wrote a poem; None while a trial hides it from its readers."""
    return number if trial is None or created <= datetime.now(UTC) - VISIT else None


def is_revealed() -> ColumnElement[bool]:
    """The SQL condition on PoemRow: may readers know which version wrote the poem?"""
    return PoemRow.trial_id.is_(None) | (PoemRow.created <= datetime.now(UTC) - VISIT)


def new_id() -> str:
    """A random id of ten characters that cannot be guessed."""
    return base64.b32encode(secrets.token_bytes(7)).decode().lower().rstrip("=")[:10]


def offset_of(cursor: str | None) -> int:
    """The offset that a page's cursor stands for; an invalid cursor, as in an old link, gives the first page."""
    return int(cursor) if cursor and cursor.isascii() and cursor.isdigit() and len(cursor) < 8 else 0


def _heads() -> Select[*tuple[Any, ...]]:
    """Query for poems without their lines; parameter "poems": their ids."""
    return (
        select(
            PoemRow.id,
            PoemRow.voice,
            PoemRow.visitor_id,
            PoemRow.trial_id,
            PoemRow.created,
            PoemRow.seed,
            PoemRow.temperature,
            PoemRow.prime,
            PoemRow.fixed_seed,
            PoemRow.draft_id,
            VersionRow.number,
        )
        .join(VersionRow, VersionRow.id == PoemRow.version_id)
        .where(PoemRow.id.in_(bindparam("poems", expanding=True)))
    )


def _lines() -> Select[*tuple[Any, ...]]:
    """Query for the lines of poems as a visitor sees them; parameters "poems": their ids, "visitor": his id."""
    visitor: BindParameter[str | None] = bindparam("visitor")
    shown = exists().where(ImpressionRow.line_id == LineRow.id, ImpressionRow.visitor_id == visitor)
    ticked = exists().where(TickRow.line_id == LineRow.id, TickRow.visitor_id == visitor, ~TickRow.taken_back)
    sealed = exists().where(
        PoemRow.id == PoemLineRow.poem_id,
        TickRow.line_id == LineRow.id,
        TickRow.visitor_id == PoemRow.visitor_id,
        ~TickRow.taken_back,
    )
    origin = aliased(PoemRow)
    return (
        select(
            PoemLineRow.poem_id,
            PoemLineRow.slot,
            LineRow.id,
            LineRow.text,
            LineRow.logprob,
            LineRow.primed,
            LineRow.poem_id.label("written_for"),
            VersionRow.number,
            origin.trial_id,
            origin.created,
            shown.label("shown"),
            ticked.label("ticked"),
            sealed.label("sealed"),
        )
        .join(LineRow, LineRow.id == PoemLineRow.line_id)
        .join(origin, origin.id == LineRow.poem_id)
        .join(VersionRow, VersionRow.id == LineRow.version_id)
        .where(PoemLineRow.poem_id.in_(bindparam("poems", expanding=True)))
        .order_by(PoemLineRow.poem_id, PoemLineRow.slot)
    )


HEADS, LINES = _heads(), _lines()
"""Built once, because they run for every poem: building a query takes as long as executing it."""
CURRENT = (
    select(PoemRow.id)
    .where(PoemRow.visitor_id == bindparam("visitor"), PoemRow.voice == bindparam("voice"))
    .order_by(PoemRow.created.desc(), PoemRow.id.desc())
    .limit(1)
)


class Poems(Queries):
    """Queries for poems and their lines."""

    def add(
        self,
        writing: Writing,
        visitor: str,
        *,
        prime: str,
        fixed_seed: bool,
        counted: bool,
        network: str | None = None,
        now: datetime,
    ) -> str:
        """Store a poem with its lines, and the impressions on its reader; returns its id.

        *counted*: does the reader count? *network*: in a trial, the hash of his network if he does.
        """
        poem = new_id()
        whole = {
            "id": poem,
            "voice": writing.voice,
            "visitor_id": visitor,
            "version_id": writing.version,
            "seed": writing.seed,
            "fixed_seed": fixed_seed,
            "temperature": writing.temperature,
            "prime": prime,
            "trial_id": writing.trial,
            "network": network,
            "taste_id": writing.taste,
            "draft_id": writing.draft,
            "created": now,
        }
        self._session.execute(insert(self._session, PoemRow.__table__), whole)
        ids = self._add_lines(poem, writing)
        places = [{"poem_id": poem, "slot": line.slot, "line_id": ids[line.slot]} for line in writing.lines]
        self._session.execute(insert(self._session, PoemLineRow.__table__), places)
        if not fixed_seed:
            head = {"visitor_id": visitor, "voice": writing.voice, "version_id": writing.version}
            head |= {"counted": counted, "at": now}
            shown = [line for line in writing.lines if line.quoted is None and not line.primed]
            self._add_impressions(
                [head | _drawn(line) | {"line_id": ids[line.slot], "slot": line.slot} for line in shown]
            )
        return poem

    def _add_lines(self, poem: str, writing: Writing) -> dict[int, int]:
        """Store the new lines; returns the id of every line by slot, quotations included."""
        new = [line for line in writing.lines if line.quoted is None]
        ids = {line.slot: line.quoted for line in writing.lines if line.quoted is not None}
        rows = [
            {
                "poem_id": poem,
                "version_id": writing.version,
                "text": line.text,
                "primed": line.primed,
                **_drawn(line),
            }
            for line in new
        ]
        if rows:
            # One statement for all rows ("insertmanyvalues"): both databases assign ids in the order of the VALUES
            # list, but may return them in another order. `sort_by_parameter_order` would send SQLite one statement per
            # row.
            added = self._session.scalars(insert(self._session, LineRow.__table__).returning(LineRow.id), rows)
            ids |= dict(zip((line.slot for line in new), sorted(added), strict=True))
        return ids

    def show(self, poem: str, visitor: str, *, counted: bool, now: datetime) -> None:
        """Store the impressions on a visitor who opens the poem of somebody else. Raises UnknownPoem."""
        row = self._session.get(PoemRow, poem)
        if row is None:
            raise UnknownPoem(poem)
        if row.visitor_id != visitor and not row.fixed_seed:
            head = {"visitor_id": visitor, "voice": row.voice, "counted": counted, "at": now}
            own = (
                select(LineRow, PoemLineRow.slot)
                .join(PoemLineRow, (PoemLineRow.line_id == LineRow.id) & (PoemLineRow.poem_id == LineRow.poem_id))
                .where(LineRow.poem_id == poem, ~LineRow.primed)
            )
            self._add_impressions(
                [
                    head | _drawn(line) | {"line_id": line.id, "version_id": line.version_id, "slot": slot}
                    for line, slot in self._session.execute(own)
                ]
            )

    def _add_impressions(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Store impressions; a line makes only one on each visitor."""
        if rows:
            self._session.execute(insert(self._session, ImpressionRow.__table__).on_conflict_do_nothing(), rows)

    def one(self, poem: str, visitor: str | None) -> Poem:
        """A poem as *visitor* sees it. Raises UnknownPoem."""
        found = self.several([poem], visitor)
        if not found:
            raise UnknownPoem(poem)
        return found[0]

    def current(self, voice: str, visitor: str) -> str | None:
        """Id of the newest poem written for *visitor* in *voice*, or None."""
        found: str | None = self._rows(CURRENT, {"visitor": visitor, "voice": voice}).scalar()
        return found

    def newest(self, voice: str) -> str | None:
        """Id of the newest poem of *voice* without words of a human, or None."""
        return self._session.scalar(
            select(PoemRow.id).where(PoemRow.voice == voice, ~HAS_HUMAN_WORDS).order_by(PoemRow.created.desc()).limit(1)
        )

    def quotations(self, lines: Sequence[int], visitor: str) -> list[Quotation]:
        """The lines that a visitor wants to keep, in the given order. Raises UnknownLine for one not shown to him."""
        shown = exists().where(ImpressionRow.line_id == LineRow.id, ImpressionRow.visitor_id == visitor)
        written_for_him = exists().where(
            PoemLineRow.line_id == LineRow.id, PoemRow.id == PoemLineRow.poem_id, PoemRow.visitor_id == visitor
        )
        rows = self._session.execute(
            select(LineRow.id, LineRow.text).where(LineRow.id.in_(lines), shown | written_for_him)
        )
        texts = {row.id: row.text for row in rows}
        for line in lines:
            if line not in texts:
                raise UnknownLine(line)
        return [Quotation(line, texts[line]) for line in lines]

    def slots(self, lines: Sequence[int], visitor: str) -> dict[int, int]:
        """The slot of each line in the newest poem of *visitor* that has it, else in the poem it was written in."""
        his = PoemRow.visitor_id == visitor
        rows = self._session.execute(
            select(PoemLineRow.line_id, PoemLineRow.slot)
            .join(PoemRow, PoemRow.id == PoemLineRow.poem_id)
            .join(LineRow, LineRow.id == PoemLineRow.line_id)
            .where(PoemLineRow.line_id.in_(lines), his | (LineRow.poem_id == PoemRow.id))
            .order_by(his, PoemRow.created)
        )
        return {row.line_id: row.slot for row in rows}

    def page(
        self,
        voice: str,
        *,
        version: int | None = None,
        cursor: str | None = None,
        limit: int = 20,
        visitor: str | None = None,
    ) -> tuple[list[Poem], str | None]:
        """A page of the newest poems and the cursor of the next page or None.

        Left out are poems with words of a human, and poems of visitors whose cookie never came back.
        """
        offset = offset_of(cursor)
        ids = select(PoemRow.id).join(VisitorRow, VisitorRow.id == PoemRow.visitor_id)
        ids = ids.where(PoemRow.voice == voice, VisitorRow.returned.is_not(None), ~HAS_HUMAN_WORDS)
        if version is not None:
            base = select(VoiceRow.base).where(VoiceRow.slug == voice).scalar_subquery()
            ids = ids.join(VersionRow, VersionRow.id == PoemRow.version_id)
            ids = ids.where(VersionRow.number == version, VersionRow.base == base, is_revealed())
        ids = ids.order_by(PoemRow.created.desc(), PoemRow.id.desc())
        found = list(self._session.scalars(ids.offset(offset).limit(limit + 1)))
        following = str(offset + limit) if len(found) > limit else None
        return self.several(found[:limit], visitor), following

    def several(self, ids: Sequence[str], visitor: str | None) -> list[Poem]:
        """The poems in the order of *ids*; unknown ids are left out."""
        heads = {row.id: row for row in self._rows(HEADS, {"poems": ids})}
        lines: dict[str, list[ShownLine]] = defaultdict(list)
        for row in self._rows(LINES, {"poems": ids, "visitor": visitor}):
            lines[row.poem_id].append(
                ShownLine(
                    id=row.id,
                    slot=row.slot,
                    text=row.text,
                    version=revealed(row.number, row.trial_id, row.created),
                    logprob=row.logprob,
                    ticked=row.ticked,
                    tickable=row.shown,
                    quoted=row.written_for != row.poem_id,
                    primed=row.primed,
                    sealed=row.sealed,
                )
            )
        return [_poem(heads[i], lines[i], visitor) for i in ids if i in heads]


def _drawn(line: WrittenLine | LineRow) -> dict[str, float | None]:
    """How a line was generated and chosen: columns of both the line and its impressions."""
    return {"logprob": line.logprob, "chance": line.chance, "liking": line.liking}


def _poem(head: Any, lines: Sequence[ShownLine], visitor: str | None) -> Poem:
    return Poem(
        id=head.id,
        voice=head.voice,
        version=revealed(head.number, head.trial_id, head.created),
        seed=head.seed,
        temperature=head.temperature,
        prime=head.prime,
        created=head.created,
        mine=head.visitor_id == visitor,
        fixed_seed=head.fixed_seed,
        lines=tuple(lines),
        drafted=head.draft_id is not None,
    )


class Days(Queries):
    """Queries for the poems of the days."""

    def one(self, voice: str, day: date, visitor: str | None) -> Day | None:
        """The poem of a day as *visitor* sees it; None if none was chosen yet."""
        row = self._session.get(DayRow, (voice, day.isoformat()))
        return self._days([row], visitor)[0] if row is not None else None

    def of_voice(self, voice: str, visitor: str | None, *, limit: int = 31) -> list[Day]:
        """The newest days, newest first."""
        rows = select(DayRow).where(DayRow.voice == voice).order_by(DayRow.day.desc()).limit(limit)
        return self._days(self._session.scalars(rows).all(), visitor)

    def among(self, voice: str, poems: Collection[str]) -> set[str]:
        """Those of *poems* that were the poem of some day."""
        had = select(DayRow.poem_id).where(DayRow.voice == voice, DayRow.poem_id.in_(poems))
        return set(self._session.scalars(had))

    def add(self, voice: str, day: date, poem: str, *, readers: int, now: datetime) -> None:
        """Store the poem of a day; a day that has a poem keeps it."""
        new = insert(self._session, DayRow).values(
            voice=voice, day=day.isoformat(), poem_id=poem, readers=readers, created=now
        )
        self._session.execute(new.on_conflict_do_nothing())

    def _days(self, rows: Sequence[DayRow], visitor: str | None) -> list[Day]:
        found = Poems(self._session).several([row.poem_id for row in rows], visitor)
        poems = {poem.id: poem for poem in found}
        return [Day(date.fromisoformat(row.day), poems[row.poem_id], row.readers) for row in rows]
