"""Line charts of benchmarks and simulations, as SVG; they extend the site's own chart template (`templates/charts`).

The text is readable by screen readers; there is a light and a dark style, no script and no font.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.web.http.page import TEMPLATES
from app.web.readers.charts import LEFT, RIGHT, STYLE, TOP, Plot

SIZE, UNDER = (900, 520), 110
"""Size in pixels, and how many of them lie below the plot: labels, a title, two rows of names."""
LINES = (
    "text{stroke:none}circle{fill:inherit}g path{stroke-width:2}g .bar{stroke-width:1}"
    ".dashed path{stroke-dasharray:4 6}"
)
"""Style of many lines; each group of elements has the colour of its line."""
STEPS = 8
"""Most steps of a linear axis."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart."""

    name: str
    colour: str
    points: Sequence[tuple[float, float]]
    """x and y."""
    bars: Sequence[tuple[float, float, float]] = ()
    """x, and the ends of an interval of y."""
    dashed: bool = False
    """A reference level, drawn without dots."""


def draw(
    file: Path,
    title: str,
    lines: Sequence[Line],
    *,
    x_title: str,
    y_title: str,
    columns: Sequence[str] = (),
    powers: bool = False,
) -> Path:
    """Write the chart. *columns*: labels of x = 0, 1, …, otherwise x is a number; *powers*: a logarithmic y axis."""
    heights = [y for line in lines for _, *ys in (*line.points, *line.bars) for y in ys]
    rungs, scale = (_powers(heights), math.log10) if powers else (_steps(heights), float)
    plot = Plot(SIZE, scale(rungs[0]), scale(rungs[-1]), UNDER)
    numbers = _steps([x for line in lines for x, _ in line.points])
    marks: list[tuple[float, str]] = [*enumerate(columns)] or [(x, _shown(x)) for x in numbers]
    beside = 0.5 if columns else 0.0
    first, last = marks[0][0] - beside, marks[-1][0] + beside
    context = {
        "title": title,
        "lines": lines,
        "x_title": x_title,
        "y_title": y_title,
        "marks": marks,
        "across": lambda x: round(LEFT + plot.width * (x - first) / (last - first), 1),
        "up": lambda y: plot.y(scale(y)),
        "grid": [(plot.y(scale(rung)), _shown(rung)) for rung in rungs],
    }
    frame = {"plot": plot, "left": LEFT, "right": RIGHT, "top": TOP, "style": STYLE + LINES, "lang": "en"}
    loader = FileSystemLoader([Path(__file__).parent, TEMPLATES])
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(environment.get_template("chart.svg").render(context, **frame), encoding="utf-8")
    return file


def _steps(values: Sequence[float]) -> list[float]:
    """Evenly spaced round numbers that span *values*."""
    low, high = min(values, default=0.0), max(values, default=0.0)
    high += low == high
    unit = 10.0 ** math.floor(math.log10((high - low) / STEPS))
    step = next(digit * unit for digit in (1, 2, 5, 10) if digit * unit * STEPS >= high - low)
    return [step * n for n in range(math.floor(low / step), math.ceil(high / step) + 1)]


def _powers(values: Sequence[float]) -> list[float]:
    """The numbers 1, 2, 5, 10, … that span *values*."""
    low, high = min(values), max(values)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    rungs = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    least, most = max(rung for rung in rungs if rung <= low), min(rung for rung in rungs if rung > high)
    return [rung for rung in rungs if least <= rung <= most]


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"
