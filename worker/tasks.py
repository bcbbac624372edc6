"""The Celery side: a worker that looks for runs when one is announced, and the beat that has it sweep.

A message says "look", no more. The worker also looks by itself, at its start and now and then, so that a dead broker
delays a run by seconds and never loses it.
"""

import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from celery import Celery, signals
from celery.exceptions import SecurityWarning
from sqlalchemy.exc import SQLAlchemyError

from app import actions
from app.bootstrap import Bot
from app.task_queue import LOOK, SWEEP, SWEEP_EVERY, TIDY, celery_config
from worker import upkeep
from worker.pulse import pulse
from worker.runner import Runner

log = structlog.get_logger(__name__)

THREADS = 2
"""One for a run, one for what must go on while it trains: trials end, tastes are learned, runs come due."""
SHUTDOWN_SECONDS = 10.0
"""Time for a run at work to be put back into the queue when the worker must stop."""


def celery_of(bot: Bot, runner: Runner) -> Celery:
    """The Celery app: three tasks over *bot*, all safe to repeat."""
    celery = Celery("poembot")
    celery.conf.update(celery_config(bot.settings))
    sweeping = threading.Lock()

    @celery.task(name=LOOK, shared=False)
    def look(voice: str) -> None:
        """Look for runs to claim. Whether there is one, and of which voice, only the table knows."""
        log.debug("look.asked", voice=voice)
        runner.work()

    @celery.task(name=SWEEP, shared=False)
    def look_around() -> None:
        """Start what is due, announce what nobody took up; weigh trials, learn tastes, prune the shelf."""
        if not sweeping.acquire(blocking=False):  # one that takes longer than the time between two
            return
        try:
            actions.runs.start_due(bot)
            upkeep.weigh_trials(bot)
            actions.tastes.learn_due(bot)
            upkeep.prune(bot)
        finally:
            sweeping.release()

    @celery.task(name=TIDY, shared=False)
    def tidy() -> None:
        """Remove what killed workers left on the shelf; forget visitors who are long gone."""
        upkeep.clear(bot)
        upkeep.forget(bot)

    return celery


def work(bot: Bot) -> int:
    """Be a worker until stopped; the exit status."""
    runner = Runner(bot)
    celery = celery_of(bot, runner)
    signals.setup_logging.connect(_keep_our_log)

    def stop(**_: object) -> None:
        """SIGTERM or Ctrl-C: the run at work goes back into the queue at its next step."""
        runner.stopping.set()

    signals.worker_shutting_down.connect(stop)
    upkeep.clear_killed(bot)
    # Celery warns root of what pickled messages could do; ours are JSON.
    warnings.simplefilter("ignore", SecurityWarning)
    with pulse(bot, "worker"), _looking(runner, every=min(SWEEP_EVERY, bot.settings.lease)):
        log.info("worker.ready", broker=bot.settings.broker.partition("://")[0])
        consumer = celery.Worker(
            pool="threads",
            concurrency=THREADS,
            quiet=True,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )
        consumer.start()
    log.info("worker.stopped")
    return int(consumer.exitcode or 0)


def beat(bot: Bot) -> None:
    """Be the beat until stopped: ask for a sweep every few seconds."""
    celery = celery_of(bot, Runner(bot))
    signals.setup_logging.connect(_keep_our_log)
    with pulse(bot, "beat"):
        log.info("beat.ready")
        celery.Beat(quiet=True).run()


@contextmanager
def _looking(runner: Runner, *, every: float) -> Iterator[None]:
    """Have a thread look for runs *every* few seconds; in the end it gets `SHUTDOWN_SECONDS` to put its run back."""

    def look() -> None:
        while True:
            try:
                runner.work()
            except SQLAlchemyError as error:  # the database is away; the next look may find it again
                log.warning("look.failed", error=str(error).splitlines()[0])
            if runner.stopping.wait(every):
                return

    thread = threading.Thread(target=look, name="look", daemon=True)
    thread.start()
    try:
        yield
    finally:
        runner.stopping.set()
        thread.join(SHUTDOWN_SECONDS)


def _keep_our_log(**_: object) -> None:
    """Connected to `setup_logging`, which keeps Celery from replacing our log."""
    sys.stderr.flush()
