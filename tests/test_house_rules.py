"""The house rules that no linter knows."""

import ast
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.loopback import Reached, is_local

ROOT = Path(__file__).parents[1]
ROOMS = ("app", "worker", "models", "migrations")
LONGEST_FILE = 500
LAYERED_NAMES = {"models.py", "utils.py", "helpers.py", "service.py", "services.py", "manager.py", "handlers.py"}
WAYS_IN = {"transaction", "begin", "begin_nested", "sessions", "Session", "connect", "raw_connection"}
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
UNSAFE_CALLS = {"eval", "exec", "compile", "__import__"}


def sources(*rooms: str) -> list[Path]:
    """The Python files of those rooms."""
    return sorted(file for room in rooms for file in (ROOT / room).rglob("*.py"))


def nodes(*rooms: str) -> Iterator[tuple[str, ast.AST]]:
    """Every node of the rooms' syntax trees, with where it stands."""
    for file in sources(*rooms):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            yield f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}", node


def imported(node: ast.AST) -> set[str]:
    """The packages that a node imports."""
    if isinstance(node, ast.Import):
        return {name.name.partition(".")[0] for name in node.names}
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return {node.module.partition(".")[0]}
    return set()


def called(node: ast.AST) -> str:
    """The last name of what a node calls; "" when it calls nothing by name."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def test_nobody_commits() -> None:
    """`session.begin()` in the unit of work does, and nothing else (decision 0042)."""
    assert [place for place, node in nodes(*ROOMS, "lab") if called(node) == "commit"] == []


def opens(node: ast.AST) -> str:
    """How a node gets at the database so that it could write; "" when it does not."""
    if isinstance(node, ast.ImportFrom):
        return "import" if "transaction" in {name.name for name in node.names} else ""
    if called(node) == "connect" and ast.unparse(node).startswith("signals."):  # Celery's
        return ""
    return called(node) if called(node) in WAYS_IN else ""


def test_only_actions_open_transactions_that_write() -> None:
    """What can happen has one place: a page, a task or a command that wrote by itself would go past rule and audit.

    To restore a backup is no deed of the bot's: it puts all rows back, those of the audit too (decision 0042). The
    doctor connects to see whether the database answers; a baseline of the benches has a database of its own.
    """
    at_all = ("app/store/", "app/backup.py:")
    allowed = {
        "transaction": (*at_all, "app/actions/", "app/bootstrap.py:"),
        "connect": (*at_all, "app/doctor.py:", "lab/bench/baselines.py:"),
    }
    opened = [(place, how) for place, node in nodes("app", "worker", "lab") if (how := opens(node))]

    assert [(place, how) for place, how in opened if not place.startswith(allowed.get(how, at_all))] == []
    assert any(place.startswith("app/actions/") for place, _ in opened)


def test_only_read_models_and_actions_look_into_the_database() -> None:
    """What is shown has one place too, where nothing is written (decision 0042): who renders has no session.

    Backup and doctor look at the tables as such; the health check of a container has no bot.
    """
    looks = {"app/actions/", "app/backup.py:", "app/bootstrap.py:", "app/doctor.py:", "app/reads/", "worker/pulse.py:"}
    found = [place for place, node in nodes("app", "worker", "lab") if called(node) in {"reading", "reads"}]

    assert {place for place in found if not place.startswith(("app/store/", *looks))} == set()
    assert any(place.startswith("app/reads/") for place in found)


@pytest.mark.parametrize(
    "way",
    [
        "bot.transaction()",
        "bot.sessions()",
        "bot.database.begin()",
        "bot.database.connect()",
        "bot.database.raw_connection()",
        "Session(bot.database)",
        "from app.store.session import transaction as unit",
    ],
)
def test_no_way_to_a_transaction_is_overlooked(way: str) -> None:
    """Each is noticed, wherever it stands."""
    assert any(opens(node) for node in ast.walk(ast.parse(way)))


def test_who_has_a_bot_asks_its_clock() -> None:
    """Else a test, or a simulation, that sets the clock would set one of two.

    The store knows no bot (what a trial's readers are told yet is asked in its queries; a lease goes by the database's
    clock); nor do a filter of a page, the name and card of a new voice, and the health check of a container.
    """
    store = {"app/store/poems.py", "app/store/session.py", "app/store/versions.py"}
    without = {"app/web/http/page.py", "app/commands/beside.py", "app/commands/train.py", "worker/pulse.py"}
    given = {"worker/trainer.py"}  # calls the clock that the runner hands it
    read = {place.partition(":")[0] for place, node in nodes("app", "worker") if called(node) in {"now", "utcnow"}}

    assert read == {"app/bootstrap.py", *store, *without, *given}


def test_nothing_is_unpickled_or_evaluated() -> None:
    """A version folder from elsewhere must not be able to run code here."""
    loads = [place for place, node in nodes(*ROOMS) if imported(node) & UNSAFE_MODULES]
    calls = [
        place
        for place, node in nodes(*ROOMS)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in UNSAFE_CALLS
    ]
    torch_loads = [
        place
        for place, node in nodes(*ROOMS)
        if called(node) == "load" and ast.unparse(node).startswith(("torch.load", "pickle.load"))
    ]

    assert (loads, calls, torch_loads) == ([], [], [])


def test_files_are_named_after_deeds() -> None:
    """The tree shows what is done here, not which layer does it."""
    assert [str(f.relative_to(ROOT)) for f in sources("app", "worker", "models") if f.name in LAYERED_NAMES] == []


def test_no_file_is_too_long_to_read() -> None:
    """Five hundred lines at most: one thing may be that long, and cutting it by length is worse."""
    long = {
        str(file.relative_to(ROOT)): lines
        for file in sources("app", "worker", "models")
        if (lines := len(file.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE
    }
    assert long == {}


def test_the_domain_knows_no_framework() -> None:
    """Words and rules need the standard library, and `regex`, which knows what a letter is in every script."""
    foreign = {
        f"{place}: {name}"
        for place, node in nodes("app/domain")
        for name in imported(node) - set(sys.stdlib_module_names) - {"app", "regex"}
    }
    assert foreign == set()


def test_no_test_is_a_mock() -> None:
    """Fakes run under the same tests as what they stand for; mocks agree with everything."""
    assert [place for place, node in nodes("tests") if called(node) in {"Mock", "MagicMock", "AsyncMock"}] == []
    patched = [place for place, node in nodes("tests") if "unittest.mock" in ast.unparse(node)[:200]]
    assert [place for place in patched if not place.startswith("tests/test_house_rules.py")] == []


def test_templates_hold_no_script_of_their_own() -> None:
    """The Content-Security-Policy would not run it: no inline script, no handler, no foreign address."""
    inline = re.compile(r"<script(?![^>]*\ssrc=)|<\w[^>%]*\s(?:on[a-z]+|style)\s*=|javascript:", re.IGNORECASE)
    foreign = re.compile(r"(?:src|href)\s*=\s*[\"'](?:https?:)?//", re.IGNORECASE)
    found = [
        f"{file.relative_to(ROOT)}: {match.group(0)}"
        for file in sorted((ROOT / "templates").rglob("*.html"))
        for pattern in (inline, foreign)
        for match in pattern.finditer(file.read_text(encoding="utf-8"))
        if "application/" not in match.group(0)
    ]
    assert found == []


def python(code: str) -> subprocess.CompletedProcess[str]:
    """What a fresh interpreter says to *code*."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.mark.parametrize("module", ["torch", "celery", "kombu"])
