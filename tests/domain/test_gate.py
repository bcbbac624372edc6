"""The gate: what must hold, holds; everything else is turned away."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.gate import GateLimits, Scorecard, judge

BASE = Scorecard(
    bits_per_char=3.0,
    distinct=0.9,
    distinct2=0.5,
    copied=0.01,
    finite=True,
    short=5.0,
    usual=9.0,
    long=14.0,
    blocked=0.0,
    strange=0.002,
    plausible=-1.6,
    repeated=0.01,
    liking=0.1,
)
BETTER = replace(BASE, liking=0.2)
"""As the base, and readers agree with it more."""
SERVED = ["strange", "plausible", "repeated"]
FIGURES = ["bits_per_char", "distinct", "distinct2", "copied", "short", "usual", "long", "blocked", *SERVED, "liking"]
ANY = st.floats(allow_nan=True, allow_infinity=True)
CARDS = st.builds(Scorecard, **dict.fromkeys(FIGURES, ANY), finite=st.booleans())
ENOUGH = 8
"""Held-out readers."""


def nan(figure: str) -> dict[str, Any]:
    """A figure that could not be measured."""
    return {figure: math.nan}


def test_a_candidate_as_good_as_its_base_is_admitted() -> None:
    """Nothing speaks against it."""
    assert judge(BASE, BETTER, readers=ENOUGH).admitted


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"bits_per_char": 3.06}, "forgot_the_language"),
        ({"distinct": 0.8}, "repeats_itself"),
        ({"distinct2": 0.44}, "repeats_itself"),
        ({"copied": 0.04}, "copies"),
        ({"blocked": 0.002}, "says_blocked_words"),
        ({"short": 1.0}, "strange_lengths"),
        ({"usual": 15.0}, "strange_lengths"),
        ({"long": 30.0}, "strange_lengths"),
        ({"strange": 0.013}, "strange_words"),
        ({"plausible": -1.8}, "makes_less_sense"),
        ({"repeated": 0.03}, "says_it_again"),
        ({"liking": 0.1}, "readers_disagree"),
        ({"liking": 0.0}, "readers_disagree"),
        ({"finite": False}, "not_finite"),
    ],
)
def test_each_rule_turns_away_alone(change: dict[str, Any], reason: str) -> None:
    """One broken rule is enough, and it is the one that is named."""
    assert judge(BASE, replace(BETTER, **change), readers=ENOUGH).reasons == (reason,)


@pytest.mark.parametrize(
    "change",
    [
        {"bits_per_char": 3.04},
        {"distinct": 0.82},
        {"distinct2": 0.46},
        {"copied": 0.025},
        {"usual": 7.0},
        {"strange": 0.011},
        {"plausible": -1.7},
        {"repeated": 0.02},
    ],
)
def test_a_little_loss_is_allowed(change: dict[str, Any]) -> None:
    """A lesson costs something; the limits say how much."""
    assert judge(BASE, replace(BETTER, **change), readers=ENOUGH).admitted


def test_a_candidate_must_not_fall_behind_the_champion() -> None:
    """Neither in its language nor in what readers like, however good it is beside the base."""
    champion = replace(BASE, bits_per_char=2.9, liking=0.5)

    fallen = judge(BASE, BETTER, champion=champion, readers=ENOUGH)

    assert set(fallen.reasons) == {"worse_than_champion", "readers_disagree"}
    assert judge(BASE, replace(BASE, bits_per_char=2.9, liking=0.6), champion=champion, readers=ENOUGH).admitted


@pytest.mark.parametrize("readers", [0, 7])
def test_too_few_readers_leave_it_undecided(readers: int) -> None:
    """What they like is not measured, so nothing is admitted; nothing is turned away for it either."""
    verdict = judge(BASE, replace(BETTER, liking=-1.0), readers=readers)

    assert (verdict.reasons, verdict.unmeasured) == ((), ("too_few_readers",))
    assert verdict.undecided
    assert not verdict.admitted


def test_too_few_readers_excuse_nothing() -> None:
    """A candidate that copies is turned away on a small site, too."""
    verdict = judge(BASE, replace(BETTER, copied=0.5), readers=0)

    assert not verdict.admitted
    assert not verdict.undecided


@pytest.mark.parametrize("figure", FIGURES)
def test_a_candidate_with_nan_is_turned_away(figure: str) -> None:
    """A network that diverged never reaches a visitor."""
    assert judge(BASE, replace(BETTER, **nan(figure)), readers=ENOUGH).reasons


@pytest.mark.parametrize("figure", FIGURES)
def test_a_base_with_nan_admits_nobody(figure: str) -> None:
    """Where the base could not be measured, nothing can be compared with it: the gate stays shut."""
    assert judge(replace(BASE, **nan(figure)), BETTER, readers=ENOUGH).reasons


def test_every_reason_is_named_at_once() -> None:
    """The admin reads all that is wrong, not the first of it."""
    hopeless = Scorecard(math.nan, math.nan, math.nan, math.nan, finite=False)

    assert set(judge(BASE, hopeless, readers=ENOUGH).reasons) == {
        "not_finite",
        "forgot_the_language",
        "repeats_itself",
        "copies",
        "says_blocked_words",
        "strange_lengths",
        "strange_words",
        "makes_less_sense",
        "says_it_again",
        "readers_disagree",
    }


@given(base=CARDS, champion=CARDS, candidate=CARDS, readers=st.integers(0, 20))
def test_whoever_is_admitted_kept_every_rule(
    base: Scorecard, champion: Scorecard, candidate: Scorecard, readers: int
) -> None:
    """For any figures at all: admission means that each limit was kept, as numbers, and that readers were asked."""
    limits = GateLimits()

    if judge(base, candidate, champion=champion, readers=readers, limits=limits).admitted:
        assert candidate.finite
        assert candidate.bits_per_char <= min(base.bits_per_char, champion.bits_per_char) + limits.slack
        assert candidate.distinct >= limits.variety * base.distinct
        assert candidate.distinct2 >= limits.variety * base.distinct2
        assert candidate.copied <= base.copied + limits.copied
        assert candidate.blocked <= base.blocked
        assert candidate.strange <= base.strange + limits.strange
        assert candidate.plausible >= base.plausible - limits.plausible
        assert candidate.repeated <= max(base.repeated, limits.repeated)
        assert candidate.liking > champion.liking
        assert readers >= limits.readers


@given(
    candidate=CARDS,
    figure=st.sampled_from(["bits_per_char", "distinct", "distinct2", "copied", "blocked", *SERVED, "liking"]),
)
def test_getting_worse_never_helps(candidate: Scorecard, figure: str) -> None:
    """What is turned away stays so when one of its figures is worse."""
    worse = 1.0 if figure in {"bits_per_char", "copied", "blocked", "strange", "repeated"} else -1.0
    one: dict[str, Any] = {figure: getattr(candidate, figure) + worse}
    changed = replace(candidate, **one)

    if judge(BASE, candidate, readers=ENOUGH).reasons:
        assert judge(BASE, changed, readers=ENOUGH).reasons
