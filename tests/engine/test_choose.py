"""Choosing among candidates."""

import math

import pytest

from app.engine.choose import BAND, RARITY, Candidate, Choice, by_taste, within_band


def of_mean(mean: float, symbols: int = 10) -> Candidate:
    """A candidate of that mean log-probability."""
    return Candidate("줄", mean * symbols, symbols)


@pytest.mark.parametrize(("number", "chosen"), [(0.0, 0), (0.49, 0), (0.5, 2), (0.999, 2)])
def test_near_equals_have_equal_chances(number: float, chosen: int) -> None:
    """The length of a line does not count, the far-off has no chance."""
    candidates = [of_mean(-2.0), of_mean(-2.0 - BAND - 0.01), of_mean(-2.0 - BAND + 0.01, symbols=3)]

    assert within_band(candidates, number) == Choice(chosen, 0.5)


def test_one_alone_is_chosen() -> None:
    """With certainty."""
    assert within_band([of_mean(-9.0)], 0.7) == Choice(0, 1.0)


@pytest.mark.parametrize(("number", "chosen"), [(0.0, 0), (0.19, 0), (0.21, 1), (0.999, 1)])
def test_the_better_liked_is_the_likelier(number: float, chosen: int) -> None:
    """At temperature 0.5, a line liked by log 2 more is four times as likely; its liking is told."""
    liked = {"작은": 0.0, "좋은": math.log(2)}
    choose = by_taste(lambda lines: [liked[line] for line in lines], 0.5)

    choice = choose([Candidate(line, -1.0, 1) for line in liked], number)

    assert choice.index == chosen
    assert choice.propensity == pytest.approx((0.2, 0.8)[chosen])
    assert choice.liking == list(liked.values())[chosen]


def test_of_lines_liked_alike_the_rarer_is_the_likelier() -> None:
    """By so much a nat a symbol; the length of a line does not count."""
    choose = by_taste(lambda lines: [0.0] * len(lines), 0.5)

    assert choose([of_mean(-2.0), of_mean(-4.0, symbols=3)], 0.0).propensity == pytest.approx(
        1 / (1 + math.exp(2 * RARITY))
    )


def test_great_likings_do_not_overflow() -> None:
    """However far apart they are, the chances are numbers."""
    choose = by_taste(lambda _: [-900.0, 900.0], 0.01)

    assert choose([of_mean(-1.0)] * 2, 0.5) == Choice(1, 1.0, 900.0)
