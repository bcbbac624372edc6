"""`bench serve`: poems a second over HTTP, stored, beside a server that works as the ancestor's did.

The readers run in this process, in a closed loop. The site runs in processes of its own with its default settings,
except that rate limits are off, with a taste learned from ticks and a drawer. Readers and site share the processors, so
the cost of a poem is given in CPU seconds of the site.
"""

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import urlopen

import psutil
from prometheus_client.parser import text_string_to_metric_families

from app import actions, reads
from app.bootstrap import build
from app.domain.run import Phase, RunState
from app.engine.engine import POLL_S
from app.settings import Settings
from app.store.shelf import SHIPPED
from lab.bench import report
from lab.bench.site import (
    HOST,
    WARM_UP,
    Deed,
    Heard,
    Reader,
    Site,
    Tally,
    crowd,
    environment,
    percentile,
    port_of,
    process,
    site,
)
from worker.drafter import BATCH, Bench

READERS = 64
CURVE = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
NAIVE_AT = (1, 8, 64)
ALONE = 60
"""Poems that a lone reader reads, one after the other."""
TASTING, TASTED = 16, 5
"""Readers who tick so that a taste can be learned, and poems that each reads."""
BATCHES, KEPT = 4, 0.3
"""Batches of drafts for the drawer, and the share of them that may stay: readers in a closed loop read them all."""
PATIENCE = 180.0
"""Seconds within which a worker must have started to train."""
Say = Callable[[str], None]


def measure(voice: str, *, seconds: float, tell: Say) -> dict[str, Any]:
    """All figures; each part is measured for so many *seconds*."""
    writes, streams = partial(Reader.write, voice=voice), partial(Reader.stream, voice=voice)
    figures: dict[str, Any] = {"machine": report.describe(), "voice": voice, "readers": READERS}
    with site() as it:
        tell("a new site, without a taste")
        before = _as_served(it, seconds, writes, streams, tell=tell)
        put_taste(it, voice)
        tell("a drawer is filled")
        drawer = put_drawer(it, voice)
        tell("a site with a taste and a drawer")
        served = _as_served(it, seconds, writes, streams, tell=tell)
        tell("1 … 512 readers")
        curve = [_point(it, readers, seconds / 2, writes) for readers in CURVE]
        tell("while training")
        training = _while_training(it, voice, seconds, streams)
    tell("a server that works as the ancestor's did")
    naive = {
        name: _naive(voice, name, seconds, NAIVE_AT if name == "whole" else [READERS]) for name in ("whole", "cells")
    }
    tell("two webs on Postgres and Redis")
    webs = _two_webs(voice, seconds, writes)
    slow, quick = naive["whole"][-1]["poems_per_s"], naive["cells"][-1]["poems_per_s"]
    errors = before["errors"] + served["errors"] + sum(point["errors"] for point in curve)
    return figures | {
        **served,
        **drawer,
        "naive_poems_per_s": slow,
        "ratio": over(served["poems_per_s"], slow),
        "naive_cells_poems_per_s": quick,
        "ratio_to_cells": over(served["poems_per_s"], quick),
        **training,
        **webs,
        "errors": errors + webs["two_webs_errors"],
        "without_taste": before,
        "curve": curve,
        "naive_curve": naive["whole"],
    }


