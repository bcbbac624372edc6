"""The command line is told how to be used, in one line, and never with a traceback."""

import json
import keyword
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Said, Shell

BAD_USE = [
    (("sing",), "No such command 'sing'."),
    (("sample",), "name a voice with --voice, or a folder with --folder"),
    (("sample", "--voice", "nobody"), "voice nobody is not known here"),
    (("sample", "--voice", "sibot", "--version", "7"), "version sibot 7 is not known here"),
    (("sample", "--voice", "sibot", "--temperature", "9"), "the temperature lies between 0.3 and 1.5"),
    (("sample", "--voice", "sibot", "--lines", "0"), "Invalid value for '--lines'"),
    (("promote", "sibot", "zwei"), "Invalid value for 'number'"),
    (("promote", "sibot"), "Missing argument 'number'."),
    (("evaluate", "--text", "nowhere.txt", "--voice", "sibot"), "Invalid value for '--text'"),
    (("retrain", "--voice", "nobody"), "voice nobody is not known here"),
    (("versions", "--voice=nobody"), "voice nobody is not known here"),
    (("retrain", "nobody"), "voice nobody is not known here"),
    (("retrain", "--voice"), "Missing argument 'VOICE'"),
    (("cancel", "99"), "run 99 is not known here"),
    (("moderate", "approve", "99"), "submission 99 is not known here"),
    (("admin", "token", "nobody"), "there is no admin nobody"),
    (("admin", "create", "keeper"), "there is no terminal to ask for a password; use --password-stdin"),
    (("voice", "add", "desk", "--language", "ko", "--title", "책상", "--text", "README"), "Invalid value for '--text'"),
    (("lab", "hello", "--cell", "cnn"), "Invalid value for '--cell'"),
    (("voice", "add", "desk", "--language", "ko", "--title", "길", "--folder", "models/base/sibot"), "desk"),
    (("voice", "add", "시", "--language", "ko", "--title", "길", "--folder", "models/base/sibot"), "시"),
    (("simulate", "--strategies", "luck"), "choose strategies among none, ancestor, voice, taste, ours"),
    (("simulate", "--judged", "20", "--rounds", "9"), "a round has one poem of five lines at least: more --judged"),
    (("simulate", "--audience", keyword.__file__), "is no audience: it defines no audience, expect, TRIGGER"),
    (("simulate", "--voice", "nobody"), "voice nobody is not known here"),
    (("db",), "a command is missing; see --help"),
    (("export", "--out", "no/such/folder/file"), "cannot be written"),
]


ALL_AT_ONCE = """
import contextlib, io, json, sys
from app.cli import run
told = []
for command in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run(command)
    told.append([status, out.getvalue(), err.getvalue()])
print(json.dumps(told))
"""
"""One process for many wrong commands: to start one takes longer than to refuse it."""


@pytest.fixture(scope="module")
def refusals(poembot: Shell) -> dict[tuple[str, ...], Said]:
    """What is said to each wrong command."""
    commands = [command for command, _ in BAD_USE]
    told = subprocess.run(
        [sys.executable, "-c", ALL_AT_ONCE, json.dumps(commands)],
        cwd=poembot.folder,
        env=poembot.environment,
        check=True,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    said = json.loads(told.stdout.splitlines()[-1])
    return {command: Said(*one) for command, one in zip(commands, said, strict=True)}


@pytest.mark.parametrize(("command", "complaint"), BAD_USE, ids=[" ".join(command) for command, _ in BAD_USE])
def test_bad_use_is_one_line_and_status_2(
    refusals: dict[tuple[str, ...], Said], command: tuple[str, ...], complaint: str
) -> None:
    """Whatever was wrong, the line says what, and stdout stays empty."""
    said = refusals[command]

    assert complaint in said.complaint
    assert (said.status, said.out) == (2, "")


def test_a_process_ends_with_that_status(poembot: Shell) -> None:
    """As above, from a real shell."""
    command = [*poembot.python, "sample", "--voice", "nobody"]
    done = subprocess.run(
        command, cwd=poembot.folder, env=poembot.environment, check=False, capture_output=True, text=True
    )

    assert (done.returncode, done.stdout, done.stderr) == (2, "", "poembot: voice nobody is not known here\n")


def test_a_wrong_setting_is_named(poembot: Shell) -> None:
    """The line names the environment variable."""
    said = poembot("versions", "sibot", lease="-1")

    assert said.complaint.startswith("POEMBOT_LEASE: ")
    assert said.status == 2


def test_production_insists(poembot: Shell) -> None:
    """Limits off are refused where strangers come."""
    said = poembot("versions", "sibot", env="production", limits="off")

    assert "POEMBOT_LIMITS=off is refused in production" in said.complaint
    assert said.status == 2


def test_an_unreachable_database_is_one_line(poembot: Shell) -> None:
    """No traceback when Postgres is away; the command failed, it wasn't used wrongly."""
    said = poembot("versions", "sibot", database_url="postgresql+psycopg://nobody@127.0.0.1:1/nothing")

    assert "connection" in said.complaint
    assert said.status == 1


def test_a_command_about_versions_is_quick(poembot: Shell) -> None:
    """Once the database is ready, it loads neither network nor site nor Alembic."""
    assert poembot("versions", "sibot").status == 0
    code = (
        "import sys; from app.cli import run; assert run(['versions', 'sibot']) == 0\n"
        "heavy = {'torch', 'fastapi', 'celery', 'onnxruntime', 'numpy', 'alembic'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=poembot.folder,
        env=poembot.environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def test_help_is_quick(folder: Path) -> None:
    """Help loads neither torch nor the database nor the site."""
    code = (
        "import sys; from app.cli import run; assert run(['--help']) == 0; assert run([]) == 0\n"
        "heavy = {'torch', 'sqlalchemy', 'fastapi', 'celery', 'onnxruntime'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, capture_output=True, text=True)

    for command in (
        "serve",
        "worker",
        "beat",
        "sample",
        "evaluate",
        "train",
        "voice",
        "retrain",
        "cancel",
        "promote",
        "bench",
        "simulate",
    ):
        assert f"\n  {command} " in told.stdout
