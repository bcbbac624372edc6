"""The roster: the champion serves, a swap mixes nothing, and a version that will not load changes nothing."""

import gc
import os
import shutil
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.domain.errors import BrokenFolder, EngineFailed, UnknownVoice
from app.domain.poem import Wish
from app.domain.version import Serving
from app.engine.engine import LOADING, Engine
from app.engine.live import LiveVersion, Roster, VoiceStatus
from app.engine.poem import Delta, Done, Start
from app.settings import Settings
from models.checkpoint import META, STEP, WEIGHTS
from models.folder import sha256
from tests.engine.voices import a_version, champion, engine_of, eventually, live_of, streamed
from tests.models.test_checkpoint import rewritten
from tests.models.test_export import an_older_graph
from tests.support.patience import PATIENCE


@dataclass
class Site:
    """Folders by key, and which of them ought to serve: what a database and a shelf would say."""

    root: Path
    champion: dict[str, Serving] = field(default_factory=dict)
    away: bool = False

    def promote(self, number: int, voice: str = "sibot") -> None:
        """Have that version serve."""
        self.champion[voice] = champion(voice, 100 + number, number, f"v{number}")

    def champions(self) -> list[Serving]:
        """What ought to serve."""
        if self.away:
            raise ConnectionError("the database is away")
        return list(self.champion.values())

    def fetch(self, key: str) -> Path:
        """The folder of a key."""
        if not (self.root / key).is_dir():
            raise BrokenFolder(f"the folder {key} is not on the shelf")
        return self.root / key

    def number_of(self, engine: Engine) -> int | None:
        """What `sibot` serves."""
        return engine.status()["sibot"].number


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Two versions, of which the first serves."""
    for number in (0, 1):
        a_version(tmp_path / f"v{number}", seed=number)
    site = Site(tmp_path)
    site.promote(0)
    return site


@pytest.fixture
def engine(site: Site) -> Iterator[Engine]:
    """An engine over that site that has looked once, and looks again when told to."""
    engine = Engine(champions=site.champions, fetch=site.fetch, settings=Settings(slots=4))
    engine.refresh()
    yield engine
    engine.close()


def test_the_champion_serves(site: Site, engine: Engine) -> None:
    """And after a swap the next one does: its row id is on the poems."""
    assert engine.status() == {"sibot": VoiceStatus("sibot", 100, 0, 0, None)}
    before = engine.write("sibot", Wish(seed=1))
    site.promote(1)
    assert engine.write("sibot", Wish(seed=1)) == before  # nobody has looked yet
    engine.refresh()
    after = engine.write("sibot", Wish(seed=1))

    assert (before.version, after.version) == (100, 101)
    assert [line.text for line in before.lines] != [line.text for line in after.lines]
    assert engine.status() == {"sibot": VoiceStatus("sibot", 101, 1, 1, None)}


def test_a_poem_under_way_is_finished_by_its_version(site: Site, engine: Engine) -> None:
    """Through two swaps and back; the poem is the one that the old version writes alone."""
    wish = Wish(seed=5, lines=250)
    with engine_of(site.root / "v0") as alone:
        expected = alone.write("sibot", wish).lines
    stream = streamed(engine, "sibot", wish)
    assert isinstance(next(stream), Start)
    assert isinstance(next(stream), Delta)
    site.promote(1)
    engine.refresh()
    assert engine.load() == (1, 0)  # it is not finished yet
    assert engine.write("sibot", Wish()).version == 101
    (done,) = [event.writing for event in stream if isinstance(event, Done)]

    assert done.version == 100
    assert done.lines == expected


def test_what_is_being_loaded_is_known(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a look at the database that failed, and until the version of the first that succeeds is there."""
    engine = Engine(champions=site.champions, fetch=site.fetch, settings=Settings(slots=4))
    heard: list[str] = []

    def fetch(key: str) -> Path:
        with pytest.raises(EngineFailed) as refused:
            engine.temperature("sibot")
        heard.append(str(refused.value))
        return site.fetch(key)

    monkeypatch.setattr(engine._roster, "_fetch", fetch)
    site.away = True
    with pytest.raises(EngineFailed):
        engine.temperature("sibot")
    site.away = False
    engine.refresh()

    assert heard == ["sibot is being loaded"]
    assert engine.temperature("sibot") > 0
    with pytest.raises(UnknownVoice):
        engine.temperature("nobody")
    engine.close()