def _as_served(it: Site, seconds: float, writes: Deed, streams: Deed, *, tell: Say) -> dict[str, Any]:
    """Measure one reader alone, 64 readers, and 64 who stream."""
    tell("one reader alone")
    alone = asyncio.run(_alone(it.port, streams))
    tell(f"{READERS} readers")
    spent, (poems, candidates) = cpu_seconds(it), counted(it.port)
    told = _crowd_of(it, READERS, seconds, writes)
    spent, (poems_after, candidates_after) = cpu_seconds(it) - spent, counted(it.port)
    read_along = _crowd_of(it, READERS, seconds, streams)
    return {
        # Of this crowd's poems alone: a lone reader gets all candidates, and would lift the mean.
        "candidates": round(over(candidates_after - candidates, poems_after - poems) or 0.0, 2),
        "drafted_share": _drafted_share(told.heard),
        "poems_per_s": told.poems_per_s,
        # The site's CPU time includes the warm-up second, so its poems are counted too.
        "poems_per_cpu_s": over(told.poems_per_s * (told.seconds + WARM_UP), spent),
        "streamed_poems_per_s": read_along.poems_per_s,
        "chars_per_poem": _length(told.heard),
        "first_char_p95_ms": percentile([heard.first_char for heard in read_along.heard], 95),
        "first_line_p95_ms": percentile([heard.first_line for heard in read_along.heard], 95),
        "poem_p95_ms": percentile([heard.took for heard in told.heard], 95),
        "alone_first_char_p95_ms": percentile([heard.first_char for heard in alone], 95),
        "alone_first_char_p50_ms": percentile([heard.first_char for heard in alone], 50),
        "alone_first_line_p95_ms": percentile([heard.first_line for heard in alone], 95),
        "errors": told.errors + read_along.errors,
    }


def put_taste(it: Site, voice: str) -> None:
    """Let readers tick, learn a taste as a worker does, and wait until the web processes choose by it."""
    with closing(build(it.settings)) as bot:
        asyncio.run(_tick_what_they_like(it.port, voice))
        if not actions.tastes.learn(bot, voice) or voice not in bot.tastes():
            raise RuntimeError("the readers' ticks taught no taste that serves")
    time.sleep(2 * POLL_S)


def put_drawer(it: Site, voice: str) -> dict[str, float]:
    """Fill the drawer as a worker does, with more of each batch kept, and wait until the web processes know it."""
    with closing(build(it.settings)) as bot:
        serving = next(one for one in bot.champions() if one.voice == voice)
        base = bot.spare(voice) or serving
        bench = Bench.of(serving, bot.shelf.fetch(serving.folder), bot.shelf.fetch(base.folder))
        if bench is None:
            raise RuntimeError(f"{voice} has no judge")
        dice = random.Random(0)
        began = time.monotonic()
        writings = [writing for _ in range(BATCHES) for writing in bench.write(BATCH, dice)]
        written = time.monotonic()
        drafts = bench.judged(writings)
        judged = time.monotonic()
        actions.drafts.put(bot, serving.version_id, drafts, passed=KEPT)
    time.sleep(2 * POLL_S)
    return {
        "drafts_per_min": 60 * len(writings) / (judged - began),
        "judge_ms": 1000 * (judged - written) / len(writings),
    }


def _drafted_share(heard: Sequence[Heard]) -> float | None:
    """Share of the poems that came from the drawer."""
    poems = [one.poem for one in heard if one.poem]
    return over(sum(bool(poem["drafted"]) for poem in poems), len(poems))


async def _tick_what_they_like(port: int, voice: str) -> None:
    """Readers tick every line that has the most frequent letter of the first reader's poems."""

    async def read(turn: int) -> None:
        async with Reader(HOST, port) as reader:
            poems = [one.poem for one in [await reader.write(voice) for _ in range(TASTED)] if one.poem]
            lines = [line for poem in poems for line in poem["lines"]]
            if not turn:
                letters.update(c for line in lines for c in line["text"] if c.isalnum())
            liked = letters.most_common(1)[0][0]
            for line in lines:
                if liked in line["text"]:
                    await reader.tick(line["id"])

    letters = Counter[str]()
    for turn in range(TASTING):
        await read(turn)


def cpu_seconds(it: Site) -> float:
    """CPU seconds that the site's processes have used so far."""
    mine = [p for p in psutil.Process().children(recursive=True) if p.cwd() == str(it.home)]
    return sum(p.cpu_times().user + p.cpu_times().system for p in mine)


def over(one: float | None, other: float | None) -> float | None:
    """The ratio; None if it is undefined."""
    return one / other if one is not None and other else None


def counted(port: int) -> tuple[float, float]:
    """Poems and candidate lines that the site's metrics have counted so far."""
    values = _metrics(port)
    return values["poembot_engine_poems_total"], values["poembot_engine_candidates_total"]


