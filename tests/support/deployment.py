"""A deployment as real processes, which a test can find, stop and kill."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from app import bootstrap
from app.bootstrap import Bot
from app.settings import Settings
from app.store.admins import Admins
from tests.support.patience import PATIENCE

ROOT = Path(__file__).parents[2]


def until(what: str, holds: Callable[[], Any], *, within: float = PATIENCE, every: float = 0.1) -> Any:
    """Wait until *holds* says something true, and return it; AssertionError after *within* seconds."""
    deadline = time.monotonic() + within
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {within:.0f} s in vain: {what}"
        time.sleep(every)


def checkout(folder: Path, voices: Path) -> Path:
    """A checkout of this project that ships the base voices of the folder *voices*."""
    (folder / "models").mkdir(parents=True)
    for name in ("app", "worker", "lab", "templates", "migrations"):
        (folder / name).symlink_to(ROOT / name)
    for part in (ROOT / "models").iterdir():
        if part.name not in ("base", "__pycache__"):
            (folder / "models" / part.name).symlink_to(part)
    (folder / "models" / "base").symlink_to(voices)
    return folder


@dataclass
class Started:
    """A process we started, with its log."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def child(self, kind: str) -> psutil.Process | None:
        """Its child that runs `poembot KIND`, if there is one."""
        try:
            for child in psutil.Process(self.process.pid).children():
                if child.cmdline()[1:4] == ["-m", "app.cli", kind]:
                    return child
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            return None
        return None

    def kill(self) -> None:
        """SIGKILL for this process only; its children must notice."""
        self.process.kill()
        self.process.wait()

    def stop(self, within: float = PATIENCE) -> int:
        """SIGTERM; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within)

    def told(self) -> str:
        """Its log."""
        return self.log.read_text("utf-8", "replace")


@dataclass
class Deployment:
    """Processes with one set of settings, and a bot with which a test reads their database; it announces nothing."""

    checkout: Path
    settings: Settings
    logs: Path
    started: list[Started] = field(default_factory=list)
    bot: Bot = field(init=False)

    def __post_init__(self) -> None:
        self.bot = bootstrap.build(self.settings, queue=_Silence())

    @property
    def environment(self) -> dict[str, str]:
        """Environment of the processes."""
        values = self.settings.model_dump(exclude_unset=True)
        told = {f"POEMBOT_{name.upper()}": str(value) for name, value in values.items()}
        quiet = {"OMP_NUM_THREADS": "1", "POEMBOT_DRAFTS": "0"}  # an idle worker would write drafts meanwhile
        return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.logs)} | quiet | told

    def start(self, *command: str, **settings: object) -> Started:
        """Start `poembot COMMAND`, with other *settings* where given."""
        return self.launch([sys.executable, "-m", "app.cli", *command], self._with(settings), command[0])

    def python(self, code: str, name: str, **settings: object) -> Started:
        """Start Python with that code, for a process that was changed for a test."""
        return self.launch([sys.executable, "-c", code], self._with(settings), name)

    def _with(self, settings: Mapping[str, object]) -> dict[str, str]:
        return self.environment | {f"POEMBOT_{name.upper()}": str(value) for name, value in settings.items()}

    def launch(self, command: list[str], environment: Mapping[str, str], name: str) -> Started:
        """Start any command in the checkout."""
        log = self.logs / f"{len(self.started)}-{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=self.checkout,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.started.append(Started(process, log))
        return self.started[-1]

    def poembot(self, *command: str, **settings: object) -> str:
        """Run `poembot COMMAND` to its end; its standard output. CalledProcessError when it fails."""
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", *command],
            cwd=self.checkout,
            env=self._with(settings),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, f"poembot {' '.join(command)}: {done.stderr}"
        return done.stdout

    def token(self) -> str:
        """A bearer token of an admin."""
        with self.bot.transaction() as session:
            Admins(session).create("keeper", "!", bootstrap.now())
            return Admins(session).new_token("keeper", bootstrap.now())

    def close(self) -> None:
        """Kill what still runs, the last started first."""
        for started in reversed(self.started):
            if started.process.poll() is None:
                for child in psutil.Process(started.process.pid).children(recursive=True):
                    with _gone():
                        child.kill()
                started.kill()
        self.bot.close()


class _Silence:
    """A queue that drops its messages."""

    def announce(self, voice: str) -> None:
        """Nothing."""


@contextmanager
def _gone() -> Iterator[None]:
    try:
        yield
    except psutil.NoSuchProcess:
        return


def answers(address: str, path: str = "/readyz") -> bool:
    """Does a web process answer there with 200?"""
    try:
        return httpx.get(address + path, timeout=5).status_code == 200
    except httpx.TransportError:
        return False
