"""The town: a deployment of its own with one voice, which visitors come to one by one, each for a poem.

Everything in it is the site's: database, engine, lesson, trainer, gate and trial. Only HTTP is left out, and the dice
are loaded, so that a simulation can be repeated.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from app.actions import poems, runs, submissions
from app.bootstrap import Bot, announcer, build, build_engine, install_voice, now
from app.domain.errors import AlreadyTaught, Unfit
from app.domain.poem import Wish, Writing
from app.domain.run import Cause, RunState
from app.domain.version import VersionReport
from app.engine.choose import Chooser
from app.engine.engine import Engine
from app.settings import Settings
from app.store import migrate
from app.store.poems import Poems
from app.store.runs import Runs
from app.store.submissions import Submissions
from app.store.ticks import Ticks
from app.store.versions import Versions
from app.store.visitors import Visitors
from app.store.voices import Serving, Voices
from lab.simulate.people import Visitor
from models import checkpoint
from worker import upkeep
from worker.runner import Runner

SWEEP = 20
"""Visits between two looks of the worker at what is due."""


class Deaf:
    """A queue that nobody reads: the simulation calls the worker itself."""

    def announce(self, voice: str) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What one visitor read, and which lines he ticked."""

    lines: tuple[str, ...]
    ticks: tuple[bool, ...]
    counts: bool
    """Is he honest and attentive?"""


class Town:
    """One voice and its readers."""

    def __init__(self, bot: Bot, voice: str, rng: random.Random) -> None:
        self.bot, self.voice, self.rng = bot, voice, rng
        self.engine = build_engine(bot, dice=partial(rng.getrandbits, 31))
        self.runner = Runner(bot)
        self._visits = 0

    def __enter__(self) -> Self:
        self.engine.refresh()
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.close()

    def visit(self, visitor: Visitor) -> Visit:
        """He comes, gets a poem, ticks what he likes, and may teach one; now and then the worker looks around."""
        with self.bot.writes(Visitors) as visitors:
            visitors.greet(visitor.id, cookie_came_back=True, address=visitor.address, now=now())
        reading, storing = partial(self.bot.reads, Poems), partial(self.bot.writes, Poems)
        poem = poems.write(
            Wish(), self.voice, visitor.id, reading=reading, storing=storing, writer=self.engine, now=now()
        )
        texts = [line.text for line in poem.lines]
        ticks = visitor.read(texts)
        ticked = {line.id for line, tick in zip(poem.lines, ticks, strict=True) if tick}
        with self.bot.writes(Ticks) as store:
            store.replace(poem.id, visitor.id, ticked, address=visitor.address, now=now())
        self._teach(visitor)
        self._visits += 1
        if self._visits % SWEEP == 0:
            self.look_around()
        return Visit(tuple(texts), tuple(ticks), visitor.honest and visitor.attentive)

    def _teach(self, visitor: Visitor) -> None:
        text = visitor.teach()
        if text is None:
            return
        try:
            offer = submissions.examine(text, None, None, consent=True)
            with self.bot.writes(Submissions) as store:
                submissions.teach(
                    offer,
                    self.voice,
                    visitor.id,
                    address=visitor.address,
                    auto_approve=True,
                    submissions=store,
                    now=now(),
                )
        except (Unfit, AlreadyTaught):  # he is told so, and goes
            return

    def look_around(self) -> None:
        """What the sweep does: learn the taste that is due, weigh the trial; and the engine takes up what is new."""
        upkeep.learn_tastes(self.bot)
        upkeep.weigh_trials(self.bot, at=now() + self.bot.settings.trial_rules.visit)  # everybody's visit is over
        self.engine.refresh()

    def run(self) -> RunState | None:
        """Have the worker teach a version of all that was given; how that ended. None while a trial is under way."""
        if self.bot.challengers():
            return None
        with self.bot.transaction() as session:
            report, _ = runs.request(
                self.voice,
                Cause.COUNT,
                runs=Runs(session),
                voices=Voices(session),
                announce=announcer(session),
                now=now(),
            )
        self.runner.work()
        self.engine.refresh()
        with self.bot.reads(Runs) as store:
            return store.one(report.run).state

    def champion(self) -> VersionReport:
        """The version that serves."""
        with self.bot.reads(Versions) as versions:
            return versions.champion(self.voice)

    def write(self, count: int) -> list[Writing]:
        """So many poems as a reader would get them now, which nobody is shown."""
        return list(self.engine.write_all(self.voice, [Wish()] * count))


@contextmanager
def town(home: Path, base: Path, settings: Settings, seed: int) -> Iterator[Town]:
    """A town in *home* around the base voice in that folder, with these *settings* but for where things lie."""
    place = {"home": home, "database_url": "", "broker_url": "", "shelf_url": "", "limits": "off"}
    bot = build(settings.model_copy(update=place), queue=Deaf(), shipped=base.parent)
    try:
        migrate.upgrade(bot.database)
        meta = checkpoint.read(base).meta
        install_voice(
            bot, meta.voice, title=meta.title, language=meta.language, base=meta.base, folder=f"base:{base.name}"
        )
        with Town(bot, meta.voice, random.Random(seed)) as here:
            yield here
    finally:
        bot.close()


def alone(base: Path, settings: Settings, choose: Chooser, *, candidates: int, seed: int) -> Engine:
    """An engine with the base alone, which chooses by *choose*: for the oracle."""
    meta = checkpoint.read(base).meta
    return Engine(
        champions=lambda: [Serving(meta.voice, 0, 0, "base", meta.base)],
        fetch=lambda _key: base,
        settings=settings,
        candidates=candidates,
        choose=choose,
        dice=partial(random.Random(seed).getrandbits, 31),
    )
