"""A site under load: `poembot serve` in processes of its own over a temporary home, and readers in a closed loop.

The readers' HTTP client is written by hand, with one connection and one cookie each. Readers run on the same processors
as the site, and a client library would use as much CPU as the site itself. It speaks only the HTTP/1.1 that our own
servers speak.
"""

import asyncio
import ipaddress
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np

from app.settings import Settings

_COUNT = itertools.count(1)
"""Numbers of readers, for an address each: of one address only a few count as readers."""
PLAIN, EVENTS = "application/json", "text/event-stream"


class WireError(Exception):
    """The server's answer is no HTTP that this client knows."""


@dataclass(slots=True)
class Heard:
    """One poem as a reader got it; times in seconds since the request."""

    status: int
    retry_after: float = 0.0
    took: float = 0.0
    first_char: float | None = None
    first_line: float | None = None
    gaps: list[float] = field(default_factory=list)
    """Times between one piece of text and the next."""
    version: int | None = None
    """The version named by the stream's first event."""
    poem: dict[str, Any] | None = None
    seeded: bool = False
    """Did the request name a seed?"""

    @property
    def whole(self) -> bool:
        """Did a whole poem come?"""
        return self.poem is not None


@dataclass(slots=True)
class _Answer:
    status: int
    headers: dict[str, str]
    pieces: AsyncIterator[bytes]


class Reader:
    """One reader of the site at *host*:*port*; not to be shared between tasks."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._address = ipaddress.IPv4Address(0x0A00_0000 + next(_COUNT))
        self._cookies: dict[str, str] = {}
        self._way: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.hang_up()

    def hang_up(self) -> None:
        """Close the connection."""
        if self._way is not None:
            self._way[1].close()
            self._way = None

    async def write(self, voice: str) -> Heard:
        """Ask for a poem, and wait for all of it."""
        began = time.perf_counter()
        answer = await self._ask("POST", f"/api/v1/voices/{voice}/poems", accept=PLAIN)
        body = b"".join([piece async for piece in answer.pieces])
        poem = json.loads(body) if answer.status == 201 else None
        return Heard(answer.status, _retry_after(answer), time.perf_counter() - began, poem=poem)

    async def stream(self, voice: str, seed: int | None = None) -> Heard:
        """Ask for a poem as a stream, with *seed* if one is given."""
        began = time.perf_counter()
        body = "{}" if seed is None else json.dumps({"seed": seed})
        answer = await self._ask("POST", f"/api/v1/voices/{voice}/poems", accept=EVENTS, body=body)
        heard, last = Heard(answer.status, _retry_after(answer), seeded=seed is not None), began
        async for name, data in _events(answer.pieces):
            now = time.perf_counter()
            if name == "start":
                heard.version = data["version"]
            elif name == "text":
                if heard.first_char is None:
                    heard.first_char = now - began
                else:
                    heard.gaps.append(now - last)
                last = now
            elif name == "line" and heard.first_line is None:
                heard.first_line = now - began
            elif name == "done":
                heard.poem = data
        heard.took = time.perf_counter() - began
        return heard

    async def read(self, path: str) -> Any:
        """Get a JSON document."""
        answer = await self._ask("GET", path, accept=PLAIN)
        return json.loads(b"".join([piece async for piece in answer.pieces]))

    async def tick(self, line: int) -> int:
        """Tick a line; the status."""
        answer = await self._ask("PUT", f"/api/v1/lines/{line}/tick", accept=PLAIN)
        async for _ in answer.pieces:
            pass
        return answer.status

    async def _ask(self, method: str, path: str, *, accept: str, body: str = "{}") -> _Answer:
        """Send a request; if a kept connection has been closed meanwhile, open a new one, once."""
        kept = self._way is not None
        try:
            return await self._exchange(method, path, accept, body)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.hang_up()
            if not kept:
                raise
            return await self._exchange(method, path, accept, body)

    async def _exchange(self, method: str, path: str, accept: str, body: str) -> _Answer:
        if self._way is None:
            self._way = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._way
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        cookie = f"Cookie: {cookies}\r\n" if cookies else ""
        writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nAccept: {accept}\r\n"
            f"Content-Type: application/json\r\nSec-Fetch-Site: same-origin\r\nUser-Agent: Mozilla/5.0\r\n"
            f"X-Forwarded-For: {self._address}\r\nContent-Length: {len(body)}\r\n{cookie}\r\n{body}".encode()
        )
        rows = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers: dict[str, str] = {}
        for row in rows[1:-2]:
            name, _, value = row.partition(": ")
            if name.lower() == "set-cookie":
                self._keep(value)
            headers[name.lower()] = value
        return _Answer(int(rows[0].split(" ", 2)[1]), headers, self._body(reader, headers))

    def _keep(self, cookie: str) -> None:
        name, _, value = cookie.partition(";")[0].partition("=")
        self._cookies[name] = value

    async def _body(self, reader: asyncio.StreamReader, headers: dict[str, str]) -> AsyncIterator[bytes]:
        if headers.get("transfer-encoding") == "chunked":
            while size := int(await reader.readline(), 16):
                yield (await reader.readexactly(size + 2))[:-2]
            await reader.readline()
        elif "content-length" in headers:
            yield await reader.readexactly(int(headers["content-length"]))
        else:
            raise WireError("an answer of unknown length")
        if headers.get("connection", "").lower() == "close":
            self.hang_up()


def _retry_after(answer: _Answer) -> float:
    return float(answer.headers.get("retry-after", 0))


async def _events(pieces: AsyncIterator[bytes]) -> AsyncIterator[tuple[str, Any]]:
    """Server-sent events: name and data."""
    rest = b""
    async for piece in pieces:
        *whole, rest = (rest + piece).replace(b"\r", b"").split(b"\n\n")
        for event in whole:
            fields = dict(row.split(b": ", 1) for row in event.split(b"\n") if b": " in row)
            if b"data" in fields:
                yield fields.get(b"event", b"message").decode(), json.loads(fields[b"data"])


ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"
PATIENCE = 60.0
"""Most seconds to wait for a process."""


class SiteDied(RuntimeError):
    """A measured process did not start, or a command failed; the message ends with its log."""


@dataclass(frozen=True)
class Site:
    """A running site."""

    port: int
    settings: Settings
    """Its settings, with which its database can be opened."""
    home: Path

    def poembot(self, *command: str) -> str:
        """Run `poembot COMMAND` with the same home; its stdout."""
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
    """Environment of the processes: these settings and nothing else."""
    told = settings.model_dump(exclude_unset=True)
    own = {f"POEMBOT_{name.upper()}": str(value) for name, value in told.items()}
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)} | own


@contextmanager
def site(*, webs: int = 1, **settings: object) -> Iterator[Site]:
    """Start a site without a worker, with default settings except limits and what is given."""
    with TemporaryDirectory(prefix="poembot-bench-") as place:
        home = Path(place)
        quiet: Mapping[str, object] = {"home": home, "limits": "off", "retrain_every": 0, "retrain_after": 0}
        quiet = {**quiet, "trusted_proxies": HOST}  # the readers' addresses come in X-Forwarded-For
        chosen = Settings.model_validate({**quiet, **settings})
        command = ["serve", "--host", HOST, "--port", "0", "--no-worker", "--web-workers", str(webs)]
        if not chosen.embedded:
            Site(0, chosen, home).poembot("db", "upgrade")
        with process([sys.executable, "-m", "app.cli", *command], home, environment(chosen), "site") as log:
            yield Site(port_of(log), chosen, home)


@contextmanager
def process(command: list[str], home: Path, told: Mapping[str, str], name: str) -> Iterator[Path]:
    """Start a process; its log file. At the end it gets SIGTERM, and SIGKILL if that does not help."""
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
    """Wait until a server logs its address; its port."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for row in log.read_text("utf-8", "replace").splitlines():
            if row.startswith(f"poembot: http://{HOST}:"):
                return int(row.rpartition(":")[2])
        time.sleep(0.05)
    raise SiteDied(f"no server came up:\n{log.read_text('utf-8', 'replace')[-2000:]}")


