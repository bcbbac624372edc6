"""Reports of the benchmarks: a JSON file each, a table on stdout, and one page with all tables.

    python -m lab.bench.report

writes that page again, and the capacity table of docs/scale.md, which follows from the results. In that table, what
readers do is assumed, by the constants below; what a core does is measured (`make bench`, `make soak`).

The module also has what all benchmarks share: the description of the machine, how to measure a rate, and the charts.
"""

import json
import math
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from lab import chart
from lab.chart import Line

LIBRARIES = ("numpy", "onnxruntime", "torch", "uvicorn", "fastapi", "sqlalchemy")


def describe() -> dict[str, object]:
    """The processor, the cores that this process may use, and the versions of the libraries that matter."""
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


def rate(deed: Callable[[], object], seconds: float, *, warm_up: int = 5) -> float:
    """How often a second *deed* can be called, measured for so many *seconds*."""
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
    """The median of *rounds* measurements of each contender, taken in turns, *seconds* in all for each.

    In turns, so that other load on the machine disturbs all of them.
    """
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, measure in contenders.items():
            found[name].append(measure(seconds / rounds))
    return {name: median(values) for name, values in found.items()}


COLOURS = ("#9c2f26", "#2f5d8a", "#5b7a3a", "#8a6d2f")


def draw(
    file: Path,
    title: str,
    *,
    steps: Sequence[int],
    lines: Mapping[str, Sequence[float | None]],
    x_title: str,
    y_title: str,
) -> Path:
    """Write a chart with a logarithmic y axis; *lines* has a value, or None, for each of the *steps*."""
    drawn = [
        Line(name, colour, [(place, value) for place, value in enumerate(values) if value])
        for (name, values), colour in zip(lines.items(), COLOURS, strict=False)
    ]
    columns = [str(step) for step in steps]
    return chart.draw(file, title, drawn, x_title=x_title, y_title=y_title, columns=columns, powers=True)


RESULTS = Path(__file__).parent / "results"
Row = tuple[str, object, str]
"""(what was measured, the figure, what was required)."""


def keep(name: str, figures: Mapping[str, Any], folder: Path = RESULTS) -> Path:
    """Write the figures of one benchmark; they replace its earlier ones."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.json"
    file.write_text(json.dumps(figures, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return file


def summarise(folder: Path = RESULTS) -> Path:
    """Write one page with a table and, if there is one, a chart for each benchmark that has been run."""
    parts = [
        "# Results of the benchmarks",
        "Written by `make bench`; `lab/bench/README.md` explains each figure.",
    ]
    for file in sorted(folder.glob("*.json")):
        name, figures = file.stem, json.loads(file.read_text(encoding="utf-8"))
        told = [
            (what, _shown(figure), wanted) for what, figure, wanted in import_module(f"lab.bench.{name}").rows(figures)
        ]
        head = [("measured", "figure", "must / aim"), ("---", "---:", "---")]
        parts += [f"## {name}", *_on(figures), "\n".join(f"| {' | '.join(row)} |" for row in [*head, *told])]
        parts += [f"![{name}]({name}.svg)"] if (folder / f"{name}.svg").exists() else []
    page = folder / "README.md"
    page.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return page


def _on(figures: Mapping[str, Any]) -> list[str]:
    """The machine, in a sentence."""
    machine = figures.get("machine")
    if not isinstance(machine, Mapping):
        return []
    libraries = ", ".join(f"{name} {version}" for name, version in machine["libraries"].items())
    return [f"{machine['processor']}, {machine['cores']} cores; Python {machine['python']}, {libraries}."]


def _shown(figure: object) -> str:
    """A figure as it is printed."""
    if not isinstance(figure, float):
        return "–" if figure is None else str(figure)
    return f"{figure:,.0f}" if abs(figure) >= 1000 else f"{figure:.4g}"


def rounded(value: Any, digits: int = 4) -> Any:
    """The same figures, nested ones too, with so many significant digits."""
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    if isinstance(value, Mapping):
        return {key: rounded(inner, digits) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(inner, digits) for inner in value]
    return value


def show(title: str, rows: Sequence[Row]) -> None:
    """Print a table."""
    table = Table(title=title, title_justify="left")
    table.add_column("measured")
    table.add_column("figure", justify="right")
    table.add_column("must / aim")
    for what, figure, wanted in rows:
        table.add_row(what, _shown(figure), wanted)
    Console().print(table)


def verdict(figure: float | None, *, must: float, aim: float, least: bool) -> str:
    """The required and the desired value, and which of them *figure* reaches; *least*: more is better."""
    sign = "≥" if least else "≤"
    marks = f"{sign} {must:g} / {sign} {aim:g}"
    if figure is None:
        return f"{marks}  not measured"
    how_good, bars = (figure, (must, aim)) if least else (-figure, (-must, -aim))
    return f"{marks}  {'aim' if how_good >= bars[1] else 'must' if how_good >= bars[0] else 'missed'}"


# -- Capacity ---------------------------------------------------------------------------------------------------------

DOCUMENT = Path(__file__).parents[2] / "docs" / "scale.md"
BEGIN, END = "<!-- python -m lab.bench.report -->", "<!-- /python -m lab.bench.report -->"

POEMS, TICKS = 4, 3
"""Poems and ticks of a reader in a day."""
PEAK = 0.10
"""Share of a day's readers who come in its busiest hour."""
HEADROOM = 1.5
"""Load of the busiest minute over the mean of its hour, with room to replace a web process."""
BYTES_A_POEM = 2_700
"""Rows and indexes of a poem of five lines in Postgres, impressions included; measured over 2,000 poems."""
UTILISATION = 0.6
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
    webs = max(2, math.ceil(peak / (core.poems_per_s * UTILISATION)))
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


def write_plan() -> None:
    """Replace the table in the document."""
    before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{table(measured())}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    summarise()
    write_plan()
