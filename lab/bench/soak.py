"""`bench soak`: ten minutes of mixed load on two web processes, with a run and a swap every minute.

It passes if there is no 5xx answer except a 503 with Retry-After, no broken connection, no growth of the web processes'
memory (at most 5 % more at the end than after the warm-up) or file handles, no failed run, and the planned swaps.

The simulated readers browse, stream poems, tick, submit poems, and leave before an answer comes. Each has an address of
his own, so that rate limits can stay on. All answers are counted by status.
"""

import asyncio
import ipaddress
import itertools
import random
import secrets
import statistics
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import psutil

from app import actions, reads
from app.bootstrap import build
from lab.bench import report
from lab.bench.serve import real_servers
from lab.bench.site import HOST, Site, environment, process, site
from lab.bench.swap import add_version

PAGES = ("", "/poems", "/versions", "/anthology", "/anthology?since=week")
"""Pages that a reader looks at, below the voice's address."""
LONGEST_PAUSE = 2.0
"""Most seconds between two requests of a reader."""


@dataclass
class Met:
    """What all readers have got so far."""

    by_status: Counter[int] = field(default_factory=Counter)
    honest_503: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    """Other 5xx answers and broken connections, by place."""
    poems: int = 0
    left: int = 0
    """Streams and requests that their reader broke off."""

    def note(self, answer: httpx.Response, where: str) -> bool:
        """Count an answer; True if it is a success."""
        self.by_status[answer.status_code] += 1
        honest = answer.status_code == 503 and "retry-after" in answer.headers
        self.honest_503 += honest
        if answer.status_code >= 500 and not honest:
            self.failed[f"{answer.status_code} {where}"] += 1
        return answer.is_success


Deed = Callable[[httpx.AsyncClient, str, random.Random, Met], Awaitable[None]]


async def browse(client: httpx.AsyncClient, voice: str, dice: random.Random, met: Met) -> None:
    """Look at two pages in HTML."""
    for page in dice.sample(PAGES, 2):
        met.note(await client.get(f"/{voice}{page}", headers={"Accept": "text/html"}), page or "page")


async def stream(client: httpx.AsyncClient, voice: str, dice: random.Random, met: Met) -> None:
    """Stream a poem; break off half of the times."""
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
    """Get a poem, tick some lines, and take some ticks back."""
    poem = await _poem(client, voice, met)
    for line in poem["lines"][: dice.randint(1, 4)] if poem else ():
        where = f"/api/v1/lines/{line['id']}/tick"
        met.note(await client.put(where), "tick")
        if dice.random() < 0.2:
            met.note(await client.delete(where), "tick")


async def teach(client: httpx.AsyncClient, voice: str, dice: random.Random, met: Met) -> None:
    """Submit the words of a poem in another order, look at the submission's status, and withdraw some."""
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
    """Ask for a poem and disconnect before it comes."""
    asking = asyncio.create_task(client.post(f"/api/v1/voices/{voice}/poems", json={}))
    await asyncio.sleep(dice.uniform(0.0, 0.05))
    asking.cancel()
    met.left += 1
    try:
        met.note(await asking, "poem")  # the answer was quicker
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
    """Simulate readers one after the other: each has a cookie of his own and does a few things."""
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


WARM_UP = 0.25
"""Share of the time in which caches fill; afterwards memory should not grow."""
WINDOW = 0.2
"""Share of the time over which memory and handles are averaged, after the warm-up and at the end."""
MOST_GROWTH = 0.05
LOOSE_HANDLES = 8
"""File handles of a web process that may vary with its present readers."""
SETTINGS = {"limits": "on", "trusted_proxies": HOST}
"""The readers' addresses come in X-Forwarded-For, as from a proxy."""
LESSON = {"lesson_steps": 8, "dreams": 40, "samples": 20, "trial_share": 0, "swap": "auto", "keep_versions": 4}
"""So that a run takes less than a minute, an admitted version serves at once, and old versions are pruned."""
MADE = ("admitted", "rejected", "undecided")
"""States of runs that have made a version."""
LOOK_EVERY = 1.0