def test_a_web_process_starts_without(module: str, tmp_path: Path) -> None:
    """Torch costs hundreds of megabytes and is never needed; Celery comes with the first announcement."""
    code = (
        "import os, sys\n"
        f"os.environ['POEMBOT_HOME'] = {str(tmp_path)!r}\n"
        "import app.asgi\n"
        "assert app.asgi.app.routes\n"
        f"print(sorted(name for name in sys.modules if name.partition('.')[0] == {module!r})[:3])\n"
    )
    done = python(code)

    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


@pytest.mark.parametrize(
    ("address", "local"),
    [
        (("127.0.0.1", 80), True),
        (("127.9.9.9", 80), True),
        (("::1", 80, 0, 0), True),
        (("localhost", 80), True),
        ("/run/a.socket", True),
        (("93.184.215.14", 80), False),
        (("10.0.0.1", 80), False),
        (("::ffff:93.184.215.14", 80, 0, 0), False),
        (("example.org", 80), False),
    ],
)
def test_only_this_machine_is_local(address: object, local: bool) -> None:
    """Paths and the loopback; names that somebody else resolves are not."""
    assert is_local(address) is local


def test_a_test_that_leaves_the_machine_fails() -> None:
    """The guard is up: connecting elsewhere raises before a packet is sent."""
    with socket.socket() as outside, pytest.raises(Reached):
        outside.connect(("192.0.2.1", 80))
