"""What the figures were measured on, and how quickly it multiplies."""

import os
import platform
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from statistics import median

LIBRARIES = ("numpy", "onnxruntime", "torch", "uvicorn", "fastapi", "sqlalchemy")


def describe() -> dict[str, object]:
    """The processor, how many of it we may use, and the libraries that matter."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def _processor() -> str:
    try:
        rows = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # no Linux
        return platform.processor() or platform.machine()
    told = dict(row.split(":", 1) for row in rows if ":" in row)
    by_key = {key.strip(): value.strip() for key, value in told.items()}
    family = " ".join(f"{key} {by_key[key]}" for key in ("cpu family", "model") if key in by_key)
    return f"{by_key.get('model name', platform.machine())} ({family})"


def rate(deed: Callable[[], object], *, seconds: float, warm_up: int = 5) -> float:
    """How often a second *deed* can be done, tried for so many *seconds*."""
    for _ in range(warm_up):
        deed()
    done, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds or not done:
        deed()
        done += 1
    return done / spent


def in_turns(
    contenders: Mapping[str, Callable[[float], float]], *, seconds: float, rounds: int = 3
) -> dict[str, float]:
    """What each measures when given a share of *seconds*, in turns, the median of *rounds*.

    What disturbs the machine disturbs all of them.
    """
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, measure in contenders.items():
            found[name].append(measure(seconds / rounds))
    return {name: median(values) for name, values in found.items()}
