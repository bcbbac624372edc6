"""Pulses: the processes that say they are alive."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.store.session import insert
from app.store.tables import PulseRow

FORGOTTEN_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Pulse:
    """A sign of life."""

    name: str
    kind: str
    at: datetime
    detail: Mapping[str, object]


class Pulses:
    """Queries for pulses."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def beat(self, name: str, kind: str, detail: Mapping[str, object], now: datetime) -> None:
        """Process *name* is alive; long silent ones are forgotten, and what a wrong clock said."""
        new = insert(self._session, PulseRow).values(name=name, kind=kind, at=now, detail=dict(detail))
        self._session.execute(
            new.on_conflict_do_update(index_elements=["name"], set_={"at": now, "detail": dict(detail), "kind": kind})
        )
        long_ago, ahead = PulseRow.at < now - FORGOTTEN_AFTER, PulseRow.at > now + FORGOTTEN_AFTER
        self._session.execute(delete(PulseRow).where(long_ago | ahead))

    def alive(self, now: datetime, within: timedelta = timedelta(seconds=30)) -> list[Pulse]:
        """Who has given a sign of life lately; one from the future is of a clock that was wrong, and tells nothing."""
        lately = PulseRow.at.between(now - within, now + within)
        rows = self._session.scalars(select(PulseRow).where(lately).order_by(PulseRow.name))
        return [Pulse(r.name, r.kind, r.at, r.detail) for r in rows]
