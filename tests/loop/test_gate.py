"""The gate: what must hold, holds; everything else is turned away."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.verdict import Scorecard
from app.loop.gate import GateLimits, judge

BASE = Scorecard(bits_per_char=3.0, distinct=0.9, distinct2=0.5, copied=0.01, finite=True)
FIGURES = ["bits_per_char", "distinct", "distinct2", "copied"]
ANY = st.floats(allow_nan=True, allow_infinity=True)
CARDS = st.builds(Scorecard, bits_per_char=ANY, distinct=ANY, distinct2=ANY, copied=ANY, finite=st.booleans())


def nan(figure: str) -> dict[str, Any]:
    """A figure that could not be measured."""
    return {figure: math.nan}


def test_a_candidate_as_good_as_its_base_is_admitted() -> None:
    """Nothing speaks against it."""
    assert judge(BASE, BASE).admitted


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"bits_per_char": 3.06}, "forgot_the_language"),
        ({"distinct": 0.8}, "repeats_itself"),
        ({"distinct2": 0.44}, "repeats_itself"),
        ({"copied": 0.04}, "copies"),
        ({"finite": False}, "not_finite"),
    ],
)
def test_each_rule_turns_away_alone(change: dict[str, Any], reason: str) -> None:
    """One broken rule is enough, and it is the one that is named."""
    assert judge(BASE, replace(BASE, **change)).reasons == (reason,)


@pytest.mark.parametrize(
    "change", [{"bits_per_char": 3.04}, {"distinct": 0.82}, {"distinct2": 0.46}, {"copied": 0.025}]
)
def test_a_little_loss_is_allowed(change: dict[str, Any]) -> None:
    """A lesson costs something; the limits say how much."""
    assert judge(BASE, replace(BASE, **change)).admitted


@pytest.mark.parametrize("figure", FIGURES)
def test_a_candidate_with_nan_is_turned_away(figure: str) -> None:
    """A network that diverged never reaches a visitor."""
    assert not judge(BASE, replace(BASE, **nan(figure))).admitted


@pytest.mark.parametrize("figure", FIGURES)
def test_a_base_with_nan_admits_nobody(figure: str) -> None:
    """Where the base could not be measured, nothing can be compared with it: the gate stays shut."""
    assert not judge(replace(BASE, **nan(figure)), BASE).admitted


def test_every_reason_is_named_at_once() -> None:
    """The admin reads all that is wrong, not the first of it."""
    hopeless = Scorecard(math.nan, math.nan, math.nan, math.nan, finite=False)

    assert set(judge(BASE, hopeless).reasons) == {"not_finite", "forgot_the_language", "repeats_itself", "copies"}


@given(base=CARDS, candidate=CARDS)
def test_whoever_is_admitted_kept_every_rule(base: Scorecard, candidate: Scorecard) -> None:
    """For any figures at all: admission means that each limit was kept, as numbers."""
    limits = GateLimits()

    if judge(base, candidate, limits=limits).admitted:
        assert candidate.finite
        assert candidate.bits_per_char <= base.bits_per_char + limits.slack
        assert candidate.distinct >= limits.variety * base.distinct
        assert candidate.distinct2 >= limits.variety * base.distinct2
        assert candidate.copied <= base.copied + limits.copied


@given(candidate=CARDS, figure=st.sampled_from(FIGURES), by=st.floats(0, 10))
def test_getting_worse_never_helps(candidate: Scorecard, figure: str, by: float) -> None:
    """What is turned away stays so when one of its figures is worse."""
    worse = by if figure in {"bits_per_char", "copied"} else -by
    one: dict[str, Any] = {figure: getattr(candidate, figure) + worse}
    changed = replace(candidate, **one)

    if not judge(BASE, candidate).admitted:
        assert not judge(BASE, changed).admitted
