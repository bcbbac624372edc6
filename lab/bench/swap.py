"""`bench swap`: what readers notice while another version starts to serve.

Readers of a site with a taste stream poems in a closed loop while the champion changes again and again. One poem in
eight has a seed; some of these are written again afterwards by the version that they name, and must come out the same.
The gaps between lines are measured on the other poems, since a poem with a seed ignores taste and load.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from app import actions, reads
from app.bootstrap import Bot, build, build_engine
from app.domain.poem import Wish
from lab.bench import report
from lab.bench.serve import put_taste
from lab.bench.site import HOST, Heard, Reader, Site, Tally, crowd, percentile, site
from models import checkpoint

READERS = 32
AS_SERVED = 7 / 8
"""Share of the poems for which no seed is named."""
TURNS = 5
"""Turns with swaps, and as many without, one after the other: other load on the machine disturbs both."""
LOOK_S = 0.25
"""Seconds between two looks at which version serves, in every turn: a look costs the site something, too."""
REWRITTEN = 200
"""Most poems that are written again."""
NOISE = 0.02
"""Noise of the other version's weights, in standard deviations of the base's."""
KEY = "bench-1"
PATIENCE = 20.0
Say = Callable[[str], None]


def measure(voice: str, *, swaps: int, tell: Say) -> dict[str, Any]:
    """All figures of the benchmark."""
    with site() as it:
        bot = build(it.settings)
        try:
            put_taste(it, voice)
            add_version(bot, voice)
            dice = random.Random(0)

            async def streams(reader: Reader) -> Heard:
                return await reader.stream(voice, None if dice.random() < AS_SERVED else dice.getrandbits(31))

            during, calm = Tally(), Tally()
            for turn in range(TURNS):
                tell(f"{READERS} readers, turn {turn + 1} of {TURNS}: with swaps and without")
                mine = range(swaps * turn // TURNS, swaps * (turn + 1) // TURNS)
                swapping = partial(_swap, it, bot, voice, mine)
                part = asyncio.run(crowd(HOST, it.port, readers=READERS, deed=streams, until=swapping))
                during.add(part)
                looking = partial(_look, it, voice, part.seconds)
                calm.add(asyncio.run(crowd(HOST, it.port, readers=READERS, deed=streams, until=looking)))
            tell("some of the poems once more")
            mixed = _mixed(during.heard, bot, voice)
        finally:
            bot.close()
    return {
        "machine": report.describe(),
        "voice": voice,
        "swaps": swaps,
        "readers": READERS,
        "poems": len(during.heard),
        "failed": during.errors + during.turned_away,
        "mixed": mixed,
        "gap_p99_ms": _gap(during, 99),
        "gap_p99_ms_no_swap": _gap(calm, 99),
        "gap_most_ms": _gap(during, 100),
        "gap_most_ms_no_swap": _gap(calm, 100),
    }


def add_version(bot: Bot, voice: str) -> None:
    """Publish a version 1 whose weights differ a little from the base's."""
    base = reads.versions.champion(bot, voice)
    found = checkpoint.read(bot.shelf.fetch(base.folder))
    dice = np.random.default_rng(0)
    weights = {name: w + dice.normal(size=w.shape) * w.std() * NOISE for name, w in found.weights.items()}
    folder = bot.shelf.scratch() / KEY
    checkpoint.write(folder, replace(found.meta, files={}, fingerprint={}), found.vocabulary, weights)
    bot.shelf.place(folder, KEY)
    actions.versions.add_ungated(bot, voice, KEY, lesson=found.meta.lesson)


async def _swap(it: Site, bot: Bot, voice: str, swaps: range) -> None:
    """Swap between versions 1 and 0; each swap begins when the last one serves."""
    async with Reader(HOST, it.port) as reader:
        for swap in swaps:
            number = 1 - swap % 2
            await asyncio.to_thread(actions.versions.promote, bot, voice, number, by="bench", reason="bench swap")
            deadline = time.monotonic() + PATIENCE
            while await _serving(reader, voice) != number:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"version {number} does not serve")
                await asyncio.sleep(LOOK_S)


async def _look(it: Site, voice: str, seconds: float) -> None:
    """Look at which version serves, as often as `_swap` does, for so many *seconds*."""
    end = time.monotonic() + seconds
    async with Reader(HOST, it.port) as reader:
        while time.monotonic() < end:
            await _serving(reader, voice)
            await asyncio.sleep(LOOK_S)


async def _serving(reader: Reader, voice: str) -> int:
    """Number of the version that serves."""
    told = await reader.read("/readyz")
    number: int = told["voices"][voice]["serving"]
    return number


def _mixed(heard: Sequence[Heard], bot: Bot, voice: str) -> int:
    """Count poems that name two versions, and seeded ones that their version writes differently the second time."""
    poems = [one.poem for one in heard if one.poem]
    odd: int = sum(len({poem["version"], *(line["version"] for line in poem["lines"])}) > 1 for poem in poems)
    odd += sum(one.poem is not None and one.version != one.poem["version"] for one in heard)
    seeded = [one.poem for one in heard if one.poem and one.seeded]
    some = seeded[:: max(1, len(seeded) // REWRITTEN)][:REWRITTEN]
    for number in (0, 1):
        actions.versions.promote(bot, voice, number, by="bench", reason="bench swap")
        engine = build_engine(bot)
        try:
            engine.start()
            for poem in some:
                if poem["version"] == number:
                    again = engine.write(voice, Wish(seed=poem["seed"], temperature=poem["temperature"]))
                    odd += [line.text for line in again.lines] != [line["text"] for line in poem["lines"]]
        finally:
            engine.close()
    return odd


def _gap(tally: Tally, share: float) -> float | None:
    return percentile([gap for heard in tally.heard if not heard.seeded for gap in heard.gaps], share)


def rows(figures: Mapping[str, Any]) -> list[report.Row]:
    """Rows of the results table."""
    more = None
    if figures["gap_p99_ms"] is not None and figures["gap_p99_ms_no_swap"] is not None:
        more = figures["gap_p99_ms"] - figures["gap_p99_ms_no_swap"]
    return [
        ("swaps", figures["swaps"], ""),
        ("poems read during the swaps", figures["poems"], ""),
        ("requests that failed", figures["failed"], report.verdict(figures["failed"], must=0, aim=0, least=False)),
        ("poems of two versions", figures["mixed"], report.verdict(figures["mixed"], must=0, aim=0, least=False)),
        ("gap between characters or lines, p99, ms", figures["gap_p99_ms"], ""),
        ("the same without swaps, ms", figures["gap_p99_ms_no_swap"], ""),
        ("more with swaps than without, ms", more, report.verdict(more, must=8, aim=3, least=False)),
    ]
