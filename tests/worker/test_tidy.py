"""Tidying: folders leave the shelf after the table knows, and never under a poem."""

import os
import time
from pathlib import Path

import pytest

from app import bootstrap
from app.bootstrap import Bot
from app.domain.poem import Wish
from app.engine.engine import Engine
from app.engine.poem import Done, Start
from app.settings import Settings
from app.store.health import Pulses
from app.store.versions import Versions
from app.web import ops
from tests.engine.voices import streamed
from tests.support import versions
from tests.support.databases import Scale
from worker import upkeep


@pytest.fixture
def scale() -> Scale:
    """The queries are tested on both scales elsewhere."""
    return "embedded"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A deployment that keeps one taught version."""
    return settings.model_copy(update={"keep_versions": 1})


def publish(bot: Bot, shipped: Path, run: int, *, serves: bool = False) -> str:
    """A further version, which is the tiny voice again; its key."""
    key = versions.shelve(bot, shipped, run)
    versions.add(bot, key, serves=serves)
    return key


def test_old_folders_leave_the_shelf(bot: Bot, shipped: Path) -> None:
    """Only the newest version, and the champion's, keep their folders; a second sweep finds nothing to do."""
    keys = [publish(bot, shipped, run) for run in (1, 2, 3)]

    assert upkeep.prune(bot) == 2
    assert [bot.shelf.exists(key) for key in keys] == [False, False, True]
    assert upkeep.prune(bot) == 0


def test_a_poem_under_way_holds_its_version(bot: Bot, shipped: Path, engine: Engine) -> None:
    """A web says which versions it has in memory, those that only finish their poems too."""
    first = publish(bot, shipped, 1, serves=True)
    engine.refresh()
    begun = [streamed(engine, "sibot", Wish(lines=16)) for _ in range(60)]
    assert all(isinstance(next(poem), Start) for poem in begun)
    with bot.transaction() as session:
        Versions(session).promote("sibot", 0, by="shell", reason="", now=bootstrap.now())
    engine.refresh()
    ops._write_heartbeat(bot, engine, "web here 1")
    with bot.reading() as session:
        told = upkeep.loaded_versions(Pulses(session).alive(bootstrap.now()))
        served = {version.number: version.id for version in Versions(session).of_voice("sibot")}

    assert told == {served[0], served[1]}
    done = [list(poem)[-1] for poem in begun]
    assert {event.writing.version for event in done if isinstance(event, Done)} == {served[1]}
    assert bot.shelf.exists(first)


def test_what_killed_workers_left_is_cleared_after_a_day(bot: Bot, shipped: Path) -> None:
    """A stray folder and a half-made one go when they are a day old; a version's own folder stays."""
    key = publish(bot, shipped, 1)
    stray = bot.shelf.scratch()
    bot.shelf.place(stray, "sibot/sibot-tiny/run-9-1")
    half = bot.shelf.scratch()

    assert upkeep.clear(bot) == 0
    long_ago = time.time() - 2 * 86400
    for folder in (bot.shelf.fetch(key), bot.shelf.fetch("sibot/sibot-tiny/run-9-1"), half):
        os.utime(folder, (long_ago, long_ago))
    assert upkeep.clear(bot) == 2
    assert [bot.shelf.exists(k) for k in (key, "sibot/sibot-tiny/run-9-1")] == [True, False]
    assert not half.exists()
