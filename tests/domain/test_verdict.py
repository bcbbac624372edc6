"""Verdict and states: what is stored can be read back, and what has ended has ended."""

import math

import pytest

from app.domain.gate import Scorecard, Verdict
from app.domain.run import ACTIVE, RunState


@pytest.mark.parametrize(
    "verdict",
    [Verdict(()), Verdict(("copies",)), Verdict(("not_finite", "repeats_itself"), ("too_few_readers",))],
    ids=["admitted", "rejected", "rejected-and-unmeasured"],
)
def test_a_verdict_comes_back_from_the_database(verdict: Verdict) -> None:
    """JSON and back changes nothing."""
    assert Verdict.from_dict(verdict.as_dict()) == verdict


def test_a_verdict_admits_only_what_was_measured_and_found_good() -> None:
    """What could not be measured yet is no reason against it, and not enough to let it in."""
    few = Verdict((), ("too_few_readers",))

    assert Verdict(()).admitted
    assert (few.admitted, few.undecided) == (False, True)
    assert not Verdict(("copies",)).admitted
    assert not Verdict(("copies",), ("too_few_readers",)).undecided


def test_a_scorecard_names_every_figure() -> None:
    """What was measured is shown whole, NaN included."""
    card = Scorecard(bits_per_char=math.nan, distinct=0.9, distinct2=0.5, copied=0.0, finite=False)

    figures = card.as_dict()

    assert set(figures) == {
        "bits_per_char",
        "distinct",
        "distinct2",
        "copied",
        "finite",
        "short",
        "usual",
        "long",
        "blocked",
        "strange",
        "plausible",
        "repeated",
        "liking",
    }
    assert math.isnan(figures["bits_per_char"])
    assert figures["finite"] == 0.0


def test_a_run_is_active_or_ended() -> None:
    """No state is both, none is neither."""
    assert {state for state in RunState if not state.ended} == set(ACTIVE)
