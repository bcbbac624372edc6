"""The taste policy: poems are written by taste, a share of them not, and a taste that will not load changes nothing."""

import math
import random
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from app.domain.poem import Wish
from app.engine.choose import ONE, Candidate, Context, Way, alike, by_score
from app.engine.engine import Engine
from app.engine.taste_policy import TastePolicy
from app.settings import Settings
from models.taste import Report, Taste
from tests.engine.voices import a_version, champion

REPORT = Report(1000, 200, 100, 0.7, 0.02, 0.01, 0.3)


def liking(letter: str, weight: float = 3.0) -> Taste:
    """A taste for lines with that letter."""
    return Taste({f"c{letter}": weight}, -2.0, REPORT)


class Shelf:
    """Tastes by number, and which one is the newest."""

    def __init__(self, **newest: Taste | None) -> None:
        self.kept = {number: taste for number, taste in enumerate(newest.values(), 1) if taste}
        self.newest: dict[str, int] = {voice: number for number, voice in enumerate(newest, 1)}

    def content(self, number: int) -> Mapping[str, Any]:
        """What is kept of it."""
        return self.kept[number].as_dict() if number in self.kept else {}

    def taste_policy(self, *, candidates: int = 4, share: float = 1.0, temperature: float = 0.1) -> TastePolicy:
        """A taste policy over them."""
        taste_policy = TastePolicy(
            newest=lambda: self.newest,
            fetch=self.content,
            candidates=candidates,
            share=share,
            temperature=temperature,
        )
        taste_policy.refresh()
        return taste_policy


def test_a_voice_without_taste_writes_as_ever() -> None:
    """So does one whose taste will not load, and a poem with a seed of the reader's."""
    taste_policy = Shelf(sibot=liking("가"), broken=None).taste_policy()

    assert taste_policy.way("bard", Wish(), 1, without=ONE) is ONE
    assert taste_policy.way("broken", Wish(), 1, without=ONE) is ONE
    assert taste_policy.way("sibot", Wish(seed=1), 1, without=ONE) is ONE
    assert taste_policy.way("sibot", Wish(), 1, without=ONE).taste == 1


def test_a_share_of_the_poems_ignores_taste() -> None:
    """Drawn by the poem's seed; those have one candidate, and what taste thinks of it is noted all the same."""
    taste_policy = Shelf(sibot=liking("가")).taste_policy(share=0.7)
    ways = [taste_policy.way("sibot", Wish(), seed, without=ONE) for seed in range(500)]
    ignoring = [way for way in ways if way.taste is None]

    assert 100 < len(ignoring) < 200
    assert {way.candidates for way in ignoring} == {1}
    said = Candidate("가을이 온다", -1.0, 1)
    assert {way.choose(Context(), [said], 0.5).liking for way in ignoring} == {*liking("가").likings([said.text])}
    assert {(way.candidates, way.taste) for way in ways if way.taste} == {(4, 1)}


def test_a_newer_taste_takes_over_and_a_broken_one_does_not() -> None:
    """What would not load is not asked for again and again."""
    shelf = Shelf(sibot=liking("가"))
    taste_policy = shelf.taste_policy()
    shelf.newest = {"sibot": 2}

    taste_policy.refresh()
    assert taste_policy.way("sibot", Wish(), 1, without=ONE).taste == 1
    shelf.kept[3], shelf.newest = liking("나"), {"sibot": 3}
    taste_policy.refresh()
    assert taste_policy.way("sibot", Wish(), 1, without=ONE).taste == 3
    shelf.newest = {}
    taste_policy.refresh()
    assert taste_policy.way("sibot", Wish(), 1, without=ONE) is ONE


def test_what_was_said_is_remembered_by_voice() -> None:
    """With a taste or without: the next poem says something else. A poem with a seed of the reader's is as ever."""
    taste_policy = Shelf(sibot=liking("가")).taste_policy()
    scored = Way(2, by_score(alike), score=alike)
    lines = [Candidate("밤이 온다", -1.0, 1), Candidate("눈이 온다", -1.0, 1)]

    def next_said(voice: str, seed: int) -> int:
        way = taste_policy.way(voice, Wish(), seed, without=scored)
        index = way.choose(Context(), lines, 0.1).index
        way.sent(lines[index].text)
        return index

    for voice in ("bard", "sibot"):
        assert [next_said(voice, seed) for seed in range(2)] == [0, 1]
    assert taste_policy.way("bard", Wish(seed=1), 1, without=scored) is scored


def test_a_database_away_leaves_the_taste_as_it_is() -> None:
    """Whoever writes goes on writing."""
    shelf = Shelf(sibot=liking("가"))
    taste_policy = shelf.taste_policy()
    del shelf.newest

    taste_policy.refresh()

    assert taste_policy.way("sibot", Wish(), 1, without=ONE).taste == 1


def test_poems_please_more_when_taste_chooses(tmp_path: Path) -> None:
    """The engine draws several lines and goes on with one that is liked; it says how likely that was, and how liked."""
    folder = a_version(tmp_path / "version")

    def written(taste_policy: TastePolicy | None) -> list[str]:
        dice = random.Random(0)
        engine = Engine(
            champions=lambda: [champion("sibot", 7, 3, "key")],
            fetch=lambda _key: folder,
            settings=Settings(),
            taste_policy=taste_policy,
            dice=partial(dice.getrandbits, 31),
        )
        try:
            writings = [engine.write("sibot", Wish(lines=5)) for _ in range(80)]
        finally:
            engine.close()
        lines = [line for writing in writings for line in writing.lines]
        if taste_policy:
            assert {writing.taste for writing in writings} == {1}
            assert all(0 < line.chance <= 1 for line in lines)
            assert [line.liking for line in lines] == liking("가").likings([line.text for line in lines])
        return [line.text for line in lines]

    plain, chosen = written(None), written(Shelf(sibot=liking("가")).taste_policy())

    assert sum("가" in line for line in chosen) > 1.5 * sum("가" in line for line in plain)


def test_the_engine_reports_the_candidates_that_poems_had(tmp_path: Path) -> None:
    """As many as taste chose from; one for a poem with a seed of the reader's, which knows no taste."""
    folder = a_version(tmp_path / "version")
    engine = Engine(
        champions=lambda: [champion("sibot", 7, 3, "key")],
        fetch=lambda _key: folder,
        settings=Settings(),
        taste_policy=Shelf(sibot=liking("가")).taste_policy(candidates=4),
    )
    try:
        before = engine.metrics.candidates_per_poem
        for _ in range(3):
            engine.write("sibot", Wish(lines=1))
        by_taste = engine.metrics.candidates_per_poem
        engine.write("sibot", Wish(lines=1, seed=1))
    finally:
        engine.close()

    assert math.isnan(before)
    assert by_taste == 4
    assert engine.metrics.candidates_per_poem == 13 / 4


def test_each_poem_has_one_taste() -> None:
    """The way is fixed when a poem begins: a swap in its middle changes nothing for it."""
    shelf = Shelf(sibot=liking("가"))
    taste_policy = shelf.taste_policy()
    way = taste_policy.way("sibot", Wish(), 1, without=ONE)
    shelf.kept[2], shelf.newest = replace(liking("나")), {"sibot": 2}

    taste_policy.refresh()

    assert way.taste == 1
    assert taste_policy.way("sibot", Wish(), 1, without=ONE).taste == 2
