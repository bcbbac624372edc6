"""The charts of a simulation, as SVG: tick-rate by round with its intervals, and what was gained for which variety."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pygal
from pygal.style import Style

Rates = Mapping[str, Mapping[str, Sequence[float]]]
COLOURS = {"none": "#8a8a8a", "ancestor": "#8a6d2f", "voice": "#2f5d8a", "taste": "#5b7a3a", "ours": "#9c2f26"}
ORACLE = "#444444"


def look(colours: Sequence[str]) -> dict[str, Any]:
    """How graphs in documents look, each line in one of the *colours*: no script, no font of its own."""
    style = Style(
        background="transparent",
        plot_background="transparent",
        font_family="system-ui, sans-serif",
        colors=tuple(colours),
        title_font_size=18,
        label_font_size=13,
        major_label_font_size=13,
        legend_font_size=13,
        guide_stroke_color="#d8d5cc",
        major_guide_stroke_color="#b8b4a8",
    )
    size = {"width": 900, "height": 520, "margin": 24}
    return {"style": style, "legend_at_bottom": True, "truncate_legend": -1, "js": (), **size}


def _colours(names: Sequence[str]) -> list[str]:
    return [COLOURS.get(name, ORACLE) for name in names]


def tick_rate(file: Path, rates: Rates, *, none: float, oracle: float) -> None:
    """Tick-rate by round, the exam last; 95 % intervals as bars, the base and the oracle as level lines."""
    names = [*rates, "base", "oracle"]
    rounds = max(len(each["tick_rate"]) for each in rates.values())
    plot = pygal.Line(
        title="Lines ticked by honest, attentive readers",
        x_title="round (the last is the exam)",
        y_title="tick-rate",
        value_formatter=lambda value: f"{value:.3f}",
        **look(_colours(names)),
    )
    plot.x_labels = [*map(str, range(1, rounds)), "exam"]
    for name, each in rates.items():
        points = zip(each["tick_rate"], each["low"], each["high"], strict=True)
        bars: list[Any] = [{"value": mean, "ci": {"low": low, "high": high}} for mean, low, high in points]
        plot.add(name, bars)
    for name, level in (("base", none), ("oracle", oracle)):
        plot.add(name, [round(level, 4)] * rounds, show_dots=False, stroke_style={"dasharray": "4, 6"})
    plot.render_to_file(str(file))


def frontier(file: Path, rates: Rates, *, none: float) -> None:
    """Tick-rate over the base's against variety over the base's: what each strategy pays for what it gains."""
    plot = pygal.XY(
        title="What is gained, and what it costs in variety",
        x_title="variety of the lines served, over the base's",
        y_title="tick-rate over the base's",
        value_formatter=lambda value: f"{value:.2f}",
        **look(_colours(list(rates))),
    )
    for name, each in rates.items() if none else ():
        course = zip(each["variety"], each["tick_rate"], strict=True)
        plot.add(name, [(round(variety, 4), round(rate / none, 4)) for variety, rate in course])
    plot.render_to_file(str(file))