@pytest.mark.parametrize("under_way", [False, True])
def test_a_version_nobody_is_written_by_is_forgotten(site: Site, engine: Engine, under_way: bool) -> None:
    """Memory holds the champion and what drains, no more: an idle version goes at once, another with its last poem.

    Neither waits for the garbage collector, which a web process seldom runs.
    """
    gc.collect()
    gc.disable()
    try:
        old = weakref.ref(engine._current("sibot"))
        stream = streamed(engine, "sibot", Wish(lines=200 if under_way else 1))
        assert isinstance(next(stream), Start)
        if not under_way:
            assert isinstance(list(stream)[-1], Done)
        site.promote(1)
        engine.refresh()
        left = list(stream)
        assert bool(left) is under_way
        del stream
        assert eventually(lambda: old() is None)
    finally:
        gc.enable()


HARMS = ["gone", "torn weights", "other step", "no meta", "other voice's step", "other words", "fetch"]


@pytest.mark.parametrize("harm", HARMS)
def test_a_version_that_will_not_load_changes_nothing(site: Site, engine: Engine, harm: str) -> None:
    """The old one serves, the status says why; once mended, the new one takes over."""
    new, sound = site.root / "v1", site.root / "sound"
    shutil.copytree(new, sound)
    match harm:
        case "gone" | "fetch":
            shutil.rmtree(new)
        case "torn weights":
            (new / WEIGHTS).write_bytes((new / WEIGHTS).read_bytes()[:-9])
        case "other step":
            (new / STEP).write_bytes(b"no graph at all")
        case "no meta":
            (new / META).unlink()
        case "other voice's step":
            rewritten(new, fingerprint={"int8": [-1.0] * 40, "fp32": [-1.0] * 40})
        case "other words":
            (new / "vocabulary.json").write_text('["가"]', encoding="utf-8")
    site.promote(1)
    engine.refresh()

    status = engine.status()["sibot"]
    assert (status.version, status.number, status.wanted) == (100, 0, 1)
    assert status.error
    assert engine.write("sibot", Wish()).version == 100
    shutil.rmtree(new, ignore_errors=True)
    sound.rename(new)
    engine.refresh()
    assert engine.status() == {"sibot": VoiceStatus("sibot", 101, 1, 1, None)}


def test_a_graph_that_is_none_is_said_plainly(site: Site, engine: Engine) -> None:
    """Even when its hash is right."""
    (site.root / "v1" / STEP).write_bytes(b"no graph at all")
    files = {name: sha256(site.root / "v1" / name) for name in ("vocabulary.json", WEIGHTS, STEP)}
    rewritten(site.root / "v1", files=files)
    site.promote(1)
    engine.refresh()

    assert "ONNX" in str(engine.status()["sibot"].error)
    assert engine.write("sibot", Wish()).version == 100


def test_a_graph_of_an_older_release_is_built_again(site: Site, engine: Engine) -> None:
    """From the weights beside it; its poems are those of the graph that was meant."""
    site.promote(1)
    engine.refresh()
    meant = engine.write("sibot", Wish(seed=3))
    site.promote(0)
    engine.refresh()
    (site.root / "v1" / STEP).write_bytes(an_older_graph())
    files = {name: sha256(site.root / "v1" / name) for name in ("vocabulary.json", WEIGHTS, STEP)}
    rewritten(site.root / "v1", files=files)
    site.promote(1)
    engine.refresh()

    assert engine.status()["sibot"].error is None
    assert engine.write("sibot", Wish(seed=3)) == meant


def test_going_back_to_what_serves_clears_the_error(site: Site, engine: Engine) -> None:
    """A rollback of a version that never loaded."""
    shutil.rmtree(site.root / "v1")
    site.promote(1)
    engine.refresh()
    assert engine.status()["sibot"].error
    site.promote(0)
    engine.refresh()

    assert engine.status() == {"sibot": VoiceStatus("sibot", 100, 0, 0, None)}


def test_a_voice_without_any_version_fails(site: Site) -> None:
    """Its readers hear why; those of another voice read on; an unknown voice is unknown."""
    site.promote(7, voice="bard")
    engine = Engine(champions=site.champions, fetch=site.fetch, settings=Settings())
    try:
        with pytest.raises(EngineFailed, match="v7 is not on the shelf"):
            engine.write("bard", Wish())
        with pytest.raises(UnknownVoice):
            engine.write("nobody", Wish())
        with pytest.raises(UnknownVoice):
            next(streamed(engine, "nobody", Wish()))
        assert engine.write("sibot", Wish()).version == 100
        assert engine.status()["bard"].number is None
    finally:
        engine.close()


