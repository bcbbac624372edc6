"""Bootstrap, the composition root: builds a `Bot` (database, queue and shelf) and its engine from the settings."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sqlalchemy import Engine as Database
from sqlalchemy.orm import Session, sessionmaker

from app.domain.draft import Draft
from app.domain.version import Challenger, Serving
from app.settings import Settings
from app.store import session as units
from app.store.drafts import Drafts
from app.store.shelf import SHIPPED, Shelf
from app.store.tastes import Tastes
from app.store.trials import Trials
from app.store.voices import Voices
from app.task_queue import CeleryQueue

if TYPE_CHECKING:  # a command that writes no poem starts sooner without the engine
    from app.engine.engine import Engine
    from app.engine.surprise import SurpriseMeter

Store = TypeVar("Store")


def now() -> datetime:
    """The current time in UTC, for callers without a bot."""
    return datetime.now(UTC)


class Queue(Protocol):
    """Tells the workers that there may be work: by the broker, or in a simulation not at all."""

    def announce(self, voice: str) -> None:
        """Announce that *voice* may have a run. Never raises and never blocks; the sweep finds what was lost."""


@dataclass(frozen=True)
class Bot:
    """The dependencies of a process, built once by `build`: first argument of all `app/actions` and `app/reads`."""

    settings: Settings
    database: Database
    sessions: sessionmaker[Session]
    queue: Queue
    shelf: Shelf
    clock: Callable[[], datetime] = now
    """The current time; tests and simulations set their own clock."""

    def transaction(self) -> AbstractContextManager[Session]:
        """One unit of work; its runs are announced after the commit."""
        return units.transaction(self.sessions, self.queue.announce)

    def reading(self) -> AbstractContextManager[Session]:
        """A read-only transaction."""
        return units.reading(self.sessions)

    @contextmanager
    def reads(self, store: Callable[[Session], Store]) -> Iterator[Store]:
        """A read-only transaction with one query class, such as `Voices`."""
        with self.reading() as session:
            yield store(session)

    def champions(self) -> list[Serving]:
        """The champion of each voice."""
        with self.reads(Voices) as voices:
            return voices.champions()

    def spare(self, voice: str) -> Serving | None:
        """The base of a voice, which serves when the champion's folder is missing or broken."""
        with self.reads(Voices) as voices:
            return voices.base(voice)

    def challengers(self) -> list[Challenger]:
        """The challengers of all running trials."""
        with self.reads(Trials) as trials:
            return trials.under_way()

    def tastes(self) -> Mapping[str, int]:
        """By voice: the id of the taste that chooses among candidates."""
        with self.reads(Tastes) as tastes:
            return tastes.serving() if self.settings.taste_after else {}

    def taste(self, number: int) -> Mapping[str, Any]:
        """The content of a taste."""
        with self.reads(Tastes) as tastes:
            return tastes.content(number)

    def drawers(self) -> Mapping[int, int]:
        """By row id of a version: how often its drawer has changed."""
        with self.reads(Drafts) as drafts:
            return drafts.changes() if self.settings.drafts else {}

    def drafts(self, version: int) -> list[Draft]:
        """The drafts of a version."""
        with self.reads(Drafts) as drafts:
            return drafts.of_version(version)

    def close(self) -> None:
        """Close the database connections."""
        self.database.dispose()


def build(settings: Settings, *, queue: Queue | None = None, shipped: Path = SHIPPED) -> Bot:
    """The bot of these settings. Nothing is connected until it is used."""
    settings.home.mkdir(parents=True, exist_ok=True)
    database = units.open_database(settings.database)
    sessions = sessionmaker(database, expire_on_commit=False)
    shelf = Shelf(settings.shelf, home=settings.home.absolute(), shipped=shipped)
    return Bot(settings, database, sessions, queue or CeleryQueue(settings), shelf)


def build_engine(bot: Bot, *, only: Serving | None = None, dice: Callable[[], int] | None = None) -> "Engine":
    """An engine that serves the bot's champions; call `start` before use.

    *only*: serve this version alone; *dice*: source of seeds (default: random).
    """
    from app.engine.engine import Engine
    from app.engine.taste_policy import TastePolicy

    return Engine(
        champions=bot.champions if only is None else lambda: [only],
        fetch=bot.shelf.fetch,
        settings=bot.settings,
        spare=bot.spare if only is None else lambda _voice: None,
        challengers=bot.challengers if only is None else tuple,
        dice=dice,
        drawers=bot.drawers if only is None else dict,
        drafts=bot.drafts,
        candidates=bot.settings.candidates,
        taste_policy=TastePolicy(
            newest=bot.tastes,
            fetch=bot.taste,
            candidates=bot.settings.candidates,
            share=bot.settings.taste_share,
            temperature=bot.settings.taste_temperature,
        ),
    )


def build_surprise_meter(bot: Bot) -> "SurpriseMeter":
    """A `SurpriseMeter`, which scores given texts with the champions."""
    from app.engine.surprise import SurpriseMeter

    return SurpriseMeter(champions=bot.champions, fetch=bot.shelf.fetch, settings=bot.settings)
