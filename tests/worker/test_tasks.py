"""The tasks: what a sweep and an hourly tidying really do, and by whose settings."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app import actions
from app.bootstrap import Bot, now
from app.domain.run import Cause, RunReport
from app.domain.version import VersionStatus
from app.store.runs import Runs
from app.store.trials import Trials
from app.task_queue import LOOK, SWEEP, TIDY, celery_config
from tests.support.world import World
from worker import upkeep
from worker.runner import Runner
from worker.tasks import celery_of

SWEPT = ["start_due", "weigh_trials", "learn_due", "prune"]
TIDIED = ["clear", "forget"]


def with_settings(bot: Bot, **values: object) -> Bot:
    """The same bot under other settings."""
    return replace(bot, settings=bot.settings.model_copy(update=values))


def runs(bot: Bot) -> list[RunReport]:
    """Every run of `sibot`."""
    with bot.reads(Runs) as store:
        return store.of_voice("sibot")


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What of the upkeep was done, in its order."""
    done: list[str] = []
    rooms = {"start_due": actions.runs, "learn_due": actions.tastes}
    for name in (*SWEPT, *TIDIED):
        monkeypatch.setattr(rooms.get(name, upkeep), name, lambda _bot, name=name: done.append(name))
    return done


def test_the_tasks_do_what_they_are_for(bot: Bot, noted: list[str]) -> None:
    """A sweep starts runs, weighs trials, learns tastes and prunes; the hourly task clears and forgets."""
    celery = celery_of(bot, Runner(bot))

    celery.tasks[SWEEP]()
    assert noted == SWEPT

    noted.clear()
    celery.tasks[TIDY]()
    assert noted == TIDIED


def test_a_sweep_does_not_run_beside_itself(bot: Bot, noted: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """One that takes longer than the time between two is not begun again; the next one is."""
    celery = celery_of(bot, Runner(bot))
    monkeypatch.setattr(upkeep, "prune", lambda _bot: celery.tasks[SWEEP]())

    celery.tasks[SWEEP]()
    assert noted == SWEPT[:-1]

    celery.tasks[SWEEP]()
    assert noted.count("start_due") == 2


def test_beat_asks_for_tasks_that_there_are(bot: Bot) -> None:
    """Both, each by the name under which the worker knows it."""
    known = celery_of(bot, Runner(bot)).tasks
    asked = {entry["task"] for entry in celery_config(bot.settings)["beat_schedule"].values()}

    assert asked == {SWEEP, TIDY}
    assert {SWEEP, TIDY, LOOK} <= set(known)


def test_a_sweep_starts_runs_by_the_settings(bot: Bot, feedback: list[int]) -> None:
    """By count after so many ticks; by time only where a time is set."""
    actions.runs.start_due(with_settings(bot, retrain_after=0, retrain_every=0.0))
    actions.runs.start_due(with_settings(bot, retrain_after=len(feedback) + 1, retrain_every=0.0))
    assert runs(bot) == []

    actions.runs.start_due(with_settings(bot, retrain_after=len(feedback), retrain_every=0.0))
    assert [run.cause for run in runs(bot)] == [Cause.COUNT]


def test_a_sweep_starts_runs_by_the_hour(bot: Bot, feedback: list[int]) -> None:
    """The setting counts in hours."""
    actions.runs.start_due(with_settings(bot, retrain_after=0, retrain_every=1.0))
    assert runs(bot) == []

    actions.runs.start_due(with_settings(bot, retrain_after=0, retrain_every=1e-9))
    assert [run.cause for run in runs(bot)] == [Cause.SCHEDULE]


def test_a_voice_on_trial_waits(bot: Bot, feedback: list[int]) -> None:
    """However much was ticked: first its readers say what they think of the last version."""
    version, _ = World(bot.sessions).version(folder="sibot/sibot-tiny/run-1-1", status=VersionStatus.UNDECIDED)
    with bot.transaction() as session:
        trials = Trials(session)
        assert trials.start("sibot", version, share=0.5, now=now() - timedelta(seconds=1)) is not None

    actions.runs.start_due(with_settings(bot, retrain_after=1, retrain_every=1e-9))

    assert runs(bot) == []
