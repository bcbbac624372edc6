"""`poembot` as a process of its own, in a checkout that ships the tiny voice."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app import bootstrap
from app.bootstrap import Bot
from app.settings import Settings
from tests.support.bots import NotedQueue
from tests.support.deployment import checkout
from tests.support.patience import PATIENCE


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


@dataclass(frozen=True)
class Shell:
    """Where commands are given."""

    folder: Path
    home: Path

    @property
    def python(self) -> list[str]:
        """How `poembot` is called there."""
        return [sys.executable, "-m", "app.cli"]

    @property
    def environment(self) -> dict[str, str]:
        """What every command is told."""
        quiet = {"POEMBOT_RETRAIN_EVERY": "0", "POEMBOT_RETRAIN_AFTER": "0", "POEMBOT_SAMPLES": "50"}
        base = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"}
        return base | quiet | {"POEMBOT_HOME": str(self.home)}

    def __call__(self, *command: object, stdin: str = "", **settings: str) -> Said:
        """Give a command."""
        done = subprocess.run(
            [*self.python, *map(str, command)],
            cwd=self.folder,
            env=self.environment | {f"POEMBOT_{name.upper()}": value for name, value in settings.items()},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def open(self) -> Bot:
        """The bot behind it, to look at the truth; close it."""
        return bootstrap.build(Settings(_env_file=None, home=self.home), queue=NotedQueue())


@pytest.fixture(scope="session")
def folder(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with the tiny voice."""
    return checkout(tmp_path_factory.mktemp("checkout") / "poem-bot", shipped)


@pytest.fixture(scope="module")
def poembot(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A shell over an installation that the tests of one file share."""
    return Shell(folder, tmp_path_factory.mktemp("home"))


@pytest.fixture
def bot(poembot: Shell) -> Iterator[Bot]:
    """The bot behind the shell."""
    assert poembot("db", "upgrade").status == 0
    opened = poembot.open()
    yield opened
    opened.close()
