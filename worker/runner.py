"""The runner: claims a run, carries it out, and records how it ended.

    claim ─▶ lesson ─▶ training ─▶ writing ─▶ examining ─▶ publishing

Every run ends: an exception becomes the run's error, and the run of a killed worker is claimed by another one. While a
run is at work, a thread renews its lease and stores its progress. The work itself only checks a flag, so that a
training step never waits for the database. The module imports neither Celery nor torch; it imports the trainer, and
with it torch, when there is a lesson.
"""

import math
import shutil
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app import actions, reads
from app.actions.versions import TrainedVersion
from app.bootstrap import Bot
from app.domain import run_log
from app.domain.errors import BrokenFolder, Cancelled, LeaseLost, PoemBotError
from app.domain.gate import Verdict
from app.domain.lesson import Lesson
from app.domain.run import Claim, Phase, Progress, RunState
from app.domain.version import Version
from app.reads.runs import Task
from worker.upkeep import trainings

if TYPE_CHECKING:
    from models.checkpoint import Checkpoint
    from models.taste import Taste
    from models.train import Progress as Trained

log = structlog.get_logger(__name__)

REPORT_EVERY = 1.0
"""Most seconds between two accesses to the run's row; a cancelled run notices within this time."""


class Stopping(Exception):
    """The worker is shutting down; the run goes back into the queue."""


class Lease:
    """The lease of a claimed run. Within the `with` block a thread renews it."""

    def __init__(self, bot: Bot, claim: Claim, stopping: threading.Event) -> None:
        """*stopping*: is set when the worker must shut down."""
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
        """Raise LeaseLost, Cancelled or Stopping if the run must not go on. Cheap enough for every training step."""
        if self._over is not None:
            raise self._over
        if self._stopping.is_set():
            raise Stopping

    def report(
        self, phase: Phase, step: int = 0, of: int = 0, *, loss: float | None = None, seconds_left: float | None = None
    ) -> None:
        """Report the progress of the run. Raises what `check` raises.

        A new phase is stored at once, a step within a second. *loss*: None keeps the loss of the report before.
        """
        new = phase is not self._progress.phase
        self._progress = Progress(phase, step, of, self._progress.loss if loss is None else loss, seconds_left)
        if new:
            self._try_to_write(renewing=False)
        self.check()

    def advanced(self) -> None:
        """Record that this attempt has saved more of the training than any before. Raises LeaseLost, Cancelled."""
        try:
            actions.runs.advanced(self._bot, self.claim)
        except SQLAlchemyError as error:  # the database is away; the next save records it
            log.warning("lease.unwritten", error=str(error).splitlines()[0])

    def log(self, entry: run_log.Entry) -> None:
        """Add an entry to the run's log."""
        actions.runs.say(self._bot, self.claim.run, entry)

    def _keep(self) -> None:
        """The thread: store the progress and renew the lease until the block ends or the lease is lost."""
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
        """Store the progress; False if the database is away. Notes that the lease is lost or the run is cancelled."""
        try:
            actions.runs.report(self._bot, self.claim, self._progress, renew=renewing)
        except (LeaseLost, Cancelled) as error:
            self._over = error
        except SQLAlchemyError as error:  # the database is away; the thread tries again
            log.warning("lease.unwritten", error=str(error).splitlines()[0])
            return False
        return True


LOSSES = 40
"""Entries of a training's loss in the run's log: the points of the curve at the desk."""


class NotFinite(PoemBotError):
    """The training diverged: the run is rejected without an examination."""

    code = "not_finite"

    def __init__(self) -> None:
        self.verdict = Verdict(("not_finite",))
        super().__init__(f"no version to examine: {', '.join(self.verdict.reasons)}")


class NothingToLearn(PoemBotError):
    """The lesson is empty: there are no ticks and submissions, or all were taken back."""

    code = "nothing_to_learn"

    def __init__(self) -> None:
        super().__init__("there is nothing to learn yet: no ticked line and no approved poem")


