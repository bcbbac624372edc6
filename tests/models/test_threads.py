"""Threads of a training share their cores with others; `models/__init__.py` sees to it before torch is there."""

import json
import os
import subprocess
import sys

import pytest

NAMES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
ASK = f"import json, os, models; print(json.dumps([os.environ.get(name) for name in {NAMES}]))"


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({}, ["3000", None]),
        ({"GOMP_SPINCOUNT": "7"}, ["7", None]),
        ({"OMP_WAIT_POLICY": "active"}, [None, "active"]),
    ],
)
def test_who_waits_spins_little_unless_told_to(told: dict[str, str], found: list[str | None]) -> None:
    """Whoever has set either has the last word."""
    outside = {name: value for name, value in os.environ.items() if name not in NAMES}

    asked = subprocess.run([sys.executable, "-c", ASK], env=outside | told, capture_output=True, text=True, check=True)

    assert json.loads(asked.stdout) == found
