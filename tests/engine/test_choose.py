"""Choosing among candidates."""

import math

import pytest

from app.engine.choose import (
    BAND,
    LIKELY,
    PLAUSIBILITY_TEMPERATURE,
    RARITY,
    Candidate,
    Choice,
    Context,
    by_score,
    by_taste,
    noting,
    plausibility,
    rarity,
    within_band,
)

HERE = Context(("첫 줄",), ends=False)


def of_mean(mean: float, symbols: int = 10) -> Candidate:
    """A candidate of that mean log-probability."""
    return Candidate("줄", mean * symbols, symbols)


@pytest.mark.parametrize(("number", "chosen"), [(0.0, 0), (0.49, 0), (0.5, 2), (0.999, 2)])
def test_near_equals_have_equal_chances(number: float, chosen: int) -> None:
    """The length of a line does not count, the far-off has no chance."""
    candidates = [of_mean(-2.0), of_mean(-2.0 - BAND - 0.01), of_mean(-2.0 - BAND + 0.01, symbols=3)]

    assert within_band(HERE, candidates, number) == Choice(chosen, 0.5)


def test_one_alone_is_chosen() -> None:
    """With certainty."""
    assert within_band(HERE, [of_mean(-9.0)], 0.7) == Choice(0, 1.0)


@pytest.mark.parametrize(("number", "chosen"), [(0.0, 0), (0.19, 0), (0.21, 1), (0.999, 1)])
def test_the_better_liked_is_the_likelier(number: float, chosen: int) -> None:
    """At temperature 0.5, a line liked by log 2 more is four times as likely; its liking is told."""
    liked = {"작은": 0.0, "좋은": math.log(2)}
    choose = by_taste(lambda lines: [liked[line] for line in lines], 0.5)

    choice = choose(HERE, [Candidate(line, -1.0, 1) for line in liked], number)

    assert choice.index == chosen
    assert choice.propensity == pytest.approx((0.2, 0.8)[chosen])
    assert choice.liking == list(liked.values())[chosen]


def test_of_lines_liked_alike_the_rarer_is_the_likelier() -> None:
    """By so much a nat a symbol, where no reranker knows better; the length of a line does not count."""
    choose = by_taste(lambda lines: [0.0] * len(lines), 0.5, beside=rarity)

    assert choose(HERE, [of_mean(-2.0), of_mean(-4.0, symbols=3)], 0.0).propensity == pytest.approx(
        1 / (1 + math.exp(2 * RARITY))
    )


def test_great_likings_do_not_overflow() -> None:
    """However far apart they are, the chances are numbers."""
    choose = by_taste(lambda _: [-900.0, 900.0], 0.01)

    assert choose(HERE, [of_mean(-1.0)] * 2, 0.5) == Choice(1, 1.0, 900.0)


def test_the_line_that_follows_and_is_likely_is_chosen() -> None:
    """Its odds are those of the reranker and of the network together, sharpened."""
    candidates = [Candidate("따르는", -2.0, 2, follows=1.0), Candidate("낯선", -4.0, 2, follows=0.0)]

    choice = by_score(plausibility)(HERE, candidates, 0.0)

    odds = math.exp((1.0 + LIKELY * 1.0) / PLAUSIBILITY_TEMPERATURE)
    assert choice.index == 0
    assert choice.propensity == pytest.approx(odds / (1 + odds))


def test_taste_adds_to_plausibility() -> None:
    """Of lines that follow alike, the liked one; of lines liked alike, the one that follows."""
    follows = {"가": 3.0, "나": 0.0, "다": 0.0}
    liked = {"가": 0.0, "나": 0.0, "다": 4.0}
    choose = by_taste(lambda lines: [liked[line] for line in lines], 0.5, beside=plausibility)

    def wins(*lines: str) -> str:
        field = [Candidate(line, -1.0, 1, follows=follows[line]) for line in lines]
        choices = [choose(HERE, field, number) for number in (0.05, 0.5, 0.95)]
        assert len({choice.index for choice in choices}) == 1
        return lines[choices[0].index]

    assert wins("나", "다") == "다"
    assert wins("가", "나") == "가"


def test_who_ignores_taste_still_notes_it() -> None:
    """Chosen as without a taste, with what taste would have said beside it."""
    choose = noting(lambda lines: [float(len(line)) for line in lines], within_band)

    assert choose(HERE, [Candidate("석 자", -1.0, 4)], 0.3) == Choice(0, 1.0, 3.0)