Deed = Callable[[Reader], Awaitable[Heard]]
Meanwhile = Callable[[], Awaitable[None]] | None
WARM_UP = 3.0
"""Seconds of load before the measurement starts: all readers begin at once, and part only after a poem or two."""
SOON = 0.2
"""Seconds that a reader waits after an error."""


@dataclass(slots=True)
class Tally:
    """What all readers of a measurement got."""

    seconds: float = 0.0
    heard: list[Heard] = field(default_factory=list)
    """Whole poems that came during the measurement."""
    turned_away: int = 0
    """503 answers with Retry-After, which the readers obeyed."""
    errors: int = 0

    @property
    def poems_per_s(self) -> float:
        """Whole poems a second."""
        return len(self.heard) / self.seconds if self.seconds else 0.0

    def add(self, other: "Tally") -> None:
        """Add another measurement's poems and counts to this one."""
        self.seconds += other.seconds
        self.heard += other.heard
        self.turned_away += other.turned_away
        self.errors += other.errors


def percentile(values: Sequence[float | None], share: float) -> float | None:
    """The percentile in milliseconds; None without values."""
    known = [value for value in values if value is not None]
    return float(np.percentile(known, share)) * 1000 if known else None


async def crowd(
    host: str,
    port: int,
    *,
    readers: int,
    deed: Deed,
    seconds: float = 0.0,
    warm_up: float = WARM_UP,
    until: Meanwhile = None,
) -> Tally:
    """Run so many readers; after *warm_up*, measure for *seconds*, or as long as *until* takes."""
    tally = Tally()
    counting = asyncio.Event()
    tasks = [asyncio.create_task(_read_on(Reader(host, port), deed, tally, counting)) for _ in range(readers)]
    await asyncio.sleep(warm_up)
    counting.set()
    began = time.perf_counter()
    await (asyncio.sleep(seconds) if until is None else until())
    counting.clear()
    tally.seconds = time.perf_counter() - began
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended
    return tally


async def _read_on(reader: Reader, deed: Deed, tally: Tally, counting: asyncio.Event) -> None:
    async with reader:
        while True:
            try:
                heard = await deed(reader)
            except (OSError, EOFError, WireError):
                heard = Heard(0)
                reader.hang_up()
            if counting.is_set():
                tally.heard += [heard] if heard.whole else []
                tally.turned_away += heard.status == 503 and heard.retry_after > 0
                tally.errors += not heard.whole and not heard.retry_after
            if not heard.whole:
                await asyncio.sleep(heard.retry_after or SOON)
