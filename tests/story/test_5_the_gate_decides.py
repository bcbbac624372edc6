"""5. The gate compares the candidate with the base, and says what it found."""

from dataclasses import fields
from math import nan

import pytest

from app.domain import gate
from app.domain.gate import Scorecard, judge
from tests.story.conftest import LIMITS, Trip


def test_the_run_has_ended_with_a_verdict(trip: Trip) -> None:
    """Nothing speaks against the candidate; but eight readers are too few to be asked, and the verdict says so."""
    assert trip.run["verdict"] == {"admitted": False, "reasons": [], "unmeasured": ["too_few_readers"]}
    assert trip.run["state"] == "undecided"
    assert trip.run["version"] == 1
    assert trip.run["progress"] == 1.0


def test_the_verdict_follows_from_the_figures(trip: Trip, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads the two scorecards comes to the same answer."""
    monkeypatch.setattr(gate, "LIMITS", LIMITS)
    assert trip.run
    names = [figure.name for figure in fields(Scorecard)]
    cards = {
        version["number"]: Scorecard(**{name: version["metrics"].get(name, nan) for name in names})
        for version in trip.ask("/voices/sibot/versions")
    }

    assert judge(cards[0], cards[1]).undecided


def test_the_base_serves_until_somebody_decides(trip: Trip) -> None:
    """An undecided version meets no reader by itself where there are no trials."""
    assert trip.run
    moves = trip.ask("/admin/voices/sibot/history")

    assert (moves[-1]["version"], moves[-1]["was"]) == (0, None)