def test_a_database_away_changes_nothing(site: Site, engine: Engine) -> None:
    """What serves goes on serving, the status says that we are blind, and then no more."""
    site.away = True
    engine.refresh()
    assert engine.write("sibot", Wish()).version == 100
    assert "database is away" in str(engine.status()["sibot"].error)
    site.away = False
    engine.refresh()

    assert engine.status()["sibot"].error is None


def test_a_database_away_from_the_start(site: Site) -> None:
    """Readers hear that it is not their voice's fault; when it comes, so do poems."""
    site.away = True
    engine = Engine(champions=site.champions, fetch=site.fetch, settings=Settings())
    try:
        engine.start()
        with pytest.raises(EngineFailed, match="database is away"):
            engine.write("sibot", Wish())
        site.away = False
        engine.refresh()
        assert engine.write("sibot", Wish()).version == 100
    finally:
        engine.close()


def test_a_voice_that_is_taken_away(site: Site, engine: Engine) -> None:
    """It is known no longer."""
    site.champion.clear()
    engine.refresh()

    assert engine.status() == {}
    with pytest.raises(UnknownVoice):
        engine.write("sibot", Wish())


def test_a_started_engine_follows_by_itself(site: Site) -> None:
    """Within seconds of a promotion, without being told."""
    engine = Engine(champions=site.champions, fetch=site.fetch, settings=Settings())
    try:
        engine.start()
        assert site.number_of(engine) == 0
        site.promote(1)
        deadline = time.monotonic() + PATIENCE
        while site.number_of(engine) != 1 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert site.number_of(engine) == 1
    finally:
        engine.close()


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
def test_loading_gives_way_to_writing(site: Site) -> None:
    """The thread that loads versions is nicer than those that write and answer."""
    engine = Engine(champions=site.champions, fetch=site.fetch, settings=Settings())
    others = threading.enumerate()
    try:
        engine.start()
        (loader,) = (one for one in threading.enumerate() if one.name == "roster" and one not in others)
        nice = os.getpriority(os.PRIO_PROCESS, 0)
        assert eventually(lambda: os.getpriority(os.PRIO_PROCESS, loader.native_id or 0) == min(19, nice + LOADING))
        assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == nice
    finally:
        engine.close()


def test_a_broken_folder_is_not_looked_at_all_the_time(site: Site) -> None:
    """Who polls is patient, who is told to look looks, and another version is another matter."""
    looked: list[str] = []

    def load(champion: Serving, folder: Path) -> LiveVersion:
        looked.append(champion.folder)
        if champion.number == 1:
            raise BrokenFolder("torn")
        return live_of(folder)

    roster = Roster(champions=site.champions, fetch=site.fetch, load=load)
    roster.refresh()
    site.promote(1)
    for _ in range(20):
        roster.refresh(patient=True)
    roster.refresh()
    a_version(site.root / "v2", seed=2)
    site.promote(2)
    roster.refresh(patient=True)

    assert looked == ["v0", "v1", "v1", "v2"]


def test_the_base_serves_where_the_champions_folder_has_vanished(site: Site) -> None:
    """A web that starts without it still writes, says what is wrong, and serves the champion once it is back."""
    shutil.move(site.root / "v1", site.root / "away")
    site.promote(1)
    engine = Engine(
        champions=site.champions,
        fetch=site.fetch,
        settings=Settings(slots=4),
        spare=lambda voice: champion(voice, 100, 0, "v0"),
    )
    engine.refresh()
    status = engine.status()["sibot"]
    written = engine.write("sibot", Wish(seed=1))
    shutil.move(site.root / "away", site.root / "v1")
    engine.refresh()
    after = engine.status()["sibot"]
    engine.close()

    assert (status.number, status.wanted) == (0, 1)
    assert "not on the shelf" in (status.error or "")
    assert written.version == 100
    assert (after.number, after.error) == (1, None)
    assert (engine.metrics.failed_swaps, engine.metrics.swaps) == (1, 1)


def test_without_a_base_either_nothing_serves_and_it_is_said(site: Site) -> None:
    """The spare's own failure hides nothing."""
    site.promote(7)
    engine = Engine(
        champions=site.champions,
        fetch=site.fetch,
        settings=Settings(slots=4),
        spare=lambda voice: champion(voice, 109, 9, "v9"),
    )
    engine.refresh()
    status = engine.status()["sibot"]
    engine.close()

    assert status.number is None
    assert "v7 is not on the shelf" in (status.error or "")
