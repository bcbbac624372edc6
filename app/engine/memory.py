"""Memory that was freed, given back to the machine. Knows no versions.

glibc keeps what a program frees, in one heap for each thread, for what the program may want next. A version that was
replaced leaves some ten megabytes behind in this way, and after a few swaps thirty.
"""

import ctypes
import sys
from contextlib import suppress


def give_back() -> None:
    """Hand freed memory back, where the C library can; who wants some of it meanwhile waits for milliseconds."""
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # a C library without it
            ctypes.CDLL(None).malloc_trim(0)
