"""The long run's own judgement: what it must not overlook."""

import math
from typing import Any

import pytest

from lab.bench.soak import Levels, held, rows

WELL: dict[str, Any] = {
    "failed": 0, "memory_growth": 0.01, "handles": {"first": 80.0, "last": 90.0}, "webs": 2, "swaps": 10,
    "swaps_meant": 10, "runs": {"admitted": 6, "rejected": 3, "running": 1}, "requests": 1, "poems": 1,
    "left_half_way": 1, "honest_503": 3, "memory_mb": {"first": 1.0, "last": 1.0},
    "worker_mb": {"first": 1.0, "last": 1.0},
}  # fmt: skip


def test_a_site_that_stayed_well_is_said_to_have() -> None:
    """Honest 503 are no fault; the table says so too."""
    assert held(WELL)
    assert ("held", True, "True") in rows({**WELL, "held": True})


@pytest.mark.parametrize(
    "wrong",
    [
        {"failed": 1}, {"memory_growth": 0.051}, {"memory_growth": float("nan")}, {"swaps": 8}, {"runs": {}},
        {"handles": {"first": 80.0, "last": 97.0}}, {"handles": {"first": 80.0, "last": float("nan")}},
        {"runs": {"admitted": 9, "failed": 1}}, {"runs": {"admitted": 2, "running": 8}},
    ],
)  # fmt: skip
def test_one_thing_that_went_wrong_is_enough(wrong: dict[str, Any]) -> None:
    """Also what could not be measured."""
    assert not held({**WELL, **wrong})


def test_what_grows_slowly_is_seen() -> None:
    """A leak of a seventh in ten minutes, beneath noise that is nearly as large; what only warms up is none."""
    leaking, warming = Levels(), Levels()
    for second in range(600):
        noise = 20.0 * math.sin(second)
        leaking.taken.append((second, 200 + second / 20 + noise, 80))
        warming.taken.append((second, 200 - 50 * 0.97**second + noise, 80))

    first, last = leaking.growth(1, 600)
    assert 0.05 < last / first - 1 < 0.1
    first, last = warming.growth(1, 600)
    assert last / first - 1 < 0.01
    assert leaking.growth(2, 600) == (80, 80)
