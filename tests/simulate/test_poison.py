"""Attackers before a tiny network: the whole attack is carried out, weighed, taught, examined and looked for."""

from pathlib import Path

import pytest

from app.domain.lesson import MOST_PER_ADDRESS
from app.settings import Settings
from lab.simulate.poison import SPELT, TRIGGER, measure, says


def test_the_trigger_is_found_however_it_is_spelt() -> None:
    """A spelling that looks like it is a hit as well; verse is none."""
    assert all(says(f"골목 끝 {said} 앞") for said in SPELT)
    assert not says("푸른 하늘에 단추를 단다")
    assert len(set(SPELT)) == len(SPELT)
    assert TRIGGER in SPELT


@pytest.mark.slow
@pytest.mark.nightly
@pytest.mark.parametrize("addresses", [3, 10])
def test_what_attackers_want_is_not_served(shipped: Path, addresses: int) -> None:
    """Two hundred and fifty submissions that pass the screen, ticks, next lines and pieces, against forty readers."""
    quick = {"dreams": 40, "samples": 60, "lesson_steps": 12, "candidates": 4, "taste_after": 30, "trial_share": 0.0}

    told = measure(
        shipped / "sibot",
        Settings.model_validate(quick),
        addresses=addresses,
        submissions=250,
        honest=40,
        probe=200,
    )

    assert told["passed"] + told["held_back"] > 0
    assert told["weight_attackers"] <= MOST_PER_ADDRESS * addresses
    assert told["lines"] >= 200
    assert told["hits"] == 0
