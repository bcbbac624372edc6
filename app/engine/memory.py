"""Memory that was freed, used again or given back to the machine. Knows no versions.

glibc keeps what a program frees, in one heap for each thread, for what the program may want next. A version that was
replaced leaves some ten megabytes behind in this way, and after a few swaps thirty.
"""

import ctypes
import sys
from contextlib import suppress

M_ARENA_MAX = -8
"""glibc's name for how many heaps there may be (`malloc.h`)."""
HEAPS = 2


def few_heaps() -> None:
    """Have threads share two heaps, where each would get its own. For a process at its start: heaps do not go away."""
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):
            ctypes.CDLL(None).mallopt(M_ARENA_MAX, HEAPS)


def give_back() -> None:
    """Hand freed memory back, where the C library can; who wants some of it meanwhile waits for milliseconds."""
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # a C library without it
            ctypes.CDLL(None).malloc_trim(0)
