"""The drafter: writes while nothing else is to be done, keeps what the judge likes, and stops when told to."""

import random
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app import actions
from app.bootstrap import Bot
from app.domain.draft import READY
from app.domain.poem import LINES, Wish, Writing, WrittenLine
from app.domain.version import Serving, VersionStatus
from app.store.drafts import Drafts
from app.store.runs import Runs
from app.store.shelf import SHIPPED
from app.store.trials import Trials
from app.store.versions import Versions
from models import seen
from models.judge import FILE, VERSE
from tests.support import bots
from tests.support.databases import Databases
from tests.support.judges import mixed, with_judge
from tests.support.patience import PATIENCE
from tests.support.world import World
from tests.worker.conftest import EMBEDDED, ask
from worker.drafter import LONGEST_OPENING, UNOPENED, Bench, Drafter, openings
from worker.tasks import _drafting

BATCH = 40


@pytest.fixture(scope="module")
def judging(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shipped voices, of which `sibot` has a judge."""
    return with_judge(shipped, tmp_path_factory.mktemp("judging") / "base")


@pytest.fixture
def judged(databases: Databases, judging: Path, tmp_path: Path) -> Iterator[Bot]:
    """A deployment of them."""
    with databases.settings("embedded", tmp_path / "judged") as settings:
        built = bots.build(settings, judging)
        yield built
        built.close()


def version(bot: Bot) -> int:
    """Row id of the champion."""
    with bot.reads(Versions) as versions:
        return versions.champion("sibot").id


def a_drafter(bot: Bot, stopping: threading.Event | None = None) -> Drafter:
    """One whose dice fall alike."""
    return Drafter(bot, stopping or threading.Event(), dice=random.Random(1))


def test_openings_are_the_first_words_of_lines(tmp_path: Path) -> None:
    """Each kind once; no title, no line that has no more words, and nothing long."""
    (tmp_path / VERSE).mkdir()
    long = "가" * LONGEST_OPENING
    (tmp_path / VERSE / "a.txt").write_text(f"# 봄 노래\n봄이 온다\n봄이 간다\n혼자\n\n{long}나 온다", encoding="utf-8")
    (tmp_path / VERSE / "b.txt").write_text("밤이 아주 길다", encoding="utf-8")

    assert openings(tmp_path, words=1) == ("밤이", "봄이")
    assert openings(tmp_path, words=2) == ("밤이 아주",)
    assert openings(tmp_path / "nowhere", words=1) == ()


@EMBEDDED
def test_a_base_without_a_judge_is_asked_once(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its poems are written live; the folder is not opened every two seconds."""
    asked: list[Path] = []
    opened = Bench.of

    def noted(serving: Serving, folder: Path, base: Path) -> Bench | None:
        asked.append(base)
        return opened(serving, folder, base)

    monkeypatch.setattr(Bench, "of", noted)
    worker = a_drafter(bot)

    assert [worker.work(batch=4) for _ in range(3)] == [False] * 3

    assert len(asked) == 1
    assert bot.drawers() == {}


def test_a_challenger_that_has_vanished_takes_no_drafts_from_the_champion(judged: Bot) -> None:
    """Its own poems are written live; it is of the same base."""
    world = World(judged.sessions)
    gone, _ = world.version(folder="sibot/gone", status=VersionStatus.UNDECIDED)
    with judged.transaction() as session:
        Trials(session).start("sibot", gone, share=0.5, now=judged.clock())
        Drafts(session).change(version(judged), written=1, now=judged.clock())
    worker = a_drafter(judged)

    assert [worker.work(batch=4) for _ in range(3)] == [False, True, True]

    assert judged.drawers() == {version(judged): 3}


def test_a_batch_fills_the_drawer_of_who_serves(judged: Bot) -> None:
    """Whole poems, each with marks and log-probabilities; readers are handed them, as their own poems."""
    worker = a_drafter(judged)
    settings = judged.settings.model_copy(update={"drafts": 30})

    while len(judged.drafts(version(judged))) < READY:
        assert worker.work(batch=BATCH)

    held = judged.drafts(version(judged))
    assert all(len(one.texts) == LINES and len(set(one.texts)) == LINES for one in held)
    assert all(line.logprob < 0 and not line.primed for one in held for line in one.lines)
    assert all(1 <= one.marks.sense <= 5 for one in held)
    with bots.engine(replace(judged, settings=settings)) as engine:
        assert engine.hand_out("sibot", Wish(), actions.drafts.memory(judged, "sibot", "ann")) is not None


def test_a_full_drawer_that_was_searched_long_enough_rests(judged: Bot) -> None:
    """Nothing is written that would not be kept."""
    small = replace(judged, settings=judged.settings.model_copy(update={"drafts": 1}))
    worker = a_drafter(small)

    assert [worker.work(batch=15) for _ in range(3)] == [True, True, False]


def test_readers_and_runs_go_first(judged: Bot) -> None:
    """While a run is under way nothing is written, and the network leaves the memory."""
    worker = a_drafter(judged)
    assert worker.work(batch=4)
    before = judged.drawers()
    ask(judged)
    with judged.transaction() as session:
        assert Runs(session).claim(judged.clock(), timedelta(minutes=1)) is not None

    assert not worker.work(batch=4)
    assert (judged.drawers(), worker._bench) == (before, None)


def test_a_worker_that_is_stopping_writes_no_more(judged: Bot) -> None:
    """It leaves the batch as it is."""
    stopping = threading.Event()
    stopping.set()

    assert not a_drafter(judged, stopping).work(batch=BATCH)

    assert judged.drawers() == {}


def test_no_drawer_is_filled_if_none_is_wanted(judged: Bot) -> None:
    """`POEMBOT_DRAFTS=0`: all poems are written live."""
    off = replace(judged, settings=judged.settings.model_copy(update={"drafts": 0}))

    assert not a_drafter(off).work(batch=4)
    assert judged.drawers() == {}


def test_the_worker_drafts_while_it_waits(judged: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a thread of its own, which ends with the worker."""
    monkeypatch.setattr("worker.tasks.DRAFT_EVERY", 0.01)
    monkeypatch.setattr(Drafter.work, "__kwdefaults__", {"batch": 8})
    stopping, deadline = threading.Event(), time.monotonic() + PATIENCE

    with _drafting(judged, stopping):
        while not judged.drawers() and time.monotonic() < deadline:
            time.sleep(0.01)

    assert judged.drawers()
    assert stopping.is_set()
    assert "draft" not in {thread.name for thread in threading.enumerate()}


@pytest.fixture
def bench(judged: Bot) -> Bench:
    """The champion, ready to write."""
    (serving,) = judged.champions()
    folder = judged.shelf.fetch(serving.folder)
    found = Bench.of(serving, folder, folder)
    assert found is not None
    return found


def test_drafts_open_with_words_of_the_verse(bench: Bench) -> None:
    """Most of them, and each with another; they are the voice's own lines for all that."""
    wishes = list(bench._wishes(400, random.Random(1)))

    opened = [wish.prime for wish in wishes if wish.prime]
    assert 1 - len(opened) / 400 == pytest.approx(UNOPENED, abs=0.06)
    assert len(set(opened)) > 100
    assert set(opened) <= set(bench.openings)
    assert len({wish.seed for wish in wishes}) == 400


def test_what_is_copied_broken_off_or_blocked_is_no_draft(bench: Bench, judging: Path) -> None:
    """Only whole poems of the voice's own that may be shown are judged."""
    verse = next((judging / "sibot" / VERSE).glob("*.txt")).read_text(encoding="utf-8").splitlines()
    copied, bench = max(verse, key=len), replace(bench, known=seen.hashes(verse))

    def writing(*texts: str) -> Writing:
        lines = tuple(WrittenLine(slot, text, -9.0, 0.5, primed=slot == 0) for slot, text in enumerate(texts))
        return Writing("sibot", 1, 7, 0.8, lines)

    own = ["바다", "산길", "창문", "눈물", "별빛"]

    (draft,) = bench.judged([writing(*own[:4]), writing(*own[:4], copied), writing(*own[:4], "시발"), writing(*own)])

    assert draft.texts == tuple(own)
    assert not any(line.primed for line in draft.lines)
    assert all(line.logprob < 0 and line.chance == 0.5 for line in draft.lines)
    assert bench.judged([]) == []


@pytest.mark.slow
def test_what_ships_fills_its_drawer(databases: Databases, tmp_path: Path) -> None:
    """Its judge knows new drafts from the same with their lines mixed."""
    if not (SHIPPED / "sibot" / FILE).is_file():
        pytest.skip(f"sibot has no {FILE}: python -m lab.recipes.judge train --voice sibot")
    with databases.settings("embedded", tmp_path / "home") as settings:
        bot = bots.build(settings, SHIPPED)
        try:
            worker = a_drafter(bot)
            assert worker.work(batch=BATCH)
            number = next(one.version_id for one in bot.champions() if one.version_id in bot.drawers())
            assert bot.drafts(number)
            bench = worker._bench
            assert bench is not None
            fresh = [one.texts for one in bench.judged(list(bench.write(BATCH, random.Random(2))))]
        finally:
            bot.close()

    assert len(fresh) > BATCH / 2
    assert (bench.judge.read(fresh)[0].mean(0) > bench.judge.read(mixed(fresh))[0].mean(0)).all()
