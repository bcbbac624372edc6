"""The lease on a run: a thread renews it and writes down how far the run has come.

Whoever does the work only looks at a flag, so that a training step never waits for the database.
"""

import threading
import time
from types import TracebackType
from typing import Self

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app import actions
from app.bootstrap import Bot
from app.domain.errors import Cancelled, LeaseLost
from app.domain.run import Claim, Phase, Progress

log = structlog.get_logger(__name__)

REPORT_EVERY = 1.0
"""Seconds between two looks at the row, at most: how soon a cancelled run notices."""


class Stopping(Exception):
    """The worker is shutting down; the run goes back into the queue."""


class Lease:
    """The run of *claim* while this worker holds it; `stopping` is set when the worker must shut down."""

    def __init__(self, bot: Bot, claim: Claim, stopping: threading.Event) -> None:
        self.claim = claim
        self._bot, self._stopping = bot, stopping
        self._progress = Progress(Phase.LESSON)
        self._over: LeaseLost | Cancelled | None = None
        self._done = threading.Event()
        self._seconds = bot.settings.lease
        self._thread = threading.Thread(target=self._keep, name=f"lease-{claim.run}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def check(self) -> None:
        """Cheap enough for every step. Raises LeaseLost, Cancelled, Stopping."""
        if self._over is not None:
            raise self._over
        if self._stopping.is_set():
            raise Stopping

    def report(
        self,
        phase: Phase,
        step: int = 0,
        of: int = 0,
        *,
        loss: float | None = None,
        seconds_left: float | None = None,
    ) -> None:
        """Note how far the run has come. Raises what `check` raises.

        A new phase is written down at once, a step within a second; a loss stays until there is another.
        """
        new = phase is not self._progress.phase
        self._progress = Progress(phase, step, of, self._progress.loss if loss is None else loss, seconds_left)
        if new:
            self._try_to_write(renewing=False)
        self.check()

    def advanced(self) -> None:
        """The run has got further than any attempt before, and what it did is saved. Raises LeaseLost, Cancelled."""
        try:
            actions.runs.advanced(self._bot, self.claim)
        except SQLAlchemyError as error:  # the database is away; the next save says it again
            log.warning("lease.unwritten", error=str(error).splitlines()[0])

    def log(self, text: str) -> None:
        """Add a line to the run's log."""
        actions.runs.say(self._bot, self.claim.run, text)

    def _keep(self) -> None:
        renewed = time.monotonic()
        while not self._done.wait(min(REPORT_EVERY, self._seconds / 4)):
            now = time.monotonic()
            due = now - renewed >= self._seconds / 4
            if self._try_to_write(renewing=due):
                renewed = now if due else renewed
            elif time.monotonic() - renewed > self._seconds:  # by now another worker may have the run
                self._over = LeaseLost(self.claim.run)
            if self._over is not None:
                return

    def _try_to_write(self, *, renewing: bool) -> bool:
        """Did it get into the database? Notes when the run is over for us."""
        try:
            actions.runs.report(self._bot, self.claim, self._progress, renew=renewing)
        except (LeaseLost, Cancelled) as error:
            self._over = error
        except SQLAlchemyError as error:  # the database is away; the next attempt tells when it is back
            log.warning("lease.unwritten", error=str(error).splitlines()[0])
            return False
        return True
