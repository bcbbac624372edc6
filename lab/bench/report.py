"""What a bench found: a JSON file for the record, a table for the eye, and all of them on one page."""

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"
Row = tuple[str, object, str]
"""What was measured, what came of it, and what was asked for."""


def keep(name: str, figures: Mapping[str, Any], folder: Path = RESULTS) -> Path:
    """Write the figures of one bench; whatever it found before is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.json"
    file.write_text(json.dumps(figures, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return file


def summarise(folder: Path = RESULTS) -> Path:
    """Write one page with a table for each bench that has been run, and its graph where there is one."""
    parts = [
        "# What the benches found",
        "Written by `make bench`; what each thing means stands in `lab/bench/README.md`.",
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
    """On what machine, in a sentence."""
    machine = figures.get("machine")
    if not isinstance(machine, Mapping):
        return []
    libraries = ", ".join(f"{name} {version}" for name, version in machine["libraries"].items())
    return [f"{machine['processor']}, {machine['cores']} cores; Python {machine['python']}, {libraries}."]


def _shown(figure: object) -> str:
    """As people read numbers."""
    if not isinstance(figure, float):
        return "–" if figure is None else str(figure)
    return f"{figure:,.0f}" if abs(figure) >= 1000 else f"{figure:.4g}"


def rounded(value: Any, digits: int = 4) -> Any:
    """The same figures with so many significant digits, however deep they lie."""
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    if isinstance(value, Mapping):
        return {key: rounded(inner, digits) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(inner, digits) for inner in value]
    return value


def show(title: str, rows: Sequence[Row]) -> None:
    """A table on stdout."""
    table = Table(title=title, title_justify="left")
    table.add_column("measured")
    table.add_column("figure", justify="right")
    table.add_column("must / aim")
    for what, figure, wanted in rows:
        table.add_row(what, _shown(figure), wanted)
    Console().print(table)


def verdict(figure: float | None, *, must: float, aim: float, least: bool) -> str:
    """Both marks, and which of them *figure* reaches; *least*: more is better."""
    sign = "≥" if least else "≤"
    marks = f"{sign} {must:g} / {sign} {aim:g}"
    if figure is None:
        return f"{marks}  not measured"
    how_good, bars = (figure, (must, aim)) if least else (-figure, (-must, -aim))
    return f"{marks}  {'aim' if how_good >= bars[1] else 'must' if how_good >= bars[0] else 'missed'}"
