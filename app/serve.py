"""The supervisor of `poembot serve`: site, worker and beat as child processes.

Starts again whichever dies, ever more slowly; stops all of them when told to go. A
child whose parent is gone, killed by whatever, goes too. Knows nothing of poems.
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
from dataclasses import dataclass, field

import structlog

log = structlog.get_logger(__name__)

PARENT = "POEMBOT_PARENT"
"""Environment variable that tells a child whose child it is."""
WEB_ENVIRONMENT = {"MALLOC_ARENA_MAX": "2"}
"""glibc gives each thread a heap of its own, and none of them back: the threads of a web share two."""
PR_SET_PDEATHSIG = 1
GOODBYE = 25.0
"""Seconds that children get to leave after SIGTERM: a worker puts its run back into the queue, a web in production
lets its readers finish for 20."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds before a dead child is started again: doubled each time it dies soon."""
SETTLED = 30.0
"""Seconds a child must live for its next death to count as its first."""
LOOK_EVERY = 0.2


def listen(host: str, port: int) -> socket.socket:
    """A socket that children can inherit. OSError when the port is taken or the address is not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.create_server((host, port), family=family, backlog=2048)
    opened.set_inheritable(True)
    return opened


def die_with_parent() -> None:
    """Called first thing by a child of the supervisor: when the parent dies, however, leave as by SIGTERM.

    On Linux the kernel tells; a thread looks as well, which also ends a child that does not listen.
    """
    parent = int(os.environ.pop(PARENT))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before the kernel knew that we care
        os._exit(1)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GOODBYE)
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


@dataclass
class Child:
    """One process that is to be kept alive."""

    name: str
    command: Sequence[str]
    fds: Sequence[int] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to ours, where ours says nothing else."""
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    pause: float = FIRST_PAUSE
    due: float = field(default=0.0)
    """When to start it (again), by the monotonic clock."""

    def start(self) -> int:
        """Start the process in a group of its own, so that a Ctrl-C reaches the supervisor alone; its id."""
        environment = {**self.environment, **os.environ, PARENT: str(os.getpid())}
        command = [sys.executable, "-m", "app.cli", *self.command]
        self.process = subprocess.Popen(  # noqa: S603 - our own command line
            command, env=environment, pass_fds=self.fds, start_new_session=True, stdin=subprocess.DEVNULL
        )
        self.started = time.monotonic()
        return self.process.pid

    def look(self) -> None:
        """Note a death, and start again what is due."""
        now = time.monotonic()
        if self.process is not None and (status := self.process.poll()) is not None:
            self.pause = FIRST_PAUSE if now - self.started > SETTLED else min(LONGEST_PAUSE, 2 * self.pause)
            self.due = now + self.pause
            log.warning("child.died", child=self.name, pid=self.process.pid, status=status, again_in_s=self.pause)
            self.process = None
        if self.process is None and now >= self.due:
            log.info("child.started", child=self.name, pid=self.start())

    def tell(self, number: int) -> None:
        """Send it a signal, if it lives."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)


class Supervisor:
    """Keeps the children of one site alive until told to go."""

    def __init__(self, listening: socket.socket, *, webs: int, worker: bool, hint: str | None) -> None:
        self._socket = listening
        self._hint = hint
        self._going = 0
        fd = listening.fileno()
        names = ["web"] if webs == 1 else [f"web-{i}" for i in range(1, webs + 1)]
        self._children = [Child(name, ("web", "--fd", str(fd)), (fd,), WEB_ENVIRONMENT) for name in names]
        if worker:
            self._children += [Child("worker", ("worker",)), Child("beat", ("beat",))]

    def run(self) -> int:
        """Start all, keep them alive, stop all; the exit status."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._told_to_go)
        announced = False
        while not self._going:
            for child in self._children:
                child.look()
            announced = announced or self._announce()
            time.sleep(LOOK_EVERY)
        self._stop()
        return 0

    def _told_to_go(self, number: int, _frame: object) -> None:
        self._going += 1
        if self._going > 1:  # asked twice: no more patience
            for child in self._children:
                child.tell(signal.SIGKILL)
        log.info("serve.going", signal=signal.Signals(number).name)

    def _announce(self) -> bool:
        """Say where the site is, once it answers."""
        host, port = self._socket.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        near = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(shown, shown)  # noqa: S104 - a name, not a bind
        asking = http.client.HTTPConnection(near.strip("[]"), port, timeout=0.5)
        try:
            asking.request("GET", "/healthz")
            if asking.getresponse().status != http.HTTPStatus.OK:
                return False
        except (OSError, http.client.HTTPException):  # nobody answers yet
            return False
        finally:
            asking.close()
        print(f"poembot: http://{shown}:{port}", flush=True)  # noqa: T201 - what the command is for
        if self._hint:
            print(f"poembot: {self._hint}", flush=True)  # noqa: T201
        return True

    def _stop(self) -> None:
        """SIGTERM for all, then SIGKILL for whoever stays; nobody is left behind."""
        for child in self._children:
            child.tell(signal.SIGTERM)
        patience = time.monotonic() + GOODBYE
        for child in self._children:
            if child.process is None:
                continue
            try:
                child.process.wait(max(0.0, patience - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("child.killed", child=child.name, pid=child.process.pid)
                child.process.kill()
                child.process.wait()
        self._socket.close()
        log.info("serve.gone")
