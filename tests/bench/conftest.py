"""What the benches' tests share: a tiny voice, and a site as other tests have it."""

from pathlib import Path

import pytest

from tests.support.databases import Scale


@pytest.fixture
def scale() -> Scale:
    """SQLite: what a bench measures does not depend on the servers here."""
    return "embedded"


@pytest.fixture
def voice(shipped: Path) -> Path:
    """The folder of the tiny `sibot`."""
    return shipped / "sibot"
