"""Memory that a version has left behind."""

import subprocess
import sys

import pytest

HEAVY = """
import psutil
from app.engine.memory import give_back
freed = [bytes(1000) for _ in range(100_000)]
kept = [bytes(1000) for _ in range(100)]
freed.clear()
before = psutil.Process().memory_info().rss
give_back()
print(before - psutil.Process().memory_info().rss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc can be asked for it")
def test_what_was_freed_is_given_back() -> None:
    """A hundred megabytes that were freed beneath something that stays are the machine's again."""
    told = subprocess.run([sys.executable, "-c", HEAVY], check=True, capture_output=True, text=True)

    assert int(told.stdout) > 50_000_000
