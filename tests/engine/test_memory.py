"""Memory that a version has left behind."""

import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

from app.commands.serve import WEB_ENVIRONMENT

HEAVY = """
import psutil
from app.engine.engine import return_freed_memory
freed = [bytes(1000) for _ in range(100_000)]
kept = [bytes(1000) for _ in range(100)]
freed.clear()
before = psutil.Process().memory_info().rss
return_freed_memory()
print(before - psutil.Process().memory_info().rss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc can be asked for it")
def test_what_was_freed_is_given_back() -> None:
    """A hundred megabytes that were freed beneath something that stays are the machine's again."""
    told = subprocess.run([sys.executable, "-c", HEAVY], check=True, capture_output=True, text=True)

    assert int(told.stdout) > 50_000_000


THREADS = """
import ctypes, threading
together = threading.Barrier(9)
def use():
    kept = [bytearray(2000) for _ in range(100)]
    together.wait()
    together.wait()
for _ in range(8):
    threading.Thread(target=use).start()
together.wait()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
out = ctypes.c_void_p(libc.fopen(b"/dev/stdout", b"w"))
libc.malloc_info(0, out)
libc.fflush(out)
together.wait()
"""


def heaps(environment: Mapping[str, str]) -> int:
    """How many heaps eight threads have among them."""
    environment = os.environ | environment
    told = subprocess.run([sys.executable, "-c", THREADS], check=True, capture_output=True, text=True, env=environment)
    return told.stdout.count("<heap nr=")


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc can be asked for it")
def test_threads_share_few_heaps() -> None:
    """Two where a web's environment says so, and else as many as glibc sees fit."""
    assert heaps(WEB_ENVIRONMENT) == 2
    assert heaps({}) > 2