def under_way(port: int) -> float:
    """Poems that the site is writing now, and those that wait."""
    values = _metrics(port)
    return values["poembot_engine_writing"] + values["poembot_engine_queue"]


def _metrics(port: int) -> dict[str, float]:
    with urlopen(f"http://{HOST}:{port}/metrics", timeout=PATIENCE) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    return {sample.name: sample.value for family in families for sample in family.samples}


def _crowd_of(it: Site, readers: int, seconds: float, deed: Deed) -> Tally:
    """The crowd, once the site has written what the readers before it left behind: hundreds of poems, after 512."""
    deadline = time.monotonic() + PATIENCE
    while (poems := under_way(it.port)) and time.monotonic() < deadline:
        time.sleep(0.05)
    if poems:
        raise TimeoutError(f"{poems:.0f} poems that nobody waits for are still under way")
    return _crowd(it.port, readers, seconds, deed)


def _crowd(port: int, readers: int, seconds: float, deed: Deed) -> Tally:
    return asyncio.run(crowd(HOST, port, readers=readers, seconds=seconds, deed=deed))


async def _alone(port: int, deed: Callable[[Reader], Awaitable[Heard]]) -> list[Heard]:
    """The poems of one reader, without the first one, which opened the connection."""
    async with Reader(HOST, port) as reader:
        return [await deed(reader) for _ in range(ALONE + 1)][1:]


def _point(it: Site, readers: int, seconds: float, deed: Deed) -> dict[str, Any]:
    spent = cpu_seconds(it)
    tally = _crowd_of(it, readers, seconds, deed)
    spent = cpu_seconds(it) - spent
    return _figures(tally, readers) | {"poems_per_cpu_s": over(tally.poems_per_s * (seconds + WARM_UP), spent)}


def _figures(tally: Tally, readers: int) -> dict[str, Any]:
    return {
        "readers": readers,
        "poems_per_s": tally.poems_per_s,
        "p95_ms": percentile([heard.took for heard in tally.heard], 95) or 0.0,
        "turned_away": tally.turned_away,
        "errors": tally.errors,
    }


def _length(heard: Sequence[Heard]) -> float:
    """Mean characters of a poem, line ends included."""
    poems = [one.poem for one in heard if one.poem]
    return sum(len(line["text"]) + 1 for poem in poems for line in poem["lines"]) / max(1, len(poems))


def _while_training(it: Site, voice: str, seconds: float, deed: Deed) -> dict[str, float | None]:
    """The first line's p95 while a worker trains on the same processors, over that just before."""
    idle = _crowd_of(it, READERS, seconds, deed)
    with process([sys.executable, "-m", "app.cli", "worker"], it.home, environment(it.settings), "worker"):
        it.poembot("retrain", "--voice", voice)
        run = _until_taught(it, voice)
        busy = _crowd_of(it, READERS, seconds, deed)
        still = _is_learning(it, run)
        it.poembot("cancel", str(run))
    before, during = (percentile([heard.first_line for heard in tally.heard], 95) for tally in (idle, busy))
    ratio = over(during, before) if still else None
    return {
        "idle_first_line_p95_ms": before,
        "training_first_line_p95_ms": during,
        "training_p95_ratio": ratio,
        "training_poems_ratio": over(busy.poems_per_s, idle.poems_per_s),
    }


