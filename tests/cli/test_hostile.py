"""Every command against whatever may be typed: one line that says what is wrong, never a traceback."""

import unicodedata
from collections.abc import Iterable, Iterator
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


def some_nightly(kinds: Iterable[str], *always: str) -> list[Any]:
    """All *kinds*, most of them for the night; a day's run has those that differ most."""
    return [kind if kind in always else pytest.param(kind, marks=pytest.mark.nightly) for kind in kinds]


@pytest.fixture
def home(databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """An installation of its own, to which commands given here go."""
    with databases.settings("embedded", tmp_path / "home") as settings:
        monkeypatch.setenv("POEMBOT_HOME", str(settings.home))
        monkeypatch.setenv("POEMBOT_DATABASE_URL", settings.database_url)
        yield monkeypatch


@pytest.mark.slow
@pytest.mark.parametrize("kind", some_nightly(HOSTILE, "nul", "half-surrogate", "path", "number"))
def test_no_command_fails(
    kind: str, home: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """In every argument and every option: it is done, it fails in words, or it was used wrongly."""
    (tmp_path / "here").mkdir()
    home.chdir(tmp_path / "here")
    found = list(commands())
    assert len(found) > 15
    for name, command in found:
        for words in asked(command, HOSTILE[kind]):
            capfd.readouterr()
            assert cli.run([*name, *words]) in (0, 1, 2), (name, words)
            assert "Traceback" not in capfd.readouterr().err, (name, words)


POEM = "봄비가 온다\n창을 닫는다\n\n"
FILES = {
    "empty": b"",
    "white": b" \n\n\t\n",
    "nul": b"a\0b\n" * 300,
    "binary": bytes(range(256)) * 400,
    "half-surrogate": b"\xed\xa0\x80" * 300,
    "utf-16": (POEM * 100).encode("utf-16"),
    "bom": b"\xef\xbb\xbf" + POEM.encode() * 50,
    "zalgo": ("Z" + "\u0301" * 60).encode() * 20,
    "right-to-left": "\u202e나는 거꾸로\u2066\n".encode() * 100,
    "family": "👨‍👩‍👧‍👦\n".encode() * 200,
    "jamo": unicodedata.normalize("NFD", POEM * 100).encode(),
    "markup": b"<script>alert(1)</script>\n{{ 7*7 }}\n'; DROP TABLE poems; --\n\n" * 50,
    "deep": b"[" * 100_000,
    "one-line-of-a-megabyte": b"a b " * 2**18,
    "ten-megabytes": b"\n" * 10 * 2**20 + POEM.encode(),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", some_nightly(FILES, "empty", "half-surrogate", "deep", "jamo"))
def test_no_file_fails(
    kind: str, home: pytest.MonkeyPatch, shipped: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Wherever a command takes a text, a folder or a password: the same, and no file makes it say more than a line."""
    file, folder = tmp_path / "file", tmp_path / "folder"
    file.write_bytes(FILES[kind])
    folder.mkdir()
    for name in ("meta.json", "manifest.json"):
        (folder / name).write_bytes(FILES[kind])
    orders: list[list[object]] = [
        ["moderate", "screen", file],
        ["sample", "--folder", folder],
        ["voice", "add", "haiku", "--language", "ko", "--title", "하이쿠", "--folder", folder],
        ["restore", folder, "--yes"],
        ["admin", "create", "keeper", "--password-stdin"],
    ]
    if len(FILES[kind]) < 2**19:  # what is well formed is read, and that takes its time
        orders += [
            ["evaluate", "--text", file, "--folder", shipped / "sibot"],
            ["train", "--text", file, "--out", tmp_path / "out", "--size", "8", "--minutes", "0.01"],
        ]
    for words in orders:
        with file.open(encoding="utf-8", errors="surrogateescape") as typed:
            home.setattr("sys.stdin", typed)
            capfd.readouterr()
            assert cli.run([str(word) for word in words]) in (0, 1, 2), words
        said = capfd.readouterr().err
        assert "Traceback" not in said, words
        assert len(said) < 2000, words


MANIFESTS = (
    "[]", "null", '"x"', "{}", '{"format":1,"files":[]}', '{"format":1,"files":{}}', '{"format":1,"files":{"a":1}}',
    '{"format":1,"files":{},"schema":7,"release":null,"made":"x","tables":{}}', '{"format":NaN}', "[" * 5000,
    '{"format":1,"files":{},"schema":"0001","release":"x","made":"x","tables":{"voices":1}}',
)  # fmt: skip


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_no_manifest_fails(
    manifest: str, home: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """What says it is a backup and is none is refused before anything is emptied."""
    (tmp_path / "manifest.json").write_text(manifest)
    assert cli.run(["restore", str(tmp_path), "--yes"]) == 1
    assert "is no backup" in capfd.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["serve", "--host", "\udc80"],
        ["serve", "--host", "no such host"],
        ["serve", "--port", "65536"],
        ["serve", "--port", "9" * 400],
        ["serve", "--web-workers", "-1"],
        ["lab", "hello", "--seed", "9" * 20],
        ["lab", "hello", "--layers", "nan"],
        ["bench", "decode", "--voice", "../../x"],
        ["bench", "soak", "--seconds", "nan"],
        ["simulate", "--audience", "/dev/null"],
        ["simulate", "--rounds", "9" * 400],
    ],
)
def test_what_runs_long_is_refused_at_once(
    words: list[str], home: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The commands that would do what they are for, where they could not."""
    assert cli.run(words) in (1, 2)
    assert "Traceback" not in capfd.readouterr().err
