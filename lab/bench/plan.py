"""Capacity planning: `python -m lab.bench.plan` computes the table of docs/scale.md and writes it there.

What readers do is assumed, by the constants below; what a core does is measured (`make bench`, `make soak`).
"""

import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.bench.report import RESULTS

DOCUMENT = Path(__file__).parents[2] / "docs" / "scale.md"
BEGIN, END = "<!-- python -m lab.bench.plan -->", "<!-- /python -m lab.bench.plan -->"

POEMS, TICKS = 4, 3
"""Poems and ticks of a reader in a day."""
PEAK = 0.10
"""Share of a day's readers who come in its busiest hour."""
HEADROOM = 1.5
"""Load of the busiest minute over the mean of its hour, with room to replace a web process."""
BYTES_A_POEM = 2_700
"""Rows and indexes of a poem of five lines in Postgres, impressions included; measured over 2,000 poems."""
BUSIEST = 0.6
"""Planned utilisation of a web process: beyond this share, waiting times grow."""


@dataclass(frozen=True)
class Measured:
    """What one core does, by the benchmarks."""

    poems_per_s: float
    """Poems stored over HTTP, a CPU second of a web process, with a taste and as many candidates as 64 readers get."""
    steps_per_s: float
    """Steps of the engine with 64 lines."""
    chars_per_s: float
    """Characters of a training."""
    web_mb: float
    """Memory of a web process under load."""


def measured(folder: Path = RESULTS) -> Measured:
    """Read the results of `make bench` and `make soak`. FileNotFoundError if one is missing."""
    decode, serve, train, soak = (_read(folder / f"{name}.json") for name in ("decode", "serve", "train", "soak"))
    return Measured(
        serve["poems_per_cpu_s"],
        decode["b64"]["engine"],
        train["chars_per_s"],
        soak["memory_mb"]["last"] / soak["webs"],
    )


def _read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def plan(readers: int, core: Measured) -> dict[str, str]:
    """The load of so many readers a day, and what is needed for it."""
    poems = readers * POEMS
    peak = poems * PEAK / 3600 * HEADROOM
    webs = max(2, math.ceil(peak / (core.poems_per_s * BUSIEST)))
    return {
        "readers a day": f"{readers:,}",
        "poems a day": f"{poems:,}",
        "poems/s in the busiest minute": f"{peak:.0f}",
        "webs of one core": f"{webs}",
        "their memory": f"{webs * core.web_mb / 1000:.1f} GB",
        "writes/s to Postgres (poems, ticks, cookies)": f"{peak * (1 + TICKS / POEMS + 0.5):.0f}",
        "rows a day": f"{poems * 16 + readers * TICKS:,}",
        "growth of Postgres, a day": f"{poems * BYTES_A_POEM / 1e9:.1f} GB",
        "connections to Postgres, at most": f"{webs * 30 + 60}",
    }


def table(core: Measured) -> str:
    """The table, in Markdown."""
    small, large = plan(100_000, core), plan(1_000_000, core)
    rows = [f"| {name} | {small[name]} | {large[name]} |" for name in small]
    told = (
        f"One core: **{core.poems_per_s:,.0f} poems/s** of one web with a taste; {core.steps_per_s:,.0f} steps/s "
        f"of the engine with 64 lines; {core.chars_per_s:,.0f} characters/s of a training; {core.web_mb:,.0f} MB a web."
    )
    return "\n".join((told, "", "| | | |", "|---|---|---|", *rows))


def main() -> int:
    """Replace the table in the document."""
    before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{table(measured())}\n{END}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
