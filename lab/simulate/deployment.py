"""A deployment of its own with one voice, which visitors come to one by one, each for a poem.

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

from app import actions, reads
from app.bootstrap import Bot, build, build_engine
from app.domain.errors import Unfit
from app.domain.poem import Wish, Writing
from app.domain.run import Cause, RunState
from app.domain.version import Serving, Version
from app.domain.visitor import Visitor as Reader
from app.engine.choose import Chooser, Way
from app.engine.engine import Engine
from app.settings import Settings
from app.store import migrations
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


class Deployment:
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
        reader = Reader(visitor.id, returned=True, address=visitor.address)
        poem = actions.poems.write(self.bot, self.engine, self.voice, Wish(), by=reader)
        texts = [line.text for line in poem.lines]
        ticks = visitor.read(texts)
        ticked = {line.id for line, tick in zip(poem.lines, ticks, strict=True) if tick}
        actions.ticks.tick_lines(self.bot, poem.id, ticked, by=reader)
        self._teach(visitor, reader)
        self._visits += 1
        if self._visits % SWEEP == 0:
            self.look_around()
        return Visit(tuple(texts), tuple(ticks), visitor.honest and visitor.attentive)

    def _teach(self, visitor: Visitor, reader: Reader) -> None:
        text = visitor.teach()
        if text is None:
            return
        try:
            actions.submissions.teach(self.bot, self.voice, by=reader, text=text, consent=True)
        except Unfit:  # he is told so, and goes
            return

    def look_around(self) -> None:
        """What the sweep does: learn the taste that is due, weigh the trial; and the engine takes up what is new."""
        actions.tastes.learn_due(self.bot)
        over = self.bot.clock() + self.bot.settings.trial_rules.visit
        upkeep.weigh_trials(self.bot, at=over)  # as if everybody's visit were over
        self.engine.refresh()

    def run(self) -> RunState | None:
        """Have the worker teach a version of all that was given; how that ended. None while a trial is under way."""
        if self.bot.challengers():
            return None
        report, _ = actions.runs.request(self.bot, self.voice, Cause.COUNT, by="simulation")
        self.runner.work()
        self.engine.refresh()
        return reads.runs.one(self.bot, report.run).state

    def champion(self) -> Version:
        """The version that serves."""
        return reads.versions.champion(self.bot, self.voice)

    def write(self, count: int) -> list[Writing]:
        """So many poems as a reader would get them now, which nobody is shown."""
        return list(self.engine.write_all(self.voice, [Wish()] * count))


@contextmanager
def deployed(home: Path, base: Path, settings: Settings, seed: int) -> Iterator[Deployment]:
    """A deployment in *home* around the base voice in that folder, with these *settings* but for where things lie."""
    place = {"home": home, "database_url": "", "broker_url": "", "shelf_url": "", "limits": "off", "auto_approve": True}
    place["run_minutes"] = 0  # nothing of a simulation hangs on the machine's speed
    bot = build(settings.model_copy(update=place), queue=Deaf(), shipped=base.parent)
    try:
        migrations.upgrade(bot.database)
        meta = checkpoint.read(base).meta
        actions.deployment.install(
            bot, meta.voice, title=meta.title, language=meta.language, base=meta.base, folder=f"base:{base.name}"
        )
        with Deployment(bot, meta.voice, random.Random(seed)) as here:
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
        way=Way(candidates, choose),
        dice=partial(random.Random(seed).getrandbits, 31),
    )
