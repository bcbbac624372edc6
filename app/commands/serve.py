"""`serve`, `worker`, `beat`: the processes of a deployment, together or one by one.

`serve` is a supervisor: it starts the others as child processes, restarts one that dies, with exponential back-off, and
stops all of them on a signal. If the supervisor itself is killed, its children stop too.
"""

import ctypes
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Annotated

import structlog
import typer

from app.commands.shell import BadUse, Failed, opened, prepare, settings_of_environment

commands = typer.Typer()
Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: a free one.")]
Webs = Annotated[int, typer.Option("--web-workers", min=1, max=64, help="Web processes that share the port.")]


@commands.command()
def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    web_workers: Webs = 1,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Only the site, without worker and beat.")] = False,
) -> int:
    """Run site, worker and beat, and restart one that dies."""
    from app import reads
    from app.bootstrap import build

    if not host.isprintable():
        raise BadUse(f"{host!r} is not the name of a machine")
    settings = settings_of_environment(loud=True)
    try:
        listening = listen(host, port)
    except OSError as error:
        # The system's message; the error of a name that cannot be resolved has no number of the system.
        number = error.errno or 0
        reason = os.strerror(number) if number > 0 else error.strerror or str(error)
        raise Failed(f"cannot listen on {host}:{port}: {reason}; choose another with --port") from None
    with closing(build(settings)) as bot:
        prepare(bot)
        orphaned = not reads.desk.has_admin(bot)
    if settings.unnamed:
        log.warning("privacy.unnamed", missing=settings.unnamed, page="/privacy")
    hint = "make an admin with `poembot admin create NAME`, then open /desk" if orphaned else None
    return Supervisor(listening, webs=web_workers, worker=not no_worker, hint=hint).run()


@commands.command(hidden=True)
def web(fd: Annotated[int, typer.Option(help="File descriptor of the listening socket.")]) -> None:
    """Run one web process of `serve`, on a socket that the supervisor opened."""
    import uvicorn

    from app.web.http.connection import BoundedHttp, open_many_files

    settings = settings_of_environment(loud=True)
    open_many_files()
    config = uvicorn.Config(
        "app.asgi:app",
        http=BoundedHttp,
        log_config=None,
        access_log=False,
        server_header=False,
        # The site itself reads the headers of proxies (POEMBOT_TRUSTED_PROXIES).
        proxy_headers=False,
        timeout_graceful_shutdown=5 if settings.env == "development" else 20,
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=fd)])


@commands.command()
def worker() -> int:
    """Run a worker, which trains versions, until it gets a signal."""
    from worker import tasks

    with opened(loud=True) as bot:
        return tasks.work(bot)


@commands.command()
def beat() -> None:
    """Run the scheduler: it starts due runs and finds lost ones every few seconds. One is enough."""
    from worker import tasks

    with opened(loud=True) as bot:
        tasks.beat(bot)


log = structlog.get_logger(__name__)

PARENT = "POEMBOT_PARENT"
"""Environment variable with the process id of the supervisor."""
WEB_ENVIRONMENT = {"MALLOC_ARENA_MAX": "2"}
"""glibc would give each thread a heap of its own, and keep the memory; with this all threads share two."""
PR_SET_PDEATHSIG = 1
SHUTDOWN_SECONDS = 25.0
"""Time for children to stop after SIGTERM. A worker puts its run back into the queue; a web process in production
finishes its requests for up to 20 seconds."""
FIRST_BACKOFF, MAX_BACKOFF = 0.5, 30.0
"""Seconds before a dead child is restarted; doubled at each death."""
STABLE_AFTER = 30.0
"""Seconds of life after which the back-off of a child begins anew."""
POLL_SECONDS = 0.2