class Runner:
    """Carries out runs, one at a time."""

    def __init__(self, bot: Bot) -> None:
        self.stopping = threading.Event()
        """To be set when the process must shut down."""
        self._bot = bot
        self._asked = threading.Event()
        self._one_at_a_time = threading.Lock()

    def work(self) -> int:
        """Carry out runs until none is free; returns how many.

        If another thread is at work already, returns 0 at once; that thread will look once more before it ends.
        """
        done = 0
        self._asked.set()
        while self._asked.is_set() and self._one_at_a_time.acquire(blocking=False):
            try:
                self._asked.clear()
                while not self.stopping.is_set() and self._next():
                    done += 1
            finally:
                self._one_at_a_time.release()
        return done

    def _next(self) -> bool:
        """Claim a run and carry it out; False if none is free."""
        claim = actions.runs.claim(self._bot)
        if claim is None:
            return False
        with structlog.contextvars.bound_contextvars(run=claim.run, voice=claim.voice, attempt=claim.attempt):
            log.info("run.taken")
            self._carry_out(claim)
        return True

    def _carry_out(self, claim: Claim) -> None:
        """Carry out a run from its claim to its end."""
        try:
            with Lease(self._bot, claim, self.stopping) as lease:
                self._work_on(claim, lease)
        except LeaseLost:
            log.warning("run.lost")
        except Cancelled:
            self._end(claim, RunState.CANCELLED, None)
        except NotFinite as error:
            self._end(claim, RunState.REJECTED, str(error), error.verdict)
        except Stopping:
            self._release(claim)
        except SQLAlchemyError:
            # The database failed, not the run: the lease expires, and a worker claims the run again.
            log.exception("run.dropped")
            raise
        except Exception as error:
            # Any other error ends the run; the log has the traceback.
            log.exception("run.failed")
            self._end(claim, RunState.FAILED, plain(error))

    def _end(self, claim: Claim, state: RunState, error: str | None, verdict: Verdict | None = None) -> None:
        try:
            actions.runs.end(self._bot, claim, state, error=error, verdict=verdict)
        except LeaseLost:
            log.warning("run.lost")
        else:
            log.info("run.ended", state=state.value, error=error)
            self._forget(claim)

    def _release(self, claim: Claim) -> None:
        try:
            actions.runs.give_back(self._bot, claim)
        except LeaseLost:
            log.warning("run.lost")
        else:
            log.info("run.released")

    def _work_on(self, claim: Claim, lease: Lease) -> None:
        """The phases of a run."""
        task = self._prepare(claim)
        base = self._read(task.base)
        scratch = self._bot.shelf.scratch()
        try:
            folder = scratch / "version"
            self._train(base, task.lesson, folder, lease)
            candidate = self._examine(claim, task, base, folder, lease)
            lease.report(Phase.PUBLISHING)
            self._publish(claim, candidate, folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _prepare(self, claim: Claim) -> Task:
        """Read what the run needs. Raises NothingToLearn."""
        task = reads.runs.task(self._bot, claim.voice)
        if not task.lesson.texts:
            raise NothingToLearn
        # Remove folders that unpublished attempts left: earlier ones, or ones made after the backup that was restored.
        for fence in range(1, claim.fence + 1):
            self._bot.shelf.remove(self._key(claim, task.base.base, fence))
        return task

    def _read(self, version: Version) -> "Checkpoint":
        from models import checkpoint

        return checkpoint.read(self._bot.shelf.fetch(version.folder))

    def _train(self, base: "Checkpoint", lesson: Lesson, folder: Path, lease: Lease) -> None:
        """Train the base on the lesson and write the version into *folder*. Raises NotFinite."""
        from models.train import Diverged, is_finite  # late: it imports torch
        from worker import trainer

        lease.log(run_log.LessonMade(lesson.hash[:12], lesson.ticks, lesson.submissions, lesson.visitors))
        last: Trained | None = None

        def watch(at: "Trained") -> None:
            nonlocal last
            last = at
            left = at.seconds_left if math.isfinite(at.seconds_left) else None
            if at.step % max(1, at.of // LOSSES) == 0:
                lease.log(run_log.StepTaken(at.step, at.of, at.loss))
            lease.report(Phase.TRAINING, at.step, at.of, loss=at.loss, seconds_left=left)

        try:
            taught = trainer.train(
                base,
                lesson,
                settings=self._bot.settings,
                watch=watch,
                check=lambda done: lease.report(Phase.LESSON, round(100 * done), 100),
                log=lease.log,
                kept=trainer.Kept(self._kept(lease.claim), lease.advanced),
            )
        except Diverged as error:
            raise NotFinite from error
        if not is_finite(taught.network):
            raise NotFinite
        if last is not None:
            lease.log(run_log.Taught(last.step, last.loss, last.chars_per_s))
        lease.report(Phase.WRITING)
        trainer.save(folder, taught, base, lesson, now=self._bot.clock)

    def _examine(self, claim: Claim, task: Task, base: "Checkpoint", folder: Path, lease: Lease) -> TrainedVersion:
        """Examine the version in *folder*, and note the figures of the base once."""
        from models import checkpoint
        from worker.examiner import Subject, assess

        lease.report(Phase.EXAMINING)
        champion, taste = self._champion(task, base, lease), self._taste(claim.voice)
        subject = Subject(base, champion, checkpoint.read(folder), task.held_out, taste)
        assessment = assess(
            subject,
            task.lesson,
            self._bot.settings,
            watch=lambda done: lease.report(Phase.EXAMINING, round(done * 100), 100),
        )
        for entry in assessment.report():
            lease.log(entry)
        if not task.base.metrics:  # pages show the base beside the versions
            actions.versions.note_base(self._bot, task.base.id, assessment.base.as_dict(), assessment.base_poems)
        return TrainedVersion(
            folder=self._key(claim, task.base.base, claim.fence),
            lesson=task.lesson,
            metrics=assessment.candidate.as_dict(),
            verdict=assessment.verdict,
            poems=assessment.poems,
            gains=assessment.gains,
        )

    def _champion(self, task: Task, base: "Checkpoint", lease: Lease) -> "Checkpoint":
        """The version to compare the candidate with: *base* if it serves, or if the champion's folder is broken."""
        from models.checkpoint import Broken

        if task.champion.id != task.base.id:
            try:
                return self._read(task.champion)
            except (BrokenFolder, Broken) as error:
                lease.log(run_log.ChampionLost(task.champion.number, str(error)))
        return base

    def _taste(self, voice: str) -> "Taste | None":
        """The newest taste of the voice; None if it has none."""
        from models.taste import Taste, Tasteless

        number = self._bot.tastes().get(voice)
        try:
            return Taste.from_dict(self._bot.taste(number)) if number is not None else None
        except Tasteless as error:  # the site goes without it, too
            log.warning("taste.failed", taste=number, error=str(error))
            return None

    def _kept(self, claim: Claim) -> Path:
        """The folder on this machine in which the training of a run is saved for the next attempt."""
        return trainings(self._bot.settings.home) / f"run-{claim.run}"

    def _forget(self, claim: Claim) -> None:
        shutil.rmtree(self._kept(claim), ignore_errors=True)

    def _publish(self, claim: Claim, candidate: TrainedVersion, folder: Path) -> None:
        """Place the version on the shelf and publish it. Raises LeaseLost; then nothing is left on the shelf."""
        shelf = self._bot.shelf
        shelf.place(folder, candidate.folder)
        try:
            state, number = actions.versions.publish(self._bot, claim, candidate)
        except LeaseLost:
            shelf.remove(candidate.folder)
            raise
        log.info("run.ended", state=state.value, version=number)
        self._forget(claim)

    @staticmethod
    def _key(claim: Claim, base: str, fence: int) -> str:
        """The key of the version on the shelf; *fence* makes it different for every claim of a run."""
        return f"{claim.voice}/{base}/run-{claim.run}-{fence}"


def plain(error: Exception) -> str:
    """The error message in one line."""
    message = " ".join(str(error).split()) or "no more is known"
    return message if isinstance(error, PoemBotError) else f"{type(error).__name__}: {message}"
