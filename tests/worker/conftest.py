"""A bot with something to learn, and settings under which a run takes seconds."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app import actions
from app.bootstrap import Bot, now
from app.domain.run import Cause, RunReport
from app.settings import Settings
from app.store.runs import Runs
from app.store.ticks import Ticks
from app.store.versions import Versions
from tests.support.deployment import Deployment, checkout
from tests.support.world import World

QUICK = {"lesson_steps": 6, "samples": 100, "run_minutes": 0}
EMBEDDED = pytest.mark.parametrize("scale", ["embedded"], indirect=True)
"""Claims that don't depend on the servers."""


@pytest.fixture
def bot(bot: Bot) -> Bot:
    """The bot of the other tests, in a hurry."""
    return replace(bot, settings=bot.settings.model_copy(update=QUICK))


@pytest.fixture
def deployment(settings: Settings, shipped: Path, tmp_path: Path) -> Iterator[Deployment]:
    """Processes of their own over the tiny `sibot`, with a lesson that takes seconds."""
    quick = settings.model_copy(update={"lesson_steps": 100_000, "samples": 50, "run_minutes": 0})
    logs = tmp_path / "logs"
    logs.mkdir()
    deployed = Deployment(checkout(tmp_path / "checkout", shipped), quick, logs)
    actions.deployment.install_shipped(deployed.bot, shipped)
    with deployed.bot.reads(Versions) as versions:
        base = versions.champion("sibot").id
    give_much(deployed.bot, base)
    yield deployed
    deployed.close()


@pytest.fixture
def feedback(bot: Bot) -> list[int]:
    """Two readers tick lines of the base; the ids of the ticked lines."""
    with bot.reads(Versions) as versions:
        base = versions.champion("sibot").id
    return give(bot, base, "first") + give(bot, base, "second")


def give(bot: Bot, version: int, visitor: str) -> list[int]:
    """A reader whose cookie came back reads a poem of *version* and ticks its first three lines."""
    world = World(bot.sessions)
    world.visitor(visitor)
    lines = world.lines(world.poem(visitor, version))[:3]
    with bot.transaction() as session:
        for line in lines:
            Ticks(session).set(line, visitor, on=True, address="", now=now())
    return lines


def give_much(bot: Bot, version: int, poems: int = 40) -> None:
    """A reader ticks all of many long poems: a lesson that takes a tiny network a few seconds."""
    world = World(bot.sessions)
    world.visitor("devoted")
    for i in range(poems):
        lines = world.lines(world.poem("devoted", version, texts=[f"{i}번째 시의 {j}번째 줄" for j in range(16)]))
        with bot.transaction() as session:
            for line in lines:
                Ticks(session).set(line, "devoted", on=True, address="", now=now())


def ask(bot: Bot) -> int:
    """Have a run of `sibot` wait; its number."""
    with bot.transaction() as session:
        return Runs(session).start("sibot", Cause.ADMIN, now())[0]


def report(bot: Bot, run: int) -> RunReport:
    """How a run stands."""
    with bot.reads(Runs) as runs:
        return runs.one(run)


def folders(bot: Bot) -> list[Path]:
    """Every version folder of `sibot` on the shelf."""
    return sorted(Path(bot.settings.shelf).glob("sibot/*/run-*"))
