"""Challengers: a share of the poems by draw, each by one version, and no harm from one that will not load."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.domain.poem import Quotation, Wish
from app.domain.version import Challenger, Serving
from app.engine.engine import Engine
from app.engine.poem import Start
from app.settings import Settings
from tests.engine.voices import a_version, champion, streamed

POEMS = 120
ONE = Wish(lines=1)


@dataclass
class Site:
    """Two versions; the first serves, the second may be on trial."""

    root: Path
    champion: int = 0
    on_trial: list[Challenger] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)

    def champions(self) -> list[Serving]:
        """What ought to serve."""
        return [champion("sibot", 100 + self.champion, self.champion, f"v{self.champion}")]

    def challengers(self) -> list[Challenger]:
        """What else ought to write."""
        return self.on_trial

    def fetch(self, key: str) -> Path:
        """The folder of a key."""
        self.fetched.append(key)
        return self.root / key

    def try_out(self, share: float, trial: int = 5) -> None:
        """Put version 1 on trial."""
        self.on_trial = [Challenger("sibot", 101, 1, "v1", "base", trial, share)]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Two folders."""
    for number in (0, 1):
        a_version(tmp_path / f"v{number}", seed=number)
    return Site(tmp_path)


@pytest.fixture
def engine(site: Site) -> Iterator[Engine]:
    """An engine that nobody polls but the test."""
    made = Engine(champions=site.champions, challengers=site.challengers, fetch=site.fetch, settings=Settings(slots=8))
    made.refresh()
    yield made
    made.close()


def written(engine: Engine, wish: Wish = ONE, poems: int = POEMS) -> list[tuple[int, int | None]]:
    """Version and trial of so many poems."""
    found = [engine.write("sibot", wish) for _ in range(poems)]
    return [(poem.version, poem.trial) for poem in found]


def test_a_share_of_the_poems_is_the_challengers(site: Site, engine: Engine) -> None:
    """By draw; the champion's poems belong to the trial as well, for they are what it is compared with."""
    assert set(written(engine, poems=5)) == {(100, None)}
    site.try_out(0.5)
    engine.refresh()

    poems = written(engine)

    assert set(poems) == {(100, 5), (101, 5)}
    assert 0.25 < poems.count((101, 5)) / POEMS < 0.75
    assert engine.in_memory() == {100, 101}


def test_the_stream_of_a_poem_on_trial_tells_no_version(site: Site, engine: Engine) -> None:
    """Whoever was drawn: its first event would be known before the reader has answered."""
    site.try_out(share=0.5)
    engine.refresh()

    starts = [next(iter(streamed(engine, "sibot", ONE))) for _ in range(6)]
    seeded = next(iter(streamed(engine, "sibot", Wish(lines=1, seed=3))))

    assert {start.number for start in starts if isinstance(start, Start)} == {None}
    assert seeded == Start(100, 0)


def test_a_poem_that_is_no_fair_draw_is_the_champions(site: Site, engine: Engine) -> None:
    """One with a seed of the reader's, or with lines that somebody chose."""
    site.try_out(0.9)
    engine.refresh()

    assert set(written(engine, Wish(lines=1, seed=3), 20)) == {(100, None)}
    assert set(written(engine, Wish(lines=2, keep=(Quotation(7, "가나다"),)), 20)) == {(100, None)}


def test_when_the_trial_is_over_the_champion_writes_all(site: Site, engine: Engine) -> None:
    """And the challenger leaves the memory."""
    site.try_out(0.9)
    engine.refresh()
    site.on_trial = []
    engine.refresh()

    assert set(written(engine, poems=20)) == {(100, None)}
    assert engine.in_memory() == {100}


def test_a_challenger_that_wins_is_not_loaded_again(site: Site, engine: Engine) -> None:
    """It is in memory already: the swap is one assignment."""
    site.try_out(0.5)
    engine.refresh()
    site.on_trial, site.champion = [], 1
    engine.refresh()

    assert set(written(engine, poems=10)) == {(101, None)}
    assert site.fetched == ["v0", "v1"]


def test_a_challenger_that_has_vanished_does_no_harm(site: Site, engine: Engine) -> None:
    """The champion writes everything, outside the trial, and the engine says which trial is broken."""
    shutil.rmtree(site.root / "v1")
    site.try_out(0.9)
    engine.refresh()

    assert set(written(engine, poems=20)) == {(100, None)}
    assert engine.broken_trials() == [5]
    site.on_trial = []
    engine.refresh()
    assert engine.broken_trials() == []
