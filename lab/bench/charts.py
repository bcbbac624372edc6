"""Graphs as SVG: one line for each name over the same steps, both axes by powers.

Drawn by pygal: plain text and titles that a screen reader reads, no script, no font of its own.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pygal

from lab.simulate.chart import look

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
    """Write the graph; *lines* has a value, or None, for each of the *steps*."""
    chart = pygal.Line(
        title=title,
        x_title=x_title,
        y_title=y_title,
        logarithmic=True,
        legend_at_bottom_columns=len(lines),
        value_formatter=lambda value: f"{value:,.0f}" if value >= 10 else f"{value:.2g}",
        **look(COLOURS),
    )
    chart.y_labels = _ladder([value for values in lines.values() for value in values if value])
    chart.x_labels = [str(step) for step in steps]
    for name, values in lines.items():
        chart.add(name, [None if value is None else round(value, 2) for value in values])
    file.parent.mkdir(parents=True, exist_ok=True)
    chart.render_to_file(str(file))
    return file


def _ladder(values: Sequence[float]) -> list[float]:
    """1, 2, 5, 10, … from below the least of *values* to above the greatest."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    rungs = [digit * 10.0**power for power in range(low, high + 1) for digit in (1, 2, 5)]
    least = max((rung for rung in rungs if rung <= min(values)), default=rungs[0])
    most = min((rung for rung in rungs if rung >= max(values)), default=rungs[-1])
    return [rung for rung in rungs if least <= rung <= most]
