"""A line's life: its states, and how far off the next lesson is."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.life import Life, life
from app.domain.run import Facts, Schedule

NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("withdrawn", "learned", "serves", "run_began", "state"),
    [
        (False, False, False, None, Life.WAITING),
        (False, False, False, NOW - HOUR, Life.WAITING),
        (False, False, False, NOW + HOUR, Life.LEARNING),
        (False, True, False, NOW + HOUR, Life.LEARNED),
        (False, True, True, None, Life.SERVING),
        (True, True, True, None, Life.WITHDRAWN),
    ],
)
def test_a_line_has_one_state(
    withdrawn: bool, learned: bool, serves: bool, run_began: datetime | None, state: Life
) -> None:
    """A run teaches what was given before it began; what is taken back is said first, whoever still knows it."""
    assert life(given=NOW, withdrawn=withdrawn, learned=learned, serves=serves, run_began=run_began) is state


@pytest.mark.parametrize(
    ("schedule", "new", "run_ago", "missing", "latest"),
    [
        (Schedule(24 * HOUR, 100), 56, None, 44, NOW + 14 * HOUR),
        (Schedule(24 * HOUR, 0), 56, None, None, NOW + 14 * HOUR),
        (Schedule(24 * HOUR, 0), 56, 5 * HOUR, None, NOW + 19 * HOUR),
        (Schedule(None, 100), 56, None, 44, None),
        (Schedule(None, 0), 56, None, None, None),
        (Schedule(None, 100), 130, None, 0, NOW),
        (Schedule(None, 100), 130, HOUR / 4, 0, NOW + HOUR * 3 / 4),
        (Schedule(HOUR, 100), 56, None, 44, NOW),
    ],
)
def test_the_outlook_promises_what_the_schedule_keeps(
    schedule: Schedule, new: int, run_ago: timedelta | None, missing: int | None, latest: datetime | None
) -> None:
    """Of a version ten hours old: what is told is what `due` does then, and nothing where it does nothing."""
    made, run = NOW - 10 * HOUR, NOW - run_ago if run_ago else None

    told = schedule.outlook(Facts(new, run, made, NOW))

    assert (told.missing, told.at) == (missing, latest)
    if latest is not None:
        assert schedule.due(Facts(new, run, made, latest))
        assert not schedule.due(Facts(new, run, made, latest - HOUR / 60)) or latest == NOW
    if missing:
        assert schedule.due(Facts(new + missing, run, made, NOW))
