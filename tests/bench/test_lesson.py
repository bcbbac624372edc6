"""The bench of a long lesson: its readers leave what readers leave."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.settings import Settings
from app.store.health import Health
from lab.bench.lesson import read_on
from lab.simulate.deployment import deployed


@pytest.mark.nightly
def test_readers_come_until_they_have_ticked_enough(shipped: Path, tmp_path: Path) -> None:
    """All they were shown and ticked stands in the database, as of readers who came back."""
    with deployed(tmp_path / "home", shipped / "sibot", Settings(), 1) as here:
        shown, ticked = read_on(here, here.engine, 30)
        with here.bot.reads(Health) as health:
            found = health.counts("sibot", datetime(2000, 1, 1, tzinfo=UTC))

    assert ticked >= 30
    assert (found["impressions"], found["ticks"]) == (shown, ticked)
