"""`bench serve` and `bench swap`: readers on the wire, the ancestor's way of serving, and poems that are checked."""

import asyncio
import json
import sys
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.bootstrap import Bot, now
from app.store.poems import Poems
from app.store.tastes import Tastes
from lab.bench import serve, swap
from lab.bench.baselines import LONGEST, Cells, Poet, Whole
from lab.bench.site import HOST, Heard, Reader, Site, crowd, environment, percentile, port_of, process
from models.taste import Report, Taste
from tests.engine.voices import eventually

WRITES = partial(Reader.write, voice="sibot")


def port(site: str) -> int:
    """Of an address."""
    return int(urlsplit(site).port or 0)


def test_a_reader_on_the_wire_reads_poems(site: str, bot: Bot) -> None:
    """Plainly and as they are written, over one connection, as one visitor; the poems are stored, the ticks too."""

    async def read() -> tuple[Heard, Heard, int]:
        async with Reader(HOST, port(site)) as reader:
            plain, stream = await reader.write("sibot"), await reader.stream("sibot")
            return plain, stream, await reader.tick(stream.poem["lines"][0]["id"])  # type: ignore[index]

    plain, stream, ticked = asyncio.run(read())

    assert (plain.status, stream.status, ticked) == (201, 200, 200)
    assert plain.poem is not None
    assert stream.poem is not None
    assert 0 < (stream.first_char or 0) <= (stream.first_line or 0) <= stream.took
    assert stream.version == stream.poem["version"] == 0
    with bot.reading() as session:
        for heard in (plain, stream):
            assert heard.poem is not None
            lines = [line.text for line in Poems(session).one(heard.poem["id"], None).lines]
            assert lines == [line["text"] for line in heard.poem["lines"]]


def test_the_candidates_are_those_that_poems_had(site: str, bot: Bot) -> None:
    """One for a line of a new site; more once there is a taste that chooses."""

    async def read() -> None:
        async with Reader(HOST, port(site)) as reader:
            await reader.write("sibot")

    def several() -> bool:
        asyncio.run(read())
        poems, candidates = serve.counted(port(site))
        return candidates > poems

    asyncio.run(read())
    poems, candidates = serve.counted(port(site))
    assert poems == candidates > 0

    taste = Taste({"c가": 1.0}, -1.0, Report(1000, 200, 100, 0.7, 0.02, 0.01, 0.3))
    with bot.transaction() as session:
        Tastes(session).add("sibot", taste.as_dict(), serves=True, now=now())
    assert eventually(several)


@pytest.mark.nightly
def test_readers_teach_the_site_that_is_measured_a_taste(site: str, bot: Bot) -> None:
    """By ticks over HTTP, learned as a worker learns: from then on lines have more candidates than one."""
    serve.put_taste(Site(port(site), bot.settings, bot.settings.home), "sibot")

    poems, candidates = serve.counted(port(site))
    asyncio.run(crowd(HOST, port(site), readers=2, seconds=1.0, deed=WRITES, warm_up=0.0))
    more_poems, more_candidates = serve.counted(port(site))

    assert candidates == poems
    assert more_candidates - candidates > 2 * (more_poems - poems)


def test_a_crowd_reads_on_until_it_is_told(site: str) -> None:
    """Each has one poem after the other; what came before the warm-up was over does not count."""
    tally = asyncio.run(crowd(HOST, port(site), readers=5, seconds=1.5, deed=WRITES, warm_up=0.2))

    assert tally.errors == tally.turned_away == 0
    assert len(tally.heard) >= 5
    assert tally.poems_per_s == pytest.approx(len(tally.heard) / tally.seconds)
    assert all(heard.took > 0 for heard in tally.heard)


def test_a_crowd_before_a_closed_door_counts_errors() -> None:
    """Nobody listens: that is no poem and no honest refusal."""
    tally = asyncio.run(crowd(HOST, 1, readers=2, seconds=0.5, deed=WRITES, warm_up=0.1))

    assert tally.heard == []
    assert tally.errors > 0


def test_percentiles_are_milliseconds() -> None:
    """Of what was heard; nothing has none."""
    assert percentile([0.1, None, 0.3], 100) == pytest.approx(300)
    assert percentile([None], 95) is None
    assert serve.over(3.0, 0.0) is None
    assert serve.over(3.0, 2.0) == 1.5


@pytest.mark.parametrize("spelling", [Whole, Cells])
def test_the_ancestors_way_writes_five_lines(voice: Path, spelling: type[Whole]) -> None:
    """Of the same vocabulary and bans, none without an end."""
    lines = Poet(voice, spelling).poem()

    assert len(lines) == 5
    assert all(len(line) <= LONGEST and "#" not in line for line in lines)


@pytest.mark.nightly
def test_the_ancestors_way_is_a_server(voice: Path, tmp_path: Path, bot: Bot) -> None:
    """One request at a time; each poem is stored before it is answered."""
    command = [sys.executable, "-m", "lab.bench.baselines", str(voice), "cells", "1"]
    with process(command, tmp_path, environment(bot.settings), "naive") as log:
        tally = asyncio.run(crowd(HOST, port_of(log), readers=3, seconds=1.0, deed=WRITES, warm_up=0.0))

    assert tally.heard
    assert tally.errors == 0
    assert (tmp_path / "poems.db").stat().st_size > 0


def test_poems_of_one_version_are_known_as_such(site: str, bot: Bot) -> None:
    """Written once more by their seed they are the same; one that was tampered with is found."""
    seeded = partial(Reader.stream, voice="sibot", seed=7)
    heard = asyncio.run(crowd(HOST, port(site), readers=3, seconds=1.0, deed=seeded, warm_up=0.0)).heard
    swap.add_version(bot, "sibot")
    assert swap._mixed(heard, bot, "sibot") == 0

    forged = json.loads(json.dumps(heard[0].poem))
    forged["lines"][2]["text"] += "라"
    assert swap._mixed([Heard(200, poem=forged, version=0, seeded=True)], bot, "sibot") == 1