def listen(host: str, port: int) -> socket.socket:
    """A listening socket that children can inherit. OSError if the port is taken or the address is not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.create_server((host, port), family=family, backlog=2048)
    opened.set_inheritable(True)
    return opened


def die_with_parent() -> None:
    """In a child of the supervisor: stop, as on SIGTERM, when the parent dies.

    On Linux the kernel sends the signal. A thread polls as well, and kills a child that ignores the signal.
    """
    parent = int(os.environ.pop(PARENT))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before the call
        os._exit(1)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(SHUTDOWN_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


@dataclass
class Child:
    """One process that the supervisor keeps alive."""

    name: str
    command: Sequence[str]
    fds: Sequence[int] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    """Defaults for environment variables."""
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    backoff: float = FIRST_BACKOFF
    due: float = 0.0
    """When to start it, by the monotonic clock."""

    def start(self) -> int:
        """Start the process and return its id. It gets its own session, so Ctrl-C reaches only the supervisor."""
        environment = {**self.environment, **os.environ, PARENT: str(os.getpid())}
        command = [sys.executable, "-m", "app.cli", *self.command]
        self.process = subprocess.Popen(  # noqa: S603 - our own command line
            command, env=environment, pass_fds=self.fds, start_new_session=True, stdin=subprocess.DEVNULL
        )
        self.started = time.monotonic()
        return self.process.pid

    def poll(self) -> None:
        """Notice a death, and start the process when it is due."""
        now = time.monotonic()
        if self.process is not None and (status := self.process.poll()) is not None:
            self.backoff = FIRST_BACKOFF if now - self.started > STABLE_AFTER else min(MAX_BACKOFF, 2 * self.backoff)
            self.due = now + self.backoff
            log.warning("child.died", child=self.name, pid=self.process.pid, status=status, again_in_s=self.backoff)
            self.process = None
        if self.process is None and now >= self.due:
            log.info("child.started", child=self.name, pid=self.start())

    def signal(self, number: int) -> None:
        """Send a signal, if the process is alive."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)


class Supervisor:
    """Keeps the children of one site alive until it gets a signal."""

    def __init__(self, listening: socket.socket, *, webs: int, worker: bool, hint: str | None) -> None:
        self._socket = listening
        self._hint = hint
        self._signals = 0
        fd = listening.fileno()
        names = ["web"] if webs == 1 else [f"web-{i}" for i in range(1, webs + 1)]
        self._children = [Child(name, ("web", "--fd", str(fd)), (fd,), WEB_ENVIRONMENT) for name in names]
        if worker:
            self._children += [Child("worker", ("worker",)), Child("beat", ("beat",))]

    def run(self) -> int:
        """Start all, keep them alive, stop all; returns the exit status."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        announced = False
        while not self._signals:
            for child in self._children:
                child.poll()
            announced = announced or self._announce()
            time.sleep(POLL_SECONDS)
        self._stop()
        return 0

    def _on_signal(self, number: int, _frame: object) -> None:
        self._signals += 1
        if self._signals > 1:  # the second: kill at once
            for child in self._children:
                child.signal(signal.SIGKILL)
        log.info("serve.stopping", signal=signal.Signals(number).name)

    def _announce(self) -> bool:
        """Print the address of the site once it answers; False until then."""
        host, port = self._socket.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        near = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(shown, shown)  # noqa: S104 - a name, not a bind
        asking = http.client.HTTPConnection(near.strip("[]"), port, timeout=0.5)
        try:
            asking.request("GET", "/healthz")
            if asking.getresponse().status != http.HTTPStatus.OK:
                return False
        except (OSError, http.client.HTTPException):  # it does not answer yet
            return False
        finally:
            asking.close()
        print(f"poembot: http://{shown}:{port}", flush=True)
        if self._hint:
            print(f"poembot: {self._hint}", flush=True)
        return True

    def _stop(self) -> None:
        """Send SIGTERM to all, and SIGKILL to those that do not stop in time."""
        for child in self._children:
            child.signal(signal.SIGTERM)
        deadline = time.monotonic() + SHUTDOWN_SECONDS
        for child in self._children:
            if child.process is None:
                continue
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("child.killed", child=child.name, pid=child.process.pid)
                child.process.kill()
                child.process.wait()
        self._socket.close()
        log.info("serve.stopped")
