"""Nightly tests run in sevenths: in a week `make test` has run them all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import DAYS

ROOT = Path(__file__).parents[1]
QUERIES = "tests/store/test_visitors.py"


def collected(*options: str, part: int = 0) -> set[str]:
    """The tests that pytest would run of a file whose queries are nightly on Postgres."""
    command = [sys.executable, "-m", "pytest", QUERIES, "--collect-only", "--quiet", "-p", "no:randomly", *options]
    environment = os.environ | {"NIGHTLY_PART": str(part)}
    told = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return {line for line in told.stdout.splitlines() if "::" in line}


@pytest.mark.nightly
def test_a_week_runs_every_nightly_test_once() -> None:
    """What is not nightly runs each day; asked for nothing, pytest runs all."""
    everything, days = collected(), [collected("--nightly", "part", part=part) for part in range(DAYS)]
    nightly = {test for test in everything if "scaled" in test}

    assert len(nightly) >= 3
    assert set.union(*days) == everything
    for test in everything:
        assert sum(test in day for day in days) == (1 if test in nightly else DAYS)


def test_make_test_runs_a_part_and_make_nightly_all() -> None:
    """And `.ci/run` does what `make test` does."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipes = {name: makefile.partition(f"\n{name}: ")[2].split("\n")[1] for name in ("test", "nightly")}

    assert "--nightly part" in recipes["test"]
    assert "--nightly" not in recipes["nightly"]
    assert "make --no-print-directory test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
