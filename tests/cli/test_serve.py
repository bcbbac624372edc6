"""`poembot serve`: three processes that live and die as one."""

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.cli.conftest import Shell
from tests.support.databases import Databases
from tests.support.deployment import Started, answers, until
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.slow
KINDS = ("web", "worker", "beat")


class Served:
    """A site that was started by `poembot serve`."""

    def __init__(self, shell: Shell, log: Path, *options: str) -> None:
        self.log = log
        with log.open("wb") as file:
            process = subprocess.Popen(
                [*shell.python, "serve", "--port", "0", *options],
                cwd=shell.folder,
                env=shell.environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        self.started = Started(process, log)
        self.family: list[psutil.Process] = []

    @property
    def address(self) -> str:
        """Where it said that it answers."""
        told = until("it answers", lambda: [line for line in self.lines() if line.startswith("poembot: http")])
        return str(told[0].removeprefix("poembot: "))

    def lines(self) -> list[str]:
        """What it wrote so far."""
        return self.started.told().splitlines()

    def child(self, kind: str) -> psutil.Process:
        """The process of that kind."""
        found = until(f"there is a {kind}", lambda: self.started.child(kind))
        assert isinstance(found, psutil.Process)
        self.family.append(found)
        return found

    def replaced(self, kind: str, pid: int) -> bool:
        """Is there another process of that kind than the one of that id?"""
        return self.child(kind).pid != pid

    def gone(self) -> bool:
        """Is none of its processes left?"""
        return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in self.family)


@pytest.fixture
def served(poembot: Shell, tmp_path: Path) -> Iterator[Served]:
    """A running site with all its children."""
    site = Served(poembot, tmp_path / "serve.log")
    try:
        assert answers(site.address)
        for kind in KINDS:
            site.child(kind)
        yield site
    finally:
        if site.started.process.poll() is None:
            site.started.process.kill()
            site.started.process.wait()
        for process in site.family:
            if process.is_running():
                process.kill()


def test_a_webs_threads_share_two_heaps(served: Served) -> None:
    """Glibc is told so before the process begins; a worker, which has few threads, is left alone."""
    assert served.child("web").environ()["MALLOC_ARENA_MAX"] == "2"
    assert "MALLOC_ARENA_MAX" not in served.child("worker").environ()


def test_sigterm_leaves_nobody_behind(served: Served) -> None:
    """It is told to go, and within seconds all of it has gone; it had said how to make an admin."""
    assert any("poembot admin create NAME" in line for line in served.lines())

    assert served.started.stop() == 0

    until("all are gone", served.gone)


def test_ctrl_c_is_as_good(served: Served) -> None:
    """SIGINT stops all of it, without a traceback."""
    served.started.process.send_signal(signal.SIGINT)

    assert served.started.process.wait(PATIENCE) == 0
    until("all are gone", served.gone)
    assert "Traceback" not in served.started.told()


def test_children_do_not_outlive_a_killed_parent(served: Served) -> None:
    """`kill -9` of the parent: the kernel tells the children, and they go."""
    served.started.kill()

    until("all are gone", served.gone)


def test_a_dead_child_is_started_again(served: Served) -> None:
    """Whichever is killed, it comes back, and the others do not notice."""
    address, before = served.address, {kind: served.child(kind).pid for kind in KINDS}

    for kind in ("worker", "web"):
        psutil.Process(before[kind]).kill()

    for kind in ("worker", "web"):
        until(f"{kind} is back", partial(served.replaced, kind, before[kind]))
    until("the site answers", lambda: answers(address))
    assert served.child("beat").pid == before["beat"]


def test_production_without_an_operator_is_warned_once(
    poembot: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many processes there are."""
    production = poembot.environment | {"POEMBOT_ENV": "production"}
    monkeypatch.setattr(Shell, "environment", property(lambda _self: production))
    site = Served(poembot, tmp_path / "serve.log", "--web-workers", "2", "--no-worker")
    try:
        until("it says where it answers", lambda: site.address)
        warned = [line for line in site.lines() if "privacy.unnamed" in line]
        assert len(warned) == 1
        assert "POEMBOT_CONTACT" in warned[0]
    finally:
        site.started.stop()


def test_two_webs_share_the_port(poembot: Shell, tmp_path: Path) -> None:
    """One dies, the other answers; without a worker there is neither worker nor beat."""
    site = Served(poembot, tmp_path / "serve.log", "--web-workers", "2", "--no-worker")
    try:
        address = site.address
        children = psutil.Process(site.started.process.pid).children()
        site.family = children
        assert [child.cmdline()[3] for child in children] == ["web", "web"]
        until("the first answers", lambda: answers(address))
        time.sleep(2)

        children[0].kill()

        assert all(answers(address, "/healthz") for _ in range(10))
    finally:
        site.started.stop()
    until("all are gone", site.gone)


def test_a_taken_port_is_one_line(poembot: Shell) -> None:
    """Nothing was started, and the line says what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        said = poembot("serve", "--port", port)

    assert said.complaint == f"cannot listen on 127.0.0.1:{port}: Address already in use; choose another with --port"
    assert said.status == 1


def test_an_old_schema_elsewhere_is_refused(poembot: Shell, databases: Databases, tmp_path: Path) -> None:
    """Only an embedded database is migrated without being asked; on Postgres the line says how."""
    with databases.settings("scaled", tmp_path, empty=True) as settings:
        said = poembot("serve", "--port", 0, database_url=settings.database)

    assert said.complaint == "the database has an old schema; run `poembot db upgrade` first"
    assert said.status == 1
