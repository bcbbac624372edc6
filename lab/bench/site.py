"""A site as it is deployed: `poembot serve` in processes of its own, over a home that is gone afterwards."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from app.settings import Settings

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"
PATIENCE = 60.0
"""Seconds that something may take which must happen."""


class SiteDied(RuntimeError):
    """A process that is measured did not come up, or went down; the message ends with its log."""


@dataclass(frozen=True)
class Site:
    """A running site."""

    port: int
    settings: Settings
    """Its settings, for looking into its database."""
    home: Path

    def poembot(self, *command: str) -> str:
        """Run `poembot COMMAND` over the same home; its stdout."""
        done = subprocess.run(  # noqa: S603 - our own command line
            [sys.executable, "-m", "app.cli", *command],
            cwd=self.home,
            env=environment(self.settings),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        if done.returncode:
            raise SiteDied(f"poembot {' '.join(command)}: {done.stderr}")
        return done.stdout


def environment(settings: Settings) -> dict[str, str]:
    """What the processes are told: nothing but these settings."""
    told = settings.model_dump(exclude_unset=True)
    own = {f"POEMBOT_{name.upper()}": str(value) for name, value in told.items()}
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)} | own


@contextmanager
def site(*, webs: int = 1, **settings: object) -> Iterator[Site]:
    """A site without a worker, with its default settings but for limits and whatever is given."""
    with TemporaryDirectory(prefix="poembot-bench-") as place:
        home = Path(place)
        quiet: Mapping[str, object] = {"home": home, "limits": "off", "retrain_every": 0, "retrain_after": 0}
        quiet = {**quiet, "trusted_proxies": HOST}  # readers say which address they come from
        chosen = Settings.model_validate({**quiet, **settings})
        command = ["serve", "--host", HOST, "--port", "0", "--no-worker", "--web-workers", str(webs)]
        if not chosen.embedded:
            Site(0, chosen, home).poembot("db", "upgrade")
        with process([sys.executable, "-m", "app.cli", *command], home, environment(chosen), "site") as log:
            yield Site(port_of(log), chosen, home)


@contextmanager
def process(command: list[str], home: Path, told: Mapping[str, str], name: str) -> Iterator[Path]:
    """A process, and its log; asked to go at the end, and killed when it does not."""
    log = home / f"{name}.log"
    with log.open("wb") as output:
        started = subprocess.Popen(  # noqa: S603 - our own command line
            command, cwd=home, env=dict(told), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            yield log
        finally:
            started.send_signal(signal.SIGTERM)
            try:
                started.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()


def port_of(log: Path) -> int:
    """Where a server says that it listens."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for row in log.read_text("utf-8", "replace").splitlines():
            if row.startswith(f"poembot: http://{HOST}:"):
                return int(row.rpartition(":")[2])
        time.sleep(0.05)
    raise SiteDied(f"no server came up:\n{log.read_text('utf-8', 'replace')[-2000:]}")
