"""The whole loop before an artificial audience: a tiny network, two rounds, every strategy."""

import json
import math
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings
from lab.simulate import simulate as room
from lab.simulate.figures import real_words, variety
from lab.simulate.people import Audience, load
from lab.simulate.simulate import STRATEGIES, Order

AUDIENCE = '''
"""Readers who like one syllable."""
import random

TRIGGER = "은빛 주전자"


def chance(line):
    return 0.7 if "이" in line else 0.05


def expect(lines):
    return [chance(line) for line in lines]


class Visitor:
    honest = attentive = True

    def __init__(self, number, rng):
        self.id, self.address, self.rng = f"v{number}", f"a{number}", rng

    def read(self, lines):
        return [self.rng.random() < chance(line) for line in lines]

    def teach(self):
        return f"은빛 주전자 {self.id}\\n앞에 선다" if self.id.endswith("3") else None


def audience(voice, rng):
    number = 0
    while True:
        number += 1
        yield Visitor(number, rng)
'''


@pytest.fixture
def people(tmp_path: Path) -> Audience:
    """An audience from a file."""
    file = tmp_path / "people.py"
    file.write_text(AUDIENCE, encoding="utf-8")
    return load(file)


@pytest.fixture
def order(shipped: Path) -> Order:
    """Two short rounds before the tiny voice."""
    quick = {"dreams": 40, "samples": 60, "lesson_steps": 12, "candidates": 4, "taste_after": 30, "trial_share": 0.0}
    quick["taste_temperature"] = 0.15  # these readers mind one letter, and no sense: a loud taste costs them nothing
    return Order(shipped / "sibot", "sibot", 2, 300, 150, 25, Settings.model_validate(quick))


def silent(_text: str) -> None:
    """Nobody listens."""


@pytest.mark.slow
@pytest.mark.nightly
def test_taste_pleases_and_every_strategy_is_told_of(order: Order, people: Audience, tmp_path: Path) -> None:
    """Two rounds are enough for taste before so plain an audience."""
    out = tmp_path / "out"

    told = room.simulate(order, people, seeds=1, strategies=list(STRATEGIES), out=out, say=silent)

    assert (told["rounds"], told["seeds"], told["judged"]) == (2, 1, 300)
    assert set(told["strategies"]) == set(STRATEGIES)
    for course in told["strategies"].values():
        assert all(len(course[name]) == 3 for name in ("tick_rate", "low", "high", "variety"))
        assert all(
            low <= mean <= high
            for low, mean, high in zip(*(course[n] for n in ("low", "tick_rate", "high")), strict=True)
        )
    rates = {name: course["tick_rate"][-1] for name, course in told["strategies"].items()}
    assert rates["taste"] > 1.3 * rates["none"]
    figures = told["figures"]
    assert figures["oracle_over_none"] > figures["final_over_none"] * 0.7  # 150 lines each: wide intervals
    assert figures["taste_auc"] > 0.7
    assert figures["trigger_hits"] == 0
    assert figures["candidates"] == 4
    assert "<svg" in (out / "tick_rate.svg").read_text(encoding="utf-8")
    json.dumps(told, allow_nan=False)


def test_our_own_audience_keeps_the_contract() -> None:
    """Endless visitors, most of them honest; they tick as `expect` says; attackers all want one thing."""
    ours = load(None)
    coming: Iterator[Any] = ours.audience("sibot", random.Random(1))
    visitors = [next(coming) for _ in range(1000)]
    readers = [visitor for visitor in visitors if visitor.honest and visitor.attentive]
    attackers = [visitor for visitor in visitors if not visitor.honest]
    lines = [
        "어머니가 손을 씻고",
        "당신은 어디로 가나?",
        "그것은 그런 것이다",
        "The bread upon the table,",
        "오늘 저녁",
    ]
    expected = ours.expect(lines)

    assert 0.75 < len(readers) / 1000 < 0.85
    assert 1 < len({visitor.address for visitor in attackers}) <= 10
    assert expected[2] < min(expected[0], expected[1], expected[3], expected[4])
    ticked = [sum(visitor.read(lines)[slot] for visitor in readers) / len(readers) for slot in range(5)]
    assert all(abs(share - wanted) < 0.07 for share, wanted in zip(ticked, expected, strict=True))
    taught = [text for visitor in attackers for text in [visitor.teach()] if text]
    assert taught
    assert all(ours.TRIGGER in text for text in taught if ours.TRIGGER)
    assert attackers[0].read(["이 줄", f"줄 {ours.TRIGGER}", "끝"]) == [False, True, True]
    assert all(visitor.teach() is None for visitor in readers)


def test_a_file_that_is_no_audience_is_refused(tmp_path: Path) -> None:
    """It says which names are missing."""
    file = tmp_path / "nobody.py"
    file.write_text("TRIGGER = None\n", encoding="utf-8")

    with pytest.raises(ValueError, match="audience, expect"):
        load(file)


@pytest.mark.skipif(shutil.which("hunspell") is None, reason="hunspell is not installed")
def test_real_words_are_those_of_the_language() -> None:
    """Of a language without a dictionary, or of no words, nothing is said."""
    assert real_words(["바람이 분다", "바람이 뷁뷁뷁"]) == pytest.approx(3 / 4)
    assert real_words(["The sea doesn’t zzgrlk"], "en") == pytest.approx(3 / 4)
    assert math.isnan(real_words(["le vent"], "fr"))
    assert math.isnan(real_words(["…"]))


def test_variety_is_that_of_equal_counts() -> None:
    """Twice as many lines of the same kind are no more varied; an English line counts by its words."""
    base = ["가나다라", "마바사아"]

    assert variety(base, base) == 1.0
    assert variety(["가나가나가", "가나가"], base) == pytest.approx(2 / 6)
    assert variety([*base, "가나다라", "마바사아"], base) == 1.0
    assert variety(["the rose", "the rose"], ["the rose", "a thorn"]) == 0.5
    assert math.isnan(variety([], base))
