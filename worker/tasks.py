"""The Celery tasks, the worker process and the beat process, which triggers a sweep every few seconds.

A message only says "look for a run"; the run itself is a row in the database. The worker also looks without a message,
at its start and every few seconds. So a lost message, or a broker that is down, only delays a run.
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
from app.engine.engine import give_way
from app.task_queue import LOOK, SWEEP, SWEEP_EVERY, TIDY, celery_config
from worker import upkeep
from worker.drafter import Drafter
from worker.pulse import pulse
from worker.runner import Runner

log = structlog.get_logger(__name__)

THREADS = 2
"""One for the run, and one for the sweep, which must go on while the run trains."""
DRAFT_EVERY = 2.0
"""Seconds between two looks whether a drawer needs drafts."""
SHUTDOWN_SECONDS = 10.0
"""Time in which the present run is put back into the queue when the worker must stop."""


def celery_of(bot: Bot, runner: Runner) -> Celery:
    """The Celery app with its three tasks, all safe to repeat."""
    celery = Celery("poembot")
    celery.conf.update(celery_config(bot.settings))
    sweeping = threading.Lock()

    @celery.task(name=LOOK, shared=False)
    def look(voice: str) -> None:
        """Carry out the runs that are free, of any voice."""
        log.debug("look.asked", voice=voice)
        runner.work()

    @celery.task(name=SWEEP, shared=False)
    def look_around() -> None:
        """Start runs that are due and announce waiting ones; weigh trials, learn tastes, prune the shelf."""
        if not sweeping.acquire(blocking=False):  # the sweep before is still at work
            return
        try:
            actions.runs.start_due(bot)
            upkeep.weigh_trials(bot)
            actions.tastes.learn_due(bot)
            upkeep.prune(bot)
            actions.drafts.prune(bot)
        finally:
            sweeping.release()

    @celery.task(name=TIDY, shared=False)
    def tidy() -> None:
        """Remove what killed workers left on the shelf; forget visitors who have not come for long."""
        upkeep.clear(bot)
        upkeep.forget(bot)

    return celery


def work(bot: Bot) -> int:
    """Run a worker until it is stopped; returns the exit status."""
    runner = Runner(bot)
    celery = celery_of(bot, runner)
    signals.setup_logging.connect(_keep_our_log)

    def stop(**_: object) -> None:
        """On SIGTERM or Ctrl-C, put the present run back into the queue at its next step."""
        runner.stopping.set()

    signals.worker_shutting_down.connect(stop)
    upkeep.clear_killed(bot)
    # Celery warns, if it runs as root, of pickled messages; these are JSON.
    warnings.simplefilter("ignore", SecurityWarning)
    every = min(SWEEP_EVERY, bot.settings.lease)
    with pulse(bot, "worker"), _looking(runner, every=every), _drafting(bot, runner.stopping):
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
    """Run the beat until it is stopped: it triggers a sweep every few seconds."""
    celery = celery_of(bot, Runner(bot))
    signals.setup_logging.connect(_keep_our_log)
    with pulse(bot, "beat"):
        log.info("beat.ready")
        celery.Beat(quiet=True).run()


@contextmanager
def _looking(runner: Runner, *, every: float) -> Iterator[None]:
    """Look for runs in a thread, *every* so many seconds, as long as the block lasts.

    At its end the thread has `SHUTDOWN_SECONDS` to put its run back into the queue.
    """

    def look() -> None:
        while True:
            try:
                runner.work()
            except SQLAlchemyError as error:  # the database is away; the thread tries again
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


@contextmanager
def _drafting(bot: Bot, stopping: threading.Event) -> Iterator[None]:
    """Fill the drawers in a thread while no run is under way, as long as the block lasts."""
    drafter = Drafter(bot, stopping)

    def draft() -> None:
        give_way()
        while not stopping.wait(DRAFT_EVERY):
            try:
                while drafter.work():
                    pass
            except SQLAlchemyError as error:  # the database is away; the thread tries again
                log.warning("drafts.failed", error=str(error).splitlines()[0])
            except Exception:
                log.exception("drafts.failed")

    thread = threading.Thread(target=draft, name="draft", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(SHUTDOWN_SECONDS)


def _keep_our_log(**_: object) -> None:
    """A receiver of `setup_logging`: with one, Celery does not configure logging itself."""
    sys.stderr.flush()
