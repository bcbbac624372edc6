"""The worker's look at trials: a challenger whose folder is gone, or would not load, ends its trial without harm."""

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.actions import trials as actions
from app.bootstrap import Bot, now
from app.domain.health import WebReport
from app.domain.trial import TrialEnd, TrialState
from app.domain.version import VersionStatus
from app.store.health import Pulses
from app.store.trials import Trials
from app.store.versions import Versions
from app.web import ops
from tests.support import bots
from tests.support.world import World
from worker import upkeep
from worker.upkeep import weigh_trials


@pytest.fixture
def challenger(bot: Bot, shipped: Path) -> Path:
    """Version 1, on trial; its folder."""
    key = "sibot/sibot-tiny/run-1-1"
    shutil.copytree(shipped / "sibot", Path(bot.settings.shelf) / key)
    version, _ = World(bot.sessions).version(folder=key, status=VersionStatus.UNDECIDED)
    with bot.transaction() as session:
        store = Trials(session)
        assert store.start("sibot", version, share=0.5, now=now()) is not None
    return Path(bot.settings.shelf) / key


def reason(bot: Bot) -> TrialEnd | None:
    """Why the last trial ended."""
    with bot.reads(Trials) as store:
        return store.of_voice("sibot")[0].reason


def test_a_trial_goes_on_while_nothing_is_decided(bot: Bot, challenger: Path) -> None:
    """However often one looks."""
    assert [weigh_trials(bot) for _ in range(3)] == [{"sibot": TrialState.RUNNING}] * 3


def test_a_look_may_be_at_another_time(bot: Bot, challenger: Path) -> None:
    """Fifteen days on, nothing has been decided."""
    assert weigh_trials(bot, at=now() + timedelta(days=15)) == {"sibot": TrialState.UNDECIDED}
    assert reason(bot) is TrialEnd.TIME


def test_the_settings_say_how_long_a_trial_may_last(bot: Bot, challenger: Path) -> None:
    """Two days are too long for one of a day."""
    brief = replace(bot, settings=bot.settings.model_copy(update={"trial_days": 1.0}))

    assert weigh_trials(bot, at=now() + timedelta(days=2)) == {"sibot": TrialState.RUNNING}
    assert weigh_trials(brief, at=now() + timedelta(days=2)) == {"sibot": TrialState.UNDECIDED}


@pytest.mark.parametrize(("swap", "serves"), [("auto", 1), ("ask", 0)])
def test_the_settings_say_whether_the_better_one_serves_at_once(
    bot: Bot, challenger: Path, monkeypatch: pytest.MonkeyPatch, swap: str, serves: int
) -> None:
    """Readers prefer it: it serves, or the admin is asked."""
    told = replace(bot, settings=bot.settings.model_copy(update={"swap": swap}))
    better = TrialState.BETTER, TrialEnd.EVIDENCE
    monkeypatch.setattr(actions, "verdict", lambda *_, **__: better)

    assert weigh_trials(told) == {"sibot": TrialState.BETTER}
    with bot.reads(Versions) as versions:
        assert versions.champion("sibot").number == serves


def test_a_folder_that_vanishes_ends_the_trial(bot: Bot, challenger: Path) -> None:
    """The champion serves on."""
    shutil.rmtree(challenger)

    assert weigh_trials(bot) == {"sibot": TrialState.STOPPED}
    assert weigh_trials(bot) == {}
    assert reason(bot) is TrialEnd.GONE
    with bot.reads(Versions) as versions:
        assert versions.champion("sibot").number == 0


def test_a_web_that_cannot_load_it_ends_the_trial(bot: Bot, challenger: Path) -> None:
    """It says so in its sign of life."""
    with bot.reads(Trials) as store:
        trial = store.under_way()[0].trial
    with bot.transaction() as session:
        pulses = Pulses(session)
        pulses.beat("web here 1", "web", now(), WebReport(broken_trials=(trial,)))

    assert weigh_trials(bot) == {"sibot": TrialState.STOPPED}
    assert reason(bot) is TrialEnd.GONE


def test_a_web_with_a_torn_challenger_tells_the_worker(bot: Bot, challenger: Path) -> None:
    """From a real engine that could not load it, through the row, to the end of the trial."""
    (challenger / "meta.json").write_text("{", encoding="utf-8")

    with bots.engine(bot) as engine:
        ops._write_heartbeat(bot, engine, "web here 1")

    assert weigh_trials(bot) == {"sibot": TrialState.STOPPED}
    assert reason(bot) is TrialEnd.GONE


def test_a_pulse_of_an_older_web_says_nothing(bot: Bot) -> None:
    """Webs and workers are not updated at the same moment."""
    with bot.transaction() as session:
        Pulses(session).beat("web here 1", "web", now())
    with bot.reads(Pulses) as pulses:
        assert upkeep.broken_trials(pulses.alive(now())) == set()
