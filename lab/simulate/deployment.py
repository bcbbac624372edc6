"""A simulated deployment with one voice; visitors come one by one, each for a poem.

Database, engine, lesson, trainer and gate are the site's own. There is no HTTP and no trial: what the gate admits
serves at once. Random numbers are seeded, so that a simulation can be repeated.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from app import actions, reads
from app.actions.poems import Writer
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
from worker.runner import Runner

SWEEP = 20
"""Visits between two sweeps of the worker."""


class NoQueue:
    """A queue that drops its messages: the simulation calls the worker itself."""

    def announce(self, voice: str) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What one visitor read, and which lines he ticked."""

    lines: tuple[str, ...]
    ticks: tuple[bool, ...]
    counts: bool
    """Is the visitor honest and attentive?"""


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
        """Write the visitor a poem, store his ticks and his submission; run the worker's sweep when it is due."""
        visit = self.read(visitor, self.engine)
        if (text := visitor.teach()) is not None:
            with suppress(Unfit):  # refused, as on the site
                actions.submissions.teach(self.bot, self.voice, by=_reader(visitor), text=text, consent=True)
        self._visits += 1
        if self._visits % SWEEP == 0:
            self.sweep()
        return visit

    def read(self, visitor: Visitor, writer: Writer) -> Visit:
        """Have *writer* write the visitor a poem, and store his ticks."""
        poem = actions.poems.write(self.bot, writer, self.voice, Wish(), by=_reader(visitor))
        texts = [line.text for line in poem.lines]
        ticks = visitor.read(texts)
        ticked = {line.id for line, tick in zip(poem.lines, ticks, strict=True) if tick}
        actions.ticks.tick_lines(self.bot, poem.id, ticked, by=_reader(visitor))
        return Visit(tuple(texts), tuple(ticks), visitor.honest and visitor.attentive)

    def sweep(self) -> None:
        """Run the part of the worker's sweep that learns a taste when it is due; then refresh the engine."""
        actions.tastes.learn_due(self.bot)
        self.engine.refresh()

    def run(self) -> RunState:
        """Have the worker carry out a run; its final state."""
        report, _ = actions.runs.request(self.bot, self.voice, Cause.COUNT, by="simulation")
        self.runner.work()
        self.engine.refresh()
        return reads.runs.one(self.bot, report.run).state

    def champion(self) -> Version:
        """The version that serves."""
        return reads.versions.champion(self.bot, self.voice)

    def write(self, count: int) -> list[Writing]:
        """Write so many poems as a reader would get them now, without storing them."""
        return list(self.engine.write_all(self.voice, [Wish()] * count))


def _reader(visitor: Visitor) -> Reader:
    """The visitor as the site knows him, with a cookie that has come back."""
    return Reader(visitor.id, returned=True, address=visitor.address)


@contextmanager
def deployed(home: Path, base: Path, settings: Settings, seed: int, *, run_minutes: float = 0) -> Iterator[Deployment]:
    """A deployment in *home* with the base voice in that folder and these *settings*, except for paths.

    *run_minutes*: 0 fits no run to the machine's speed, on which results must not depend.
    """
    place = {"home": home, "database_url": "", "broker_url": "", "shelf_url": ""}
    own = {"limits": "off", "auto_approve": True, "trial_share": 0.0, "run_minutes": run_minutes}
    bot = build(settings.model_copy(update=place | own), queue=NoQueue(), shipped=base.parent)
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
    """An engine that serves only the base and picks among candidates by *choose*; for the oracle."""
    meta = checkpoint.read(base).meta
    return Engine(
        champions=lambda: [Serving(meta.voice, 0, 0, "base", meta.base)],
        fetch=lambda _key: base,
        settings=settings,
        candidates=candidates,
        way=Way(candidates, choose),
        dice=partial(random.Random(seed).getrandbits, 31),
    )
