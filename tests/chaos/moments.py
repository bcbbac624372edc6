"""Moments: catches a worker in a phase of its run, by what the row, the log and the shelf show to anybody.

The worker is stopped (SIGSTOP) the moment the phase is seen, and only then looked at again: what is
killed next is killed in that phase for certain.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from app.domain.run import Phase, RunReport, RunState
from tests.chaos.storm import Storm
from tests.support.patience import PATIENCE

Moment = Literal["queued", "lesson", "training", "writing", "examining", "publishing"]
MOMENTS: tuple[Moment, ...] = ("queued", "lesson", "training", "writing", "examining", "publishing")


@dataclass
class Caught:
    """A run, and its worker standing still in the middle of it."""

    run: int
    worker: psutil.Process


class Shelf:
    """What lies on the shelf in files, for one run."""

    def __init__(self, storm: Storm) -> None:
        self._root = Path(storm.deployment.settings.shelf)
        self._before = set(self._scratch())

    def _scratch(self) -> list[Path]:
        tmp = self._root / ".tmp"
        return list(tmp.iterdir()) if tmp.is_dir() else []

    def _fresh(self) -> list[str]:
        new = [place for place in self._scratch() if place not in self._before]
        return [entry.name for place in new if place.is_dir() for entry in place.iterdir()]

    def shows(self, moment: Moment, run: int) -> bool:
        """Is the run there, by its files?"""
        try:
            names = self._fresh()
        except FileNotFoundError:  # it went while we looked
            return False
        if moment == "writing":
            return any(name.startswith(".version.") for name in names)
        if moment == "examining":
            return "version" in names and not self.placed(run)
        return self.placed(run)

    def placed(self, run: int) -> bool:
        """Is a folder of the run in its place?"""
        return any(self._root.glob(f"*/*/run-{run}-*"))


def catch(storm: Storm, moment: Moment) -> Caught:
    """A run whose worker stands still at that moment; the caller kills something, and has it go on."""
    if moment == "queued":
        worker = storm.child("worker")
        worker.suspend()
        return Caught(storm.desk.ask(), worker)
    deadline = time.monotonic() + PATIENCE
    while (
        time.monotonic() < deadline
    ):  # publishing takes milliseconds: a worker may be out of it before it stands still
        worker, shelf = storm.child("worker"), Shelf(storm)
        run = storm.desk.ask()
        if _stop_at(storm, moment, run, worker, shelf):
            return Caught(run, worker)
        storm.ended(run)
    raise AssertionError(f"no run could be caught while {moment}")


def _stop_at(storm: Storm, moment: Moment, run: int, worker: psutil.Process, shelf: Shelf) -> bool:
    deadline = time.monotonic() + PATIENCE  # whatever happened to the message, the worker looks once a minute
    ask_at = time.monotonic()
    while time.monotonic() < deadline:
        if _is_at(storm, moment, run, shelf):
            worker.suspend()
            if _is_at(storm, moment, run, shelf) and storm.run(run).state is RunState.RUNNING:
                return True
            worker.resume()
        # To ask the row takes longer than publishing does: seldom, before the folder is there.
        if shelf.placed(run) or time.monotonic() >= ask_at:
            ask_at = time.monotonic() + 0.5
            if storm.run(run).state.ended:
                return False
        time.sleep(0.0002)
    raise AssertionError(f"run {run} never came to {moment}")


def _is_at(storm: Storm, moment: Moment, run: int, shelf: Shelf) -> bool:
    if moment in ("lesson", "training"):
        report = storm.run(run)
        return _has_no_lesson(report) if moment == "lesson" else _trains(report)
    return shelf.shows(moment, run)


def _has_no_lesson(report: RunReport) -> bool:
    return report.state is RunState.RUNNING and not report.log


def _trains(report: RunReport) -> bool:
    return report.state is RunState.RUNNING and report.phase is Phase.TRAINING and report.step > 0
