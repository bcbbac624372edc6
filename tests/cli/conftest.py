"""`poembot` as a process of its own, in a checkout that ships the tiny voice.

To import everything takes a second, most commands a tenth of that: each command is a fork of a process that has
imported it, but for ONNX Runtime: that starts a thread, which no fork survives. Tests of how a process starts, or what
it imports, start one themselves.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from app import bootstrap
from app.bootstrap import Bot
from app.settings import Settings
from tests.support.bots import NotedQueue
from tests.support.deployment import checkout


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The object on the last line of stdout."""
        return json.loads(self.out.splitlines()[-1])

    @property
    def complaint(self) -> str:
        """The one line on stderr that says what is wrong; AssertionError when it is not one clear line."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("poembot: ")
        return lines[0].removeprefix("poembot: ")


FORKS = """
import gc, json, os, sys
import alembic.command, onnx, torch
import app.actions, app.bootstrap, app.store.migrations, models.train
from app import cli
gc.freeze()
for row in sys.stdin:
    order = json.loads(row)
    child = os.fork()
    if not child:
        os.environ.clear()
        os.environ.update(order["environment"])
        for number, (name, flags) in enumerate(zip(order["files"], (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY))):
            os.dup2(os.open(name, flags), number)
        sys.stdin = open(0, closefd=False)
        status = cli.run(order["command"])
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)  # to take the interpreter down takes ten times as long as most commands
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@dataclass(frozen=True)
class Shell:
    """Where commands are given."""

    folder: Path
    home: Path
    forks: "subprocess.Popen[str]"

    @property
    def python(self) -> list[str]:
        """How `poembot` is called there."""
        return [sys.executable, "-m", "app.cli"]

    @property
    def environment(self) -> dict[str, str]:
        """What every command is told."""
        quiet = {
            "POEMBOT_RETRAIN_EVERY": "0",
            "POEMBOT_RETRAIN_AFTER": "0",
            "POEMBOT_SAMPLES": "50",
            "POEMBOT_DRAFTS": "0",
        }
        base = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"}
        return base | quiet | {"POEMBOT_HOME": str(self.home)}

    def __call__(self, *command: object, stdin: str = "", **settings: str) -> Said:
        """Give a command."""
        assert self.forks.stdin
        assert self.forks.stdout
        with TemporaryDirectory() as folder:
            files = [Path(folder) / name for name in ("in", "out", "err")]
            for file, text in zip(files, (stdin, "", ""), strict=True):
                file.write_text(text, encoding="utf-8")
            order = {
                "command": [*map(str, command)],
                "environment": self.environment
                | {f"POEMBOT_{name.upper()}": value for name, value in settings.items()},
                "files": [*map(str, files)],
            }
            self.forks.stdin.write(json.dumps(order) + "\n")
            self.forks.stdin.flush()
            return Said(int(self.forks.stdout.readline()), *(file.read_text(encoding="utf-8") for file in files[1:]))

    def open(self) -> Bot:
        """The bot behind it, to look at the truth; close it."""
        return bootstrap.build(Settings(_env_file=None, home=self.home), queue=NotedQueue())


@pytest.fixture(scope="session")
def folder(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with the tiny voice."""
    return checkout(tmp_path_factory.mktemp("checkout") / "poem-bot", shipped)


@pytest.fixture(scope="session")
def forks(folder: Path) -> "Iterator[subprocess.Popen[str]]":
    """The process that has imported everything."""
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", FORKS], cwd=folder, env=environment, stdin=pipe, stdout=pipe, text=True
    ) as process:
        yield process
        assert process.stdin
        process.stdin.close()


@pytest.fixture(scope="module")
def poembot(folder: Path, forks: "subprocess.Popen[str]", tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A shell over an installation that the tests of one file share."""
    return Shell(folder, tmp_path_factory.mktemp("home"), forks)


@pytest.fixture
def bot(poembot: Shell) -> Iterator[Bot]:
    """The bot behind the shell."""
    assert poembot("db", "upgrade").status == 0
    opened = poembot.open()
    yield opened
    opened.close()
