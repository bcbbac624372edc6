"""Rivals: several workers, several voices, two beats. A run has one worker, a voice one run."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.domain.run import RunReport, RunState
from app.store.runs import Runs
from app.store.trials import Trials
from tests.chaos.storm import LONG, VOICES, Storm
from tests.chaos.truth import MADE, Fault
from tests.support.deployment import Started, until

ENDLESS = "import worker.trainer; worker.trainer.MAX_PASSES = 10**6; from app.cli import main; main(['worker'])"
"""A worker whose lesson lasts as long as its steps do, however small it is."""


@contextmanager
def extra(storm: Storm, kind: str, **settings: object) -> Iterator[Started]:
    """One more worker or beat, by itself."""
    started = storm.deployment.start(kind, **settings)
    until(f"one more {kind} is ready", lambda: f"{kind}.ready" in started.told())
    try:
        yield started
    finally:
        assert started.stop() == 0


@pytest.mark.chaos
def test_two_workers_and_one_run(storm: Storm, fault: Fault) -> None:
    """Both are told, one takes it."""
    one, other = extra(storm, "worker", **LONG), extra(storm, "worker", **LONG)
    with fault("two workers", "one run") as found, storm.without_worker(), one, other:
        for _ in range(3):
            report = storm.ended(storm.desk.ask())
            assert report.state in MADE
            assert report.attempt == 1
            found.attempts += report.attempt


def teach(storm: Storm, voice: str) -> None:
    """Give the voice something to learn."""
    poem = storm.client.post(f"/api/v1/voices/{voice}/poems", json={}).json()
    for line in poem["lines"]:
        storm.client.put(f"/api/v1/lines/{line['id']}/tick").raise_for_status()


@pytest.mark.chaos
def test_two_voices_train_side_by_side(storm: Storm, fault: Fault) -> None:
    """Runs of different voices go in parallel; the same voice never has two."""
    for voice in VOICES:
        teach(storm, voice)
    with fault("two workers", "two voices") as found, storm.without_worker():
        first = storm.deployment.python(ENDLESS, "endless", lesson_steps=100_000, **LONG)
        runs = [storm.desk.ask(voice) for voice in VOICES]
        until("one is taught", lambda: storm.run(runs[0]).step > 0)
        assert [storm.desk.ask(voice) for voice in VOICES] == runs
        with extra(storm, "worker", **LONG):
            storm.ended(runs[1])
            beside = storm.run(runs[0])
            assert first.stop() == 0
            reports = [storm.ended(run) for run in runs]
        found.attempts = sum(report.attempt for report in reports)

    assert beside.state is RunState.RUNNING
    assert all(report.state in MADE and report.attempt == 1 for report in reports)


def of_all(storm: Storm) -> list[RunReport]:
    """The newest runs of all voices."""
    with storm.deployment.bot.reading() as session:
        return Runs(session).of_voice(None)


def decide(storm: Storm) -> None:
    """End every trial: a voice on trial waits for its readers, and no run of it is due."""
    with storm.deployment.bot.reading() as session:
        under_way = Trials(session).under_way()
    for trial in under_way:
        storm.desk.promote(trial.number, trial.voice)


@pytest.mark.chaos
def test_two_beats_start_one_run(storm: Storm, fault: Fault) -> None:
    """What is due is started once, however many sweeps find it."""
    decide(storm)
    with fault("two beats", "one due run") as found:
        before = {report.run for report in of_all(storm)}
        with storm.without_worker(), extra(storm, "beat"), extra(storm, "worker", retrain_after=1, retrain_every=0):
            until("a run is due", lambda: {r.run for r in of_all(storm)} - before)
            first = min({r.run for r in of_all(storm)} - before)
            report = storm.ended(first)
        started = [r for r in of_all(storm) if r.run not in before and r.created < (report.ended or report.created)]
        found.attempts = report.attempt

    assert [r.run for r in started] == [first]
    assert report.state in MADE
    assert report.attempt == 1
