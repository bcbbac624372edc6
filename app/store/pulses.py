"""Pulses: the processes that say they are alive, and what a web process says of itself.

A row is written by one process and read by others, of another release at times: `WebReport` alone knows its JSON.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.store.session import insert
from app.store.tables import PulseRow

FORGOTTEN_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class VoiceStatus:
    """What one voice of one web process serves, and what would not load."""

    voice: str
    number: int | None
    """Of the version that serves; None: nothing does."""
    wanted: int
    error: str | None


@dataclass(frozen=True, slots=True)
class WebReport:
    """What a web process says of itself."""

    voices: tuple[VoiceStatus, ...] = ()
    broken_trials: tuple[int, ...] = ()
    """Trials whose challenger it could not load."""
    live: tuple[int, ...] = ()
    """Ids of the versions it has in memory, those that only finish their poems too."""
    secret: str = ""
    """Mark of the secret that it signs with."""

    def as_json(self) -> dict[str, Any]:
        """As the row keeps it."""
        return asdict(self)

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> "WebReport":
        """Read back; what another release did not say is empty."""
        voices = (VoiceStatus(v["voice"], v["number"], v["wanted"], v["error"]) for v in kept.get("voices", ()))
        return cls(
            voices=tuple(voices),
            broken_trials=tuple(kept.get("broken_trials", ())),
            live=tuple(kept.get("live", ())),
            secret=kept.get("secret", ""),
        )


@dataclass(frozen=True, slots=True)
class Pulse:
    """A sign of life."""

    name: str
    kind: str
    at: datetime
    web: WebReport = WebReport()
    """Empty for a process that is no web."""


class Pulses:
    """Queries for pulses."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def beat(self, name: str, kind: str, now: datetime, web: WebReport | None = None) -> None:
        """Process *name* is alive; long silent ones are forgotten, and what a wrong clock said."""
        detail = web.as_json() if web else {}
        new = insert(self._session, PulseRow).values(name=name, kind=kind, at=now, detail=detail)
        self._session.execute(
            new.on_conflict_do_update(index_elements=["name"], set_={"at": now, "detail": detail, "kind": kind})
        )
        long_ago, ahead = PulseRow.at < now - FORGOTTEN_AFTER, PulseRow.at > now + FORGOTTEN_AFTER
        self._session.execute(delete(PulseRow).where(long_ago | ahead))

    def alive(self, now: datetime, within: timedelta = timedelta(seconds=30)) -> list[Pulse]:
        """Who has given a sign of life lately; one from the future is of a clock that was wrong, and tells nothing."""
        lately = PulseRow.at.between(now - within, now + within)
        rows = self._session.scalars(select(PulseRow).where(lately).order_by(PulseRow.name))
        return [Pulse(r.name, r.kind, r.at, WebReport.of_json(r.detail)) for r in rows]
