"""A small world in a database: a voice, visitors, poems; the rows are made by the store itself."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from sqlalchemy.orm import Session, sessionmaker

from app.bootstrap import Bot
from app.domain.gate import Verdict
from app.domain.lesson import LessonItem
from app.domain.poem import Writing, WrittenLine
from app.domain.version import VersionStatus
from app.settings import Settings
from app.store import session as units
from app.store.poems import Poems
from app.store.shelf import Shelf
from app.store.versions import Versions
from app.store.visitors import Visitors
from app.store.voices import Voices

LINES = ("봄비가 온다", "창을 닫는다", "밤새 눈이 내린다", "아무도 없다", "별만 있다")
NO_LESSON = {"hash": "", "ticks": 0, "submissions": 0, "visitors": 0}


@dataclass
class Clock:
    """A clock that only `forward` moves."""

    now: datetime = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)

    def forward(self, **by: float) -> datetime:
        """Move the clock: `forward(seconds=3)`."""
        self.now += timedelta(**by)
        return self.now


@dataclass
class World:
    """What the tests of the store can do in a database."""

    sessions: sessionmaker[Session]
    clock: Clock = field(default_factory=Clock)
    announced: list[str] = field(default_factory=list)

    def announce(self, voice: str) -> None:
        """A queue without a reader; it records what was announced."""
        self.announced.append(voice)

    def bot(self, **settings: Any) -> Bot:
        """A bot over this database, with the world's clock and queue and a shelf without a folder."""
        chosen: dict[str, Any] = {"retrain_every": 0, "retrain_after": 0, "trial_share": 0} | settings
        return Bot(
            settings=Settings(_env_file=None, **chosen),
            database=self.sessions.kw["bind"],
            sessions=self.sessions,
            queue=self,
            shelf=Shelf("nowhere", home=Path("nowhere"), shipped=Path("nowhere")),
            clock=lambda: self.clock.now,
        )

    def transaction(self) -> AbstractContextManager[Session]:
        """One transaction; announcements are recorded."""
        return units.transaction(self.sessions, self.announced.append)

    def reading(self) -> AbstractContextManager[Session]:
        """A session for reading."""
        return units.reading(self.sessions)

    def voice(self, slug: str = "sibot", base: str = "tiny-1") -> int:
        """A voice that serves its version 0; returns that version's id."""
        with self.transaction() as session:
            Voices(session).add(slug, title="시봇", language="ko", base=base, now=self.clock.now)
        version, number = self.version(slug, folder=f"base:{slug}-{base}", status=VersionStatus.BASE)
        with self.transaction() as session:
            Versions(session).promote(slug, number, by="release", reason=base, now=self.clock.now)
        return version

    def version(
        self,
        voice: str = "sibot",
        *,
        folder: str,
        status: VersionStatus = VersionStatus.ADMITTED,
        verdict: Verdict | None = None,
        items: Sequence[tuple[Literal["line", "poem"], int, float]] = (),
    ) -> tuple[int, int]:
        """A version's id and number."""
        with self.transaction() as session:
            return Versions(session).add(
                voice,
                folder=folder,
                status=status,
                lesson=NO_LESSON,
                metrics={},
                verdict=verdict,
                run=None,
                now=self.clock.now,
                items=[LessonItem(kind, source, weight) for kind, source, weight in items],
            )

    def visitor(self, name: str, *, returned: bool = True, address: str = "") -> str:
        """A visitor whose cookie has come back, or has not yet."""
        with self.transaction() as session:
            Visitors(session).greet(name, cookie_came_back=returned, address=address, now=self.clock.now)
        return name

    def poem(
        self,
        visitor: str,
        version: int,
        *,
        voice: str = "sibot",
        texts: Sequence[str] = LINES,
        quoted: dict[int, int] | None = None,
        prime: str = "",
        fixed_seed: bool = False,
    ) -> str:
        """A poem as the engine would have written it; *quoted*: slot -> the line it quotes."""
        quoted = quoted or {}
        lines = tuple(
            WrittenLine(
                slot=slot,
                text=text,
                logprob=0.0 if slot in quoted else -10.0 - slot,
                chance=1.0,
                primed=bool(prime) and slot == 0,
                quoted=quoted.get(slot),
            )
            for slot, text in enumerate(texts)
        )
        writing = Writing(voice=voice, version=version, seed=7, temperature=0.8, lines=lines)
        with self.transaction() as session:
            return Poems(session).add(
                writing,
                visitor,
                prime=prime,
                fixed_seed=fixed_seed,
                counted=Visitors(session).has_returned(visitor),
                now=self.clock.now,
            )

    def lines(self, poem: str) -> list[int]:
        """Ids of a poem's lines, in order."""
        with self.reading() as session:
            return [line.id for line in Poems(session).one(poem, None).lines]
