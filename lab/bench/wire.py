"""A reader on the wire: one connection, one cookie, as little work as can be.

Readers run on the same processors as the site, so what they cost lowers what is measured;
client libraries cost as much as the site itself. HTTP/1.1 as our own servers speak it, no more.
"""

import asyncio
import ipaddress
import itertools
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Self

_COUNT = itertools.count(1)
"""Each reader comes from an address of his own, as from a proxy: of one address only a few count as readers."""
PLAIN, EVENTS = "application/json", "text/event-stream"


class WireError(Exception):
    """The other side did not answer as a server should."""


@dataclass(slots=True)
class Heard:
    """One poem as a reader met it; times in seconds since he asked."""

    status: int
    retry_after: float = 0.0
    took: float = 0.0
    first_char: float | None = None
    first_line: float | None = None
    gaps: list[float] = field(default_factory=list)
    """Between one bit of text and the next."""
    version: int | None = None
    """As the stream's start named it."""
    poem: dict[str, Any] | None = None

    @property
    def whole(self) -> bool:
        """Has he got a poem?"""
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
        """Have a poem written, and wait for all of it."""
        began = time.perf_counter()
        answer = await self._ask("POST", f"/api/v1/voices/{voice}/poems", accept=PLAIN)
        body = b"".join([piece async for piece in answer.pieces])
        poem = json.loads(body) if answer.status == 201 else None
        return Heard(answer.status, _retry_after(answer), time.perf_counter() - began, poem=poem)

    async def stream(self, voice: str, seed: int | None = None) -> Heard:
        """Have a poem written, by that seed if one is given, and read along."""
        began = time.perf_counter()
        body = "{}" if seed is None else json.dumps({"seed": seed})
        answer = await self._ask("POST", f"/api/v1/voices/{voice}/poems", accept=EVENTS, body=body)
        heard, last = Heard(answer.status, _retry_after(answer)), began
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
        """A JSON document."""
        answer = await self._ask("GET", path, accept=PLAIN)
        return json.loads(b"".join([piece async for piece in answer.pieces]))

    async def tick(self, line: int) -> int:
        """Tick a line; the status."""
        answer = await self._ask("PUT", f"/api/v1/lines/{line}/tick", accept=PLAIN)
        async for _ in answer.pieces:
            pass
        return answer.status

    async def _ask(self, method: str, path: str, *, accept: str, body: str = "{}") -> _Answer:
        """Send a request; a connection that was kept and has died meanwhile is opened anew, once."""
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
