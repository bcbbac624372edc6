"""Every command against whatever may be typed: one line that says what is wrong, never a traceback."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from app import cli
from tests.support.databases import Databases

LONG_RUNNING = {"serve", "worker", "web", "beat", "simulate", "hello", "bench", "lab", "taste"}
"""They would do what they are for."""
HOSTILE = {
    "empty": "",
    "nul": "a\0b",
    "half-surrogate": "\udc80\ud800",
    "escape": "\x1b[31m\x07",
    "zalgo": "Z" + "\u0301" * 60,
    "right-to-left": "\u202e나는 거꾸로",
    "family": "👨‍👩‍👧‍👦",
    "sql": "'; DROP TABLE poems; --",
    "path": "../../../../etc/shadow/x",
    "format": "{0.__class__}%s%n",
    "number": "9" * 400,
    "negative": "-1",
    "nan": "nan",
    "long": "a" * 100_000,
}


def commands(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with its name, as the program itself knows them."""
    root: Any = group or get_command(cli.app)
    for name, command in root.commands.items():
        if name in LONG_RUNNING:
            continue
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def asked(command: Any, value: str) -> Iterator[list[str]]:
    """The command with *value* for all it must be told, then for each thing it may be told besides."""
    must = [
        part for p in command.params if p.required for part in ([p.opts[0]] if p.opts[0][0] == "-" else []) + [value]
    ]
    yield must
    for option in command.params:
        if option.opts[0].startswith("-") and not option.required and not getattr(option, "is_flag", False):
            yield [*must, option.opts[0], value]


@pytest.mark.slow
@pytest.mark.parametrize("kind", HOSTILE)
def test_no_command_fails(
    kind: str, databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """In every argument and every option: it is done, it fails in words, or it was used wrongly."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    found = list(commands())
    assert len(found) > 15
    with databases.settings("embedded", tmp_path / "home") as settings:
        monkeypatch.setenv("POEMBOT_HOME", str(settings.home))
        monkeypatch.setenv("POEMBOT_DATABASE_URL", settings.database_url)
        for name, command in found:
            for words in asked(command, HOSTILE[kind]):
                capfd.readouterr()
                assert cli.run([*name, *words]) in (0, 1, 2), (name, words)
                assert "Traceback" not in capfd.readouterr().err, (name, words)
