"""Messages come twice, never, or once more after the broker's patience: the table decides, not the broker."""

from functools import partial

import pytest

from app.domain.run import Cause
from app.store.runs import Runs
from app.task_queue import LOOK
from tests.chaos.moments import catch
from tests.chaos.storm import LONG, Storm, sender
from tests.chaos.truth import MADE, Fault
from tests.support.deployment import Started, until

IMPATIENT = "import app.task_queue; app.task_queue.VISIBILITY_TIMEOUT = 1; from app.cli import main; main(['worker'])"
"""A worker whose broker gives a message to somebody else after one second, not after six hours."""


def test_a_message_that_comes_three_times_trains_once(storm: Storm, fault: Fault) -> None:
    """Doubled messages find nothing more to do."""
    with fault("message", "thrice") as found:
        caught = catch(storm, "queued")
        with sender(storm) as celery:
            for _ in range(2):
                celery.send_task(LOOK, args=["sibot"], retry=False)
        caught.worker.resume()
        report = storm.ended(caught.run)
        found.attempts = report.attempt

    assert report.state in MADE
    assert report.attempt == 1


@pytest.mark.chaos
def test_a_message_that_never_comes_delays_a_run_by_a_sweep(storm: Storm, fault: Fault) -> None:
    """A run whose message was lost is found by the sweep."""
    with fault("message", "never") as found:
        with storm.deployment.bot.transaction() as session:  # this bot announces nothing
            run, new = Runs(session).start("sibot", Cause.SHELL, storm.now())
        assert new
        report = storm.ended(run)
        found.attempts = report.attempt

    assert report.state in MADE
    assert report.attempt == 1


@pytest.mark.chaos
def test_a_run_longer_than_the_brokers_patience_is_not_started_again(storm: Storm, fault: Fault) -> None:
    """Redis gives a message to another worker after its visibility timeout; the run that it began outlasts that."""
    with fault("message", "redelivered") as found, storm.without_worker():
        workers = [impatient(storm) for _ in range(2)]
        for worker in workers:
            until("an impatient worker is ready", partial(says_it_is_ready, worker))
        run = storm.desk.ask()
        report = storm.ended(run)
        found.attempts = report.attempt
        for worker in workers:
            worker.stop()

    assert report.state in MADE
    assert report.attempt == 1


def says_it_is_ready(worker: Started) -> bool:
    """Does its log say so?"""
    return "worker.ready" in worker.told()


def impatient(storm: Storm) -> Started:
    """A worker with a visibility timeout of one second and a longer training."""
    slow = {"lesson_steps": 90, "samples": 60}
    return storm.deployment.python(IMPATIENT, "impatient", **slow, **LONG)
