"""Bootstrap: the one place that chooses. Settings in, a `Bot` out: database, queue and shelf, ready to use."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import Engine as Database
from sqlalchemy.orm import Session, sessionmaker

from app.domain.version import Challenger, Serving
from app.engine.engine import Engine
from app.engine.reader import Reader
from app.engine.taste_policy import TastePolicy
from app.settings import Settings
from app.store import session as units
from app.store.shelf import SHIPPED, Shelf
from app.store.tastes import Tastes
from app.store.trials import Trials
from app.store.voices import Voices
from app.task_queue import CeleryQueue

Store = TypeVar("Store")


def now() -> datetime:
    """This moment, in UTC, for those who have no bot."""
    return datetime.now(UTC)


class Queue(Protocol):
    """Announces that there may be work: the broker, or in a simulation nobody."""

    def announce(self, voice: str) -> None:
        """Say that *voice* may have a run. Never raises and never waits long: the sweep finds what was lost."""


@dataclass(frozen=True)
class Bot:
    """Everything a process needs; built once by `build`. What can be done with it: `app/actions`."""

    settings: Settings
    database: Database
    sessions: sessionmaker[Session]
    queue: Queue
    shelf: Shelf
    clock: Callable[[], datetime] = now
    """Tells this moment to all who have the bot; a test has one of its own."""

    def transaction(self, announce: Callable[[str], None] | None = None) -> AbstractContextManager[Session]:
        """One unit of work; *announce* is told of its runs after the commit (default: the queue)."""
        return units.transaction(self.sessions, announce or self.queue.announce)

    def reading(self) -> AbstractContextManager[Session]:
        """A look that keeps nothing."""
        return units.reading(self.sessions)

    @contextmanager
    def reads(self, store: Callable[[Session], Store]) -> Iterator[Store]:
        """A look with one store."""
        with self.reading() as session:
            yield store(session)

    def champions(self) -> list[Serving]:
        """What each voice ought to serve."""
        with self.reads(Voices) as voices:
            return voices.champions()

    def spare(self, voice: str) -> Serving | None:
        """What a voice serves when its champion's folder is gone or broken: its base."""
        with self.reads(Voices) as voices:
            return voices.base(voice)

    def challengers(self) -> list[Challenger]:
        """What else writes a share of a voice's poems."""
        with self.reads(Trials) as trials:
            return trials.under_way()

    def tastes(self) -> Mapping[str, int]:
        """The taste that chooses among candidates, by voice."""
        with self.reads(Tastes) as tastes:
            return tastes.serving() if self.settings.taste_after else {}

    def taste(self, number: int) -> Mapping[str, Any]:
        """What is kept of a taste."""
        with self.reads(Tastes) as tastes:
            return tastes.content(number)

    def close(self) -> None:
        """Let go of the database's connections."""
        self.database.dispose()


def build(settings: Settings | None = None, *, queue: Queue | None = None, shipped: Path = SHIPPED) -> Bot:
    """The bot of these settings (default: of the environment). Opens nothing yet."""
    settings = settings or Settings()
    settings.home.mkdir(parents=True, exist_ok=True)
    database = units.open_database(settings.database)
    sessions = sessionmaker(database, expire_on_commit=False)
    shelf = Shelf(settings.shelf, home=settings.home.absolute(), shipped=shipped)
    return Bot(settings, database, sessions, queue or CeleryQueue(settings), shelf)


def build_engine(bot: Bot, *, only: Serving | None = None, dice: Callable[[], int] | None = None) -> Engine:
    """The engine over this bot's champions; `start` it before use. *only*: with this one version and no other;
    *dice*: seeds for poems, else chance.
    """
    return Engine(
        champions=bot.champions if only is None else lambda: [only],
        fetch=bot.shelf.fetch,
        settings=bot.settings,
        spare=bot.spare if only is None else lambda _voice: None,
        challengers=bot.challengers if only is None else tuple,
        dice=dice,
        candidates=bot.settings.candidates,
        taste_policy=TastePolicy(
            newest=bot.tastes,
            fetch=bot.taste,
            candidates=bot.settings.candidates,
            share=bot.settings.taste_share,
            temperature=bot.settings.taste_temperature,
        ),
    )


def build_reader(bot: Bot) -> Reader:
    """A reader with this bot's champions."""
    return Reader(champions=bot.champions, fetch=bot.shelf.fetch, settings=bot.settings)