@dataclass
class Levels:
    """Resources over time, summed over processes: (seconds since the beginning, bytes, file handles)."""

    taken: list[tuple[float, float, float]] = field(default_factory=list)

    def growth(self, of: int, seconds: float) -> tuple[float, float]:
        """The median after the warm-up and at the end; NaN if there was no measurement."""
        first = [look[of] for look in self.taken if WARM_UP <= look[0] / seconds <= WARM_UP + WINDOW]
        last = [look[of] for look in self.taken if look[0] / seconds >= 1 - WINDOW]
        return (statistics.median(first or [float("nan")]), statistics.median(last or [float("nan")]))


def measure(
    voice: str, *, seconds: float, readers: int, webs: int, scaled: bool, every: float = 60.0
) -> dict[str, Any]:
    """All figures; *scaled*: on Postgres and Redis."""
    command = [sys.executable, "-m", "app.cli", "worker"]
    with _place(webs, scaled=scaled) as it, process(command, it.home, environment(it.settings), "worker"):
        bot = build(it.settings)
        add_version(bot, voice)  # so that there is a second version before the first run has ended
        met, levels, worker, swaps = asyncio.run(_soak(it, voice, seconds, readers, every))
        states = Counter(run.state.value for run in reads.runs.of_voice(bot, voice, 1000))
        bot.close()
    (memory, memory_end), (handles, handles_end) = (levels.growth(of, seconds) for of in (1, 2))
    figures = {
        "machine": report.describe(),
        "voice": voice,
        "seconds": seconds,
        "readers": readers,
        "webs": webs,
        "database": "postgres" if scaled else "sqlite",
        "requests": sum(met.by_status.values()),
        "poems": met.poems,
        "left_half_way": met.left,
        "by_status": {str(status): count for status, count in sorted(met.by_status.items())},
        "honest_503": met.honest_503,
        "failed": sum(met.failed.values()),
        "failures": dict(met.failed),
        "runs": dict(states),
        "swaps": swaps,
        "swaps_meant": int(seconds / every),
        "memory_mb": {"first": memory / 1e6, "last": memory_end / 1e6},
        "memory_growth": memory_end / memory - 1,
        "worker_mb": dict(zip(("first", "last"), (level / 1e6 for level in worker.growth(1, seconds)), strict=True)),
        "handles": {"first": handles, "last": handles_end},
        "levels": [[at, used / 1e6, opened] for at, used, opened in levels.taken[:: max(1, len(levels.taken) // 120)]],
    }
    return figures | {"held": held(figures)}


def held(figures: Mapping[str, Any]) -> bool:
    """Did the site pass?"""
    handles = figures["handles"]
    return bool(
        figures["failed"] == 0
        and figures["memory_growth"] <= MOST_GROWTH
        and handles["last"] <= handles["first"] + LOOSE_HANDLES * figures["webs"]
        and figures["swaps"] >= max(1, figures["swaps_meant"] - 1)
        and figures["runs"].get("failed", 0) == 0
        and sum(figures["runs"].get(state, 0) for state in MADE) >= max(1, figures["swaps_meant"] // 2)
    )


@contextmanager
def _place(webs: int, *, scaled: bool) -> Iterator[Site]:
    with ExitStack() as stack:
        urls: dict[str, object] = {}
        if scaled:
            servers = stack.enter_context(real_servers())
            urls = {"database_url": servers.postgres.url(servers.postgres.create()), "broker_url": servers.redis.url()}
        yield stack.enter_context(site(webs=webs, **SETTINGS, **LESSON, **urls))


async def _soak(it: Site, voice: str, seconds: float, readers: int, every: float) -> tuple[Met, Levels, Levels, int]:
    address, met, levels, worker = f"http://{HOST}:{it.port}", Met(), Levels(), Levels()
    crowd = [asyncio.create_task(read_on(address, voice, seed, met)) for seed in range(readers)]
    keeper = asyncio.create_task(_keep_swapping(address, voice, _token(it), every))
    webs, workers, began = _ours(it, "web"), _ours(it, "worker"), time.monotonic()
    while (at := time.monotonic() - began) < seconds:
        levels.taken.append((at, *_taken_by(webs)))
        worker.taken.append((at, *_taken_by(workers)))
        for task in (*crowd, keeper):
            if task.done():
                task.result()
        await asyncio.sleep(LOOK_EVERY)
    for task in (*crowd, keeper):
        task.cancel()
    ended = await asyncio.gather(*crowd, keeper, return_exceptions=True)
    for end in ended:
        if isinstance(end, Exception):
            raise end
    return met, levels, worker, await _moves(address, voice, _token(it))


def _token(it: Site) -> str:
    with closing(build(it.settings)) as bot:
        actions.admins.create(bot, "soak", secrets.token_hex(), by="bench")
        return actions.admins.give_token(bot, "soak", by="bench")


def _ours(it: Site, kind: str) -> Sequence[psutil.Process]:
    """The processes of that site that run `poembot KIND`."""
    mine = psutil.Process().children(recursive=True)
    return [child for child in mine if child.cwd() == str(it.home) and kind in child.cmdline()[3:4]]


def _taken_by(processes: Sequence[psutil.Process]) -> tuple[float, float]:
    """Bytes and file handles of all of them."""
    return sum(p.memory_info().rss for p in processes), sum(p.num_fds() for p in processes)


async def _keep_swapping(address: str, voice: str, token: str, every: float) -> None:
    """At each interval, start a run and promote a version that does not serve now."""
    admin = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        base_url=f"{address}/api/v1/admin/voices/{voice}", headers=admin, timeout=60
    ) as client:
        for turn in itertools.count():
            await asyncio.sleep(every / 4 if turn == 0 else every)
            versions = (await client.get(f"{address}/api/v1/voices/{voice}/versions")).json()
            serving = next(
                v["version"] for v in (await client.get(f"{address}/api/v1/voices")).json() if v["slug"] == voice
            )
            others = [v["number"] for v in versions if v["number"] != serving and v["status"] != "pruned"]
            if others:
                body = {"version": others[0], "override": True, "reason": "soak"}
                (await client.post("/promote", json=body)).raise_for_status()
            (await client.post("/runs")).raise_for_status()


async def _moves(address: str, voice: str, token: str) -> int:
    """How often the champion changed."""
    async with httpx.AsyncClient(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        return len((await client.get(f"/api/v1/admin/voices/{voice}/history")).json()) - 1


def rows(figures: Mapping[str, Any]) -> list[report.Row]:
    """Rows of the results table."""
    handles = figures["handles"]
    return [
        ("requests", figures["requests"], ""),
        ("poems", figures["poems"], ""),
        ("requests that readers broke off", figures["left_half_way"], ""),
        ("503 with Retry-After", figures["honest_503"], ""),
        ("other 5xx, and broken connections", figures["failed"], "0"),
        ("runs", ", ".join(f"{count} {state}" for state, count in figures["runs"].items()), ""),
        ("swaps", figures["swaps"], f"≥ {max(1, figures['swaps_meant'] - 1)}"),
        ("memory of the webs after warm-up, MB", figures["memory_mb"]["first"], ""),
        ("its growth to the end, %", 100 * figures["memory_growth"], f"≤ {100 * MOST_GROWTH:g}"),
        (
            "memory of the worker after warm-up, MB (no limit: a run may be in progress)",
            figures["worker_mb"]["first"],
            "",
        ),
        ("memory of the worker at the end, MB", figures["worker_mb"]["last"], ""),
        ("file handles after warm-up", handles["first"], ""),
        ("file handles at the end", handles["last"], f"≤ {handles['first'] + LOOSE_HANDLES * figures['webs']:g}"),
        ("held", figures["held"], "True"),
    ]