def _until_taught(it: Site, voice: str) -> int:
    """Wait until a run trains; its id."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with closing(build(it.settings)) as bot:
            found = reads.runs.of_voice(bot, voice)
        for run in found:
            if run.state is RunState.RUNNING and run.step > 0:
                return run.run
        time.sleep(0.1)
    raise TimeoutError("no run began to learn")


def _is_learning(it: Site, run: int) -> bool:
    with closing(build(it.settings)) as bot:
        return reads.runs.one(bot, run).phase is Phase.TRAINING


def _naive(voice: str, spelling: str, seconds: float, at: Sequence[int]) -> list[dict[str, Any]]:
    """The baseline server, for some numbers of readers."""
    with TemporaryDirectory(prefix="poembot-bench-") as place:
        command = [sys.executable, "-m", "lab.bench.baselines", str(SHIPPED / voice), spelling, "1"]
        with process(command, Path(place), environment(Settings()), "naive") as log:
            port = port_of(log)
            writes = partial(Reader.write, voice=voice)
            return [_figures(_crowd(port, readers, seconds, writes), readers) for readers in at]


def _two_webs(voice: str, seconds: float, deed: Deed) -> dict[str, Any]:
    """Poems a second of two web processes and of one, on Postgres and Redis, with a taste."""
    nothing = {"one_web_poems_per_s": None, "two_webs_poems_per_s": None, "two_webs_ratio": None, "two_webs_errors": 0}
    with real_servers() as servers:
        if servers is None:
            return nothing
        found: dict[int, Tally] = {}
        for webs in (1, 2):
            urls = {"database_url": servers.postgres.url(servers.postgres.create()), "broker_url": servers.redis.url()}
            with site(webs=webs, **urls) as it:
                put_taste(it, voice)
                found[webs] = _crowd_of(it, READERS, seconds, deed)
    one, two = found[1].poems_per_s, found[2].poems_per_s
    return {
        "one_web_poems_per_s": one,
        "two_webs_poems_per_s": two,
        "two_webs_ratio": over(two, one),
        "two_webs_errors": found[1].errors + found[2].errors,
    }


@contextmanager
def real_servers() -> Iterator[Any]:
    """Postgres and Redis from the tests' packages; None if they are not installed."""
    sys.path.insert(0, str(Path(__file__).parents[2]))  # the tests are not installed as a package
    try:
        from tests.support.servers import servers
    except ImportError:
        yield None
        return
    finally:
        sys.path.pop(0)
    with servers() as both:
        yield both


def draw(figures: Mapping[str, Any], folder: Path) -> Path:
    """Draw poems a second over the number of readers."""
    naive = {point["readers"]: point["poems_per_s"] for point in figures["naive_curve"]}
    curve = figures["curve"]
    return report.draw(
        folder / "serve.svg",
        "Poems a second by readers",
        steps=[point["readers"] for point in curve],
        lines={
            "poem-bot": [point["poems_per_s"] for point in curve],
            "one at a time, eager torch": [naive.get(point["readers"]) for point in curve],
        },
        x_title="readers in a closed loop",
        y_title="poems of five lines a second",
    )


def rows(figures: Mapping[str, Any]) -> list[report.Row]:
    """Rows of the results table."""
    wanted = {
        "ratio": ("poems/s over the baseline server", 25, 60, True),
        "first_line_p95_ms": (f"first line, p95 at {READERS} readers, ms", 400, 150, False),
        "alone_first_char_p95_ms": ("first character or line, p95 of one reader alone, ms", 60, 25, False),
        "training_p95_ratio": ("first line's p95 while training over before", 1.4, 1.2, False),
        "two_webs_ratio": ("two webs over one, Postgres and Redis", 0.9, 1.5, True),
        "errors": ("errors", 0, 0, False),
    }
    plain = {
        "candidates": "candidates for a line, K",
        "poems_per_s": f"poems/s, stored, {READERS} readers",
        "poems_per_cpu_s": "poems a CPU second of the site",
        "drafted_share": "share of them from the drawer",
        "drafts_per_min": "drafts a minute, written and judged by one core",
        "judge_ms": "judging a draft, ms",
        "streamed_poems_per_s": "poems/s, streamed",
        "naive_poems_per_s": "poems/s of the baseline server, `nn.LSTM`",
        "naive_cells_poems_per_s": "poems/s of the baseline server, `nn.LSTMCell`",
        "ratio_to_cells": "poems/s over the baseline server with `nn.LSTMCell`",
        "chars_per_poem": "characters a poem",
    }
    told: list[report.Row] = [(what, figures.get(name), "") for name, what in plain.items()]
    before = figures.get("without_taste", {})
    told += [(f"without a taste: {plain[name]}", before[name], "") for name in plain if name in before]
    for name, (what, must, aim, least) in wanted.items():
        told.append((what, figures[name], report.verdict(figures[name], must=must, aim=aim, least=least)))
    return told
