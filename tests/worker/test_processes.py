"""Real Celery workers over a real broker: no run is lost, none is doubled, whoever is killed."""

import json
import time
from pathlib import Path

import pytest

from app.bootstrap import now
from app.domain.run import Cause, Phase, RunReport, RunState
from app.domain.version import VersionStatus
from app.store.health import Pulses
from app.store.runs import Runs
from app.store.tastes import Tastes
from app.store.trials import Trials
from app.store.versions import Versions
from tests.support.deployment import Deployment, Started, until
from tests.support.world import World
from tests.worker.conftest import EMBEDDED, ask, folders, report

pytestmark = pytest.mark.slow
ENDED = (RunState.ADMITTED, RunState.REJECTED, RunState.UNDECIDED)


def trains(deployment: Deployment, run: int) -> RunReport | None:
    """The run, if it is in mid-training."""
    at = report(deployment.bot, run)
    return at if at.phase is Phase.TRAINING and at.step > 0 else None


def ends(deployment: Deployment, run: int) -> RunReport | None:
    """The run, if it has ended."""
    at = report(deployment.bot, run)
    return at if at.state.ended else None


def taken_up(deployment: Deployment) -> RunReport | None:
    """The newest run that a worker has taken up."""
    with deployment.bot.reads(Runs) as runs:
        return next((run for run in runs.of_voice("sibot") if run.started), None)


def alive(deployment: Deployment, kind: str = "worker") -> int:
    """How many processes of that kind give a sign of life."""
    with deployment.bot.reads(Pulses) as pulses:
        return sum(pulse.kind == kind for pulse in pulses.alive(now()))


def told(*processes: Started) -> str:
    """What the processes wrote, for a failure's message."""
    return "\n".join(process.told() for process in processes)


@pytest.mark.nightly
def test_a_run_outlives_the_worker_that_is_killed(deployment: Deployment) -> None:
    """`kill -9` in mid-training: another worker takes the run up once the lease is over, and it ends; once."""
    run = ask(deployment.bot)
    first = deployment.start("worker", lease=2.0)  # alone: where it is slow, nobody else takes the run from it
    until("the first trains", lambda: trains(deployment, run))

    first.kill()
    second = deployment.start("worker")
    ended = until("the run ends", lambda: ends(deployment, run))

    assert ended.state in ENDED, told(first, second)
    assert (ended.attempt, ended.version) == (2, 1)
    with deployment.bot.reads(Versions) as versions:
        assert [version.number for version in versions.of_voice("sibot")] == [1, 0]
    assert [folder.name for folder in folders(deployment.bot)] == [f"run-{run}-2"]
    assert second.stop() == 0


@EMBEDDED
def test_sigterm_puts_the_run_back(deployment: Deployment) -> None:
    """A worker that is told to stop puts its run back, and stops; the run waits for the next."""
    run = ask(deployment.bot)
    worker = deployment.start("worker")
    until("it trains", lambda: trains(deployment, run))

    assert worker.stop() == 0, told(worker)
    waiting = report(deployment.bot, run)
    assert (waiting.state, waiting.attempt) == (RunState.QUEUED, 0), told(worker)


@EMBEDDED
def test_what_must_go_on_goes_on_while_a_run_trains(deployment: Deployment) -> None:
    """One worker, busy with a run for as long as one likes: a broken trial ends all the same, and taste is learned."""
    code = "import worker.trainer; worker.trainer.MAX_PASSES = 10**6; from app.cli import main; main(['worker'])"
    run = ask(deployment.bot)
    worker = deployment.python(code, "worker")
    until("it trains", lambda: trains(deployment, run))
    version, _ = World(deployment.bot.sessions).version(folder="sibot/gone/run-9-1", status=VersionStatus.UNDECIDED)
    with deployment.bot.transaction() as session:
        trials = Trials(session)
        assert trials.start("sibot", version, share=0.5, now=now()) is not None

    beat = deployment.start("beat")
    until("the trial ends", lambda: no_trial(deployment))
    until("taste was learned", lambda: taste(deployment))

    at = report(deployment.bot, run)
    assert (at.state, at.phase, at.attempt) == (RunState.RUNNING, Phase.TRAINING, 1), told(worker, beat)
    assert beat.stop() == 0, told(beat)
    assert worker.stop() == 0, told(worker)
    assert report(deployment.bot, run).state is RunState.QUEUED


def no_trial(deployment: Deployment) -> bool:
    """Has every trial ended?"""
    with deployment.bot.reads(Trials) as trials:
        return trials.running("sibot") is None


def taste(deployment: Deployment) -> bool:
    """Was taste looked into, whatever came of it?"""
    with deployment.bot.reads(Tastes) as tastes:
        return tastes.newest("sibot") is not None


@EMBEDDED
def test_a_worker_clears_what_a_killed_one_left(deployment: Deployment) -> None:
    """Half-made folders go at its start, not after a day."""
    run = ask(deployment.bot)
    first = deployment.start("worker")
    until("it trains", lambda: trains(deployment, run))
    scratch = set((Path(deployment.settings.shelf) / ".tmp").iterdir())
    first.kill()
    assert scratch

    second = deployment.start("worker")
    until("it is cleared", lambda: not any(folder.exists() for folder in scratch))

    second.stop()


@EMBEDDED
def test_two_workers_and_one_run(deployment: Deployment) -> None:
    """Both look, one takes it, the other goes on listening; whoever asked has waited for the end."""
    both = [deployment.start("worker") for _ in range(2)]
    until("both are alive", lambda: alive(deployment) == 2)
    time.sleep(1)  # past their first look

    said = deployment.poembot("retrain", "--voice", "sibot", "--wait", "--json")

    ended = json.loads(said.splitlines()[-1])
    assert ended["state"] in ENDED, told(*both)
    assert (ended["run"], ended["attempt"], ended["version"], ended["progress"]) == (1, 1, 1, 1.0)
    assert len(folders(deployment.bot)) == 1
    assert sum("run.taken" in worker.told() for worker in both) == 1
    assert sum("run.ended" in worker.told() for worker in both) == 1


@EMBEDDED
def test_a_worker_without_its_broker_still_works(deployment: Deployment) -> None:
    """Nobody answers at the broker's address: the worker finds the run by itself, and goes when told to."""
    run = ask(deployment.bot)

    worker = deployment.start("worker", broker_url="redis://127.0.0.1:1/0")
    ended = until("the run ends", lambda: ends(deployment, run))

    assert ended.state in ENDED, told(worker)
    worker.stop()


@EMBEDDED
def test_beat_starts_what_is_due(deployment: Deployment) -> None:
    """Enough was ticked since the last version: nobody asks for a run, and one is taken up."""
    worker = deployment.start("worker", retrain_after=10)
    beat = deployment.start("beat")
    until("beat is alive", lambda: alive(deployment, "beat"))

    taken = until("a run is taken up", lambda: taken_up(deployment))

    assert taken.cause is Cause.COUNT

    assert beat.stop() == 0, told(beat)
    assert worker.stop() == 0, told(worker)
