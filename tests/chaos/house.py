"""A house: an installation on one machine, SQLite and files, that is stopped, robbed, put back and started again."""

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from app.domain.run import RunReport
from app.settings import Settings
from app.store.runs import Runs
from app.store.versions import Versions
from tests.chaos.desk import Desk
from tests.support.deployment import Deployment, Started, answers, checkout, until
from tests.support.patience import PATIENCE
from tests.support.servers import free_port

CLOCK = '''"""Laid before Python's own: this process' clock goes wrong by so many seconds as a file says."""

import datetime
import os
import time

_time, _file = time.time, os.environ["WRONG_BY"]


def _now():
    with open(_file) as told:
        return _time() + float(told.read() or 0)


class Wrong(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(_now(), tz)


time.time, datetime.datetime = _now, Wrong
'''


@dataclass
class Clock:
    """The clock of processes that are started with its environment."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir()
        (self.folder / "sitecustomize.py").write_text(CLOCK, "utf-8")
        self.jump(0)

    @property
    def environment(self) -> dict[str, str]:
        """What a process must be told."""
        return {"PYTHONPATH": str(self.folder), "WRONG_BY": str(self.folder / "wrong_by")}

    def jump(self, seconds: float) -> None:
        """From now on it is wrong by that much."""
        fresh = self.folder / "fresh"
        fresh.write_text(str(seconds), "utf-8")
        fresh.rename(self.folder / "wrong_by")


@dataclass
class House:
    """The installation."""

    deployment: Deployment
    address: str
    token: str = ""
    site: Started | None = None

    def up(self, more: dict[str, str] | None = None) -> None:
        """Start site, worker and beat."""
        command = [*self.poembot, "serve", "--port", self.address.rpartition(":")[2]]
        self.site = self.deployment.launch(command, self.deployment.environment | (more or {}), "serve")
        until("the site is ready", lambda: answers(self.address))

    def down(self) -> None:
        """Stop it, and let its signs of life fade: `restore` believes them."""
        assert self.site is not None
        assert self.site.stop() == 0
        with self.deployment.bot.database.begin() as connection:
            connection.exec_driver_sql("DELETE FROM pulses")

    @property
    def poembot(self) -> list[str]:
        """How the command line is called."""
        return [sys.executable, "-m", "app.cli"]

    def child(self, kind: str) -> psutil.Process:
        """Its web, worker or beat."""
        assert self.site is not None
        found = until(f"there is a {kind}", lambda: self.site and self.site.child(kind))
        assert isinstance(found, psutil.Process)
        return found

    @property
    def desk(self) -> Desk:
        """What an admin can do."""
        return Desk(self.address, self.token)

    def taught(self) -> RunReport:
        """A run that is asked for now, once it has ended."""
        run = self.desk.ask()
        until(f"run {run} ends", lambda: self.run(run).state.ended)
        return self.run(run)

    def run(self, number: int) -> RunReport:
        """The run as it stands."""
        with self.deployment.bot.reading() as session:
            return Runs(session).one(number)

    def folder(self, number: int) -> Path:
        """Where a version lies."""
        with self.deployment.bot.reading() as session:
            return Path(self.deployment.settings.shelf) / Versions(session).one("sibot", number).folder

    def ticked(self) -> set[int]:
        """Lines that are ticked, by the table."""
        with self.deployment.bot.reading() as session:
            ticks = session.connection().exec_driver_sql("SELECT line_id FROM ticks WHERE NOT taken_back")
            return {row[0] for row in ticks}

    def serves(self, number: int) -> None:
        """Wait until it writes with that version."""

        def writes() -> bool:
            answer = httpx.post(f"{self.address}/api/v1/voices/sibot/poems", json={"seed": 1}, timeout=PATIENCE)
            return answer.status_code == 201 and answer.json()["version"] == number

        until(f"it writes with version {number}", writes)


@contextmanager
def built(folder: Path, voices: Path, **settings: object) -> Iterator[House]:
    """A house with a first tick to learn from, running; gone afterwards."""
    values = {"home": folder / "home", "secret_key": "only for tests " * 4, "limits": "off"}
    quiet = {"retrain_every": 0, "retrain_after": 0, "trial_share": 0, "lesson_steps": 30, "dreams": 40, "samples": 20}
    deployment = Deployment(
        checkout(folder / "checkout", voices), Settings.model_validate({**values, **quiet, **settings}), folder
    )
    try:
        deployment.poembot("db", "upgrade")
        house = House(deployment, f"http://127.0.0.1:{free_port()}", deployment.token())
        house.up()
        with httpx.Client(base_url=house.address, timeout=PATIENCE) as client:
            for _ in range(2):
                poem = client.post("/api/v1/voices/sibot/poems", json={}).json()
                for line in poem["lines"]:
                    client.put(f"/api/v1/lines/{line['id']}/tick").raise_for_status()
        yield house
    finally:
        deployment.close()


@contextmanager
def full_disk(process: psutil.Process, at: int) -> Iterator[None]:
    """No file of that process grows beyond so many bytes meanwhile."""
    free = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    process.rlimit(resource.RLIMIT_FSIZE, (at, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        process.rlimit(resource.RLIMIT_FSIZE, free)
        time.sleep(0.1)
