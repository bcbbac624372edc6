"""Mixed readers, as a site has them: who browses, who reads along, who ticks, who teaches, who leaves half-way.

Whatever they meet is counted by status. None of it is an error of the site but an answer of 5xx that is not an
honest 503 (one that says when to come back), and a connection that broke off without an answer.
"""

import asyncio
import ipaddress
import itertools
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

PAGES = ("", "/poems", "/versions", "/anthology", "/anthology?since=week")
"""What a browser looks at, below its voice."""
LONGEST_PAUSE = 2.0
"""Seconds that a reader stays with what he has got, at most."""


@dataclass
class Met:
    """What all readers have met so far."""

    by_status: Counter[int] = field(default_factory=Counter)
    honest_503: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    """Answers of 5xx that are none, and broken connections, by where."""
    poems: int = 0
    left: int = 0
    """Streams that were given up by their reader."""

    def note(self, answer: httpx.Response, where: str) -> bool:
        """Count an answer; is it a good one?"""
        self.by_status[answer.status_code] += 1
        honest = answer.status_code == 503 and "retry-after" in answer.headers
        self.honest_503 += honest
        if answer.status_code >= 500 and not honest:
            self.failed[f"{answer.status_code} {where}"] += 1
        return answer.is_success


Deed = Callable[[httpx.AsyncClient, str, random.Random, Met], Awaitable[None]]


async def browse(client: httpx.AsyncClient, voice: str, dice: random.Random, met: Met) -> None:
    """Look at a page or two in HTML, and write a poem by the form's way now and then."""
    for page in dice.sample(PAGES, 2):
        met.note(await client.get(f"/{voice}{page}", headers={"Accept": "text/html"}), page or "page")


async def stream(client: httpx.AsyncClient, voice: str, dice: random.Random, met: Met) -> None:
    """Read a poem as it is written; every other time not to its end."""
    stay = dice.random() < 0.5
    headers = {"Accept": "text/event-stream"}
    async with client.stream("POST", f"/api/v1/voices/{voice}/poems", json={"lines": 8}, headers=headers) as answer:
        if not met.note(answer, "stream"):
            return
        count = 0
        async for _ in answer.aiter_bytes():
            count += 1
            if not stay and count > 2:
                met.left += 1
                return
        met.poems += 1


async def tick(client: httpx.AsyncClient, voice: str, dice: random.Random, met: Met) -> None:
    """Get a poem, tick some lines, and take a tick back."""
    poem = await _poem(client, voice, met)
    for line in poem["lines"][: dice.randint(1, 4)] if poem else ():
        where = f"/api/v1/lines/{line['id']}/tick"
        met.note(await client.put(where), "tick")
        if dice.random() < 0.2:
            met.note(await client.delete(where), "tick")


async def teach(client: httpx.AsyncClient, voice: str, dice: random.Random, met: Met) -> None:
    """Teach lines of the site's own in another order, look how it stands, and withdraw some."""
    poem = await _poem(client, voice, met)
    if not poem:
        return
    words = " ".join(line["text"] for line in poem["lines"]).split()
    dice.shuffle(words)
    text = "\n".join(" ".join(words[i : i + 4]) for i in range(0, len(words), 4))
    answer = await client.post(f"/api/v1/voices/{voice}/submissions", json={"text": text, "consent": True})
    if met.note(answer, "teach"):
        where = f"/api/v1/submissions/{answer.json()['token']}"
        met.note(await client.get(where), "submission")
        if dice.random() < 0.3:
            met.note(await client.delete(where), "submission")


async def leave(client: httpx.AsyncClient, voice: str, dice: random.Random, met: Met) -> None:
    """Ask for something and be gone before it comes."""
    asking = asyncio.create_task(client.post(f"/api/v1/voices/{voice}/poems", json={}))
    await asyncio.sleep(dice.uniform(0.0, 0.05))
    asking.cancel()
    met.left += 1
    try:
        met.note(await asking, "poem")  # it was quicker
    except asyncio.CancelledError:
        if (me := asyncio.current_task()) is not None and me.cancelling():
            raise


async def _poem(client: httpx.AsyncClient, voice: str, met: Met) -> dict[str, Any] | None:
    answer = await client.post(f"/api/v1/voices/{voice}/poems", json={})
    if not met.note(answer, "poem"):
        await asyncio.sleep(min(2.0, float(answer.headers.get("retry-after", 0.2))))
        return None
    met.poems += 1
    poem: dict[str, Any] = answer.json()
    return poem


DEEDS: tuple[Deed, ...] = (browse, stream, tick, teach, leave)


async def read_on(address: str, voice: str, seed: int, met: Met) -> None:
    """One reader after the other in one place: each does a few things with a cookie of his own, and another comes."""
    dice = random.Random(seed)
    for turn in itertools.count():
        home = ipaddress.IPv4Address(0x0A00_0000 + dice.getrandbits(24))
        headers = {"User-Agent": "Mozilla/5.0", "X-Forwarded-For": str(home)}
        async with httpx.AsyncClient(base_url=address, timeout=30, headers=headers) as client:
            for _ in range(dice.randint(2, 8)):
                deed = DEEDS[(seed + turn) % len(DEEDS)] if dice.random() < 0.5 else dice.choice(DEEDS)
                try:
                    await deed(client, voice, dice, met)
                except httpx.TransportError as error:
                    met.failed[f"{type(error).__name__} {deed.__name__}"] += 1
                await asyncio.sleep(dice.uniform(0.0, LONGEST_PAUSE))
