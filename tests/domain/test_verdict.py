"""Verdict and states: what is stored can be read back, and what has ended has ended."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import TurnedAway
from app.domain.gate import Scorecard, Verdict
from app.domain.run import ACTIVE, RunState
from app.domain.version import Version, VersionStatus, promoted, status_after

RULES = st.lists(st.sampled_from(["copies", "repeats_itself", "too_few_readers"]), max_size=3).map(tuple)


def version(status: VersionStatus, verdict: Verdict | None = None) -> Version:
    """A version in that state."""
    return Version(
        3, 3, status, datetime(2026, 11, 24, tzinfo=UTC), "tiny-1", "sibot/3", {}, {}, verdict, champion=False
    )


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
        "lines",
        "strange",
        "words",
        "plausible",
        "repeated",
        "liking",
    }
    assert math.isnan(figures["bits_per_char"])
    assert figures["finite"] == 0.0


def test_a_run_is_active_or_ended() -> None:
    """No state is both, none is neither."""
    assert {state for state in RunState if not state.ended} == set(ACTIVE)


@given(RULES, RULES)
def test_what_the_gate_said_is_the_state_of_version_and_run(
    broken: tuple[str, ...], unmeasured: tuple[str, ...]
) -> None:
    """One word for both: rejected for any fault, undecided for a gap alone, else admitted; and the run is over."""
    status = status_after(Verdict(broken, unmeasured))

    assert status == ("rejected" if broken else "undecided" if unmeasured else "admitted")
    assert RunState(status.value).ended


@pytest.mark.parametrize(
    ("status", "serves_as"),
    [("base", "base"), ("admitted", "admitted"), ("undecided", "admitted"), ("pruned", "pruned")],
)
@given(override=st.booleans(), reason=st.text())
def test_an_admin_needs_no_reason_where_no_fault_is_known(
    status: str, serves_as: str, override: bool, reason: str
) -> None:
    """He decides what the gate left open; a base stays a base, and what was pruned has still to be refused."""
    assert promoted(version(VersionStatus(status)), override=override, reason=reason) == serves_as


@given(RULES, st.booleans(), st.sampled_from(["", "the quotations are wanted"]))
def test_a_fault_is_overridden_with_a_reason_or_not_at_all(rules: tuple[str, ...], override: bool, reason: str) -> None:
    """Neither word is enough alone; who is refused hears what the gate said."""
    verdict = Verdict(rules)
    rejected = version(VersionStatus.REJECTED, verdict)

    if override and reason:
        assert promoted(rejected, override=override, reason=reason) is VersionStatus.ADMITTED
        return
    with pytest.raises(TurnedAway) as refused:
        promoted(rejected, override=override, reason=reason)
    assert refused.value.verdict == verdict
