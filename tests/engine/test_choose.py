"""Choosing among candidates."""

import pytest

from app.engine.choose import BAND, Candidate, within_band


def of_mean(mean: float, symbols: int = 10) -> Candidate:
    """A candidate of that mean log-probability."""
    return Candidate("줄", mean * symbols, symbols)


@pytest.mark.parametrize(("number", "chosen"), [(0.0, 0), (0.49, 0), (0.5, 2), (0.999, 2)])
def test_near_equals_have_equal_chances(number: float, chosen: int) -> None:
    """The length of a line does not count, the far-off has no chance."""
    candidates = [of_mean(-2.0), of_mean(-2.0 - BAND - 0.01), of_mean(-2.0 - BAND + 0.01, symbols=3)]

    assert within_band(candidates, number) == (chosen, 0.5)


def test_one_alone_is_chosen() -> None:
    """With certainty."""
    assert within_band([of_mean(-9.0)], 0.7) == (0, 1.0)
