"""Tidying: folders leave the shelf after the table knows, and never under a poem."""

import os
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app import actions
from app.bootstrap import Bot, now
from app.domain.health import WebReport
from app.domain.poem import Wish
from app.domain.run import Cause, RunState
from app.engine.engine import Engine
from app.engine.poem import Done, Start
from app.settings import Settings
from app.store.health import Pulses
from app.store.runs import Runs
from app.store.shelf import Shelf
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
        Versions(session).promote("sibot", 0, by="shell", reason="", now=now())
    engine.refresh()
    ops._write_heartbeat(bot, engine, "web here 1")
    with bot.reading() as session:
        told = upkeep.loaded_versions(Pulses(session).alive(now()))
        served = {version.number: version.id for version in Versions(session).of_voice("sibot")}

    assert told == {served[0], served[1]}
    done = [list(poem)[-1] for poem in begun]
    assert {event.writing.version for event in done if isinstance(event, Done)} == {served[1]}
    assert bot.shelf.exists(first)


def test_what_a_web_has_in_memory_stays_on_the_shelf(bot: Bot, shipped: Path) -> None:
    """As long as its sign of life is not ten minutes old: it may only have been silent for a while."""
    keys = [publish(bot, shipped, run) for run in (1, 2)]
    with bot.transaction() as session:
        first = Versions(session).one("sibot", 1).id
        Pulses(session).beat("web here 1", "web", now() - timedelta(minutes=5), WebReport(live=(first,)))

    assert upkeep.prune(bot) == 0
    assert upkeep.prune(replace(bot, clock=lambda: now() + timedelta(minutes=6))) == 1
    assert [bot.shelf.exists(key) for key in keys] == [False, True]


def grow_old(*folders: Path) -> None:
    """They were last written two days ago."""
    long_ago = time.time() - 2 * 86400
    for folder in folders:
        os.utime(folder, (long_ago, long_ago))


def test_nothing_is_cleared_while_a_run_is_under_way(bot: Bot) -> None:
    """What it makes just now may look old by a clock that has jumped; the next hour will do."""
    bot.shelf.place(bot.shelf.scratch(), "sibot/sibot-tiny/run-9-1")
    grow_old(bot.shelf.fetch("sibot/sibot-tiny/run-9-1"))
    with bot.transaction() as session:
        Runs(session).start("sibot", Cause.ADMIN, now())
        claim = Runs(session).claim(now(), timedelta(minutes=1))
    assert claim is not None
    assert upkeep.clear(bot) == 0

    with bot.transaction() as session:
        Runs(session).end(claim, RunState.FAILED, now=now())
    assert upkeep.clear(bot) == 1
    assert not bot.shelf.exists("sibot/sibot-tiny/run-9-1")


def test_a_training_that_was_cut_off_is_cleared_after_a_day(bot: Bot) -> None:
    """By then nobody goes on with it."""
    cut_off, fresh = (upkeep.trainings(bot.settings.home) / name for name in ("run-1", "run-2"))
    for folder in (cut_off, fresh):
        folder.mkdir(parents=True)
        (folder / "schedule.json").touch()
    grow_old(cut_off)

    assert upkeep.clear(bot) == 1
    assert [cut_off.exists(), fresh.exists()] == [False, True]


def test_copies_of_what_another_machine_pruned_are_cleared(bot: Bot, shipped: Path, tmp_path: Path) -> None:
    """Where the shelf is an object store, a worker holds what it has read of it."""
    bot = replace(bot, shelf=Shelf(f"memory://{tmp_path.name}", home=tmp_path / "here", shipped=shipped))
    keys = [publish(bot, shipped, run) for run in (1, 2)]
    for key in keys:
        bot.shelf.fetch(key)
    assert actions.versions.prune(bot, live=()) == keys[:1]

    upkeep.clear(bot)

    assert bot.shelf.cached() == keys[1:]


def test_what_killed_workers_left_is_cleared_after_a_day(bot: Bot, shipped: Path) -> None:
    """A stray folder and a half-made one go when they are a day old; a version's own folder stays."""
    key = publish(bot, shipped, 1)
    stray = bot.shelf.scratch()
    bot.shelf.place(stray, "sibot/sibot-tiny/run-9-1")
    half = bot.shelf.scratch()

    assert upkeep.clear(bot) == 0
    grow_old(bot.shelf.fetch(key), bot.shelf.fetch("sibot/sibot-tiny/run-9-1"), half)
    assert upkeep.clear(bot) == 2
    assert [bot.shelf.exists(k) for k in (key, "sibot/sibot-tiny/run-9-1")] == [True, False]
    assert not half.exists()
