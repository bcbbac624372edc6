"""The lab's charts: what stands where, in SVG that nothing need be loaded for."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from lab.chart import Line, draw

SVG = "{http://www.w3.org/2000/svg}"


def drawn(folder: Path, *lines: Line, powers: bool = False, columns: tuple[str, ...] = ("1", "2", "4")) -> ET.Element:
    """The chart of those lines, read as XML."""
    file = draw(folder / "x.svg", "a < b", lines, x_title="x", y_title="y", columns=columns, powers=powers)
    return ET.parse(file).getroot()


def dots(chart: ET.Element) -> list[tuple[float, float]]:
    """Where the points stand."""
    return [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in chart.iter(f"{SVG}circle")]


def texts(chart: ET.Element) -> list[str]:
    """What can be read."""
    return ["".join(text.itertext()) for text in chart.iter(f"{SVG}text")]


def test_a_power_is_as_high_wherever_it_begins(tmp_path: Path) -> None:
    """From 3 to 30 it is as far as from 30 to 300; each column is as wide as the next."""
    (a, low), (b, middle), (c, high) = dots(
        drawn(tmp_path, Line("engine", "#9c2f26", [(0, 3), (1, 30), (2, 300)]), powers=True)
    )

    assert low - middle == pytest.approx(middle - high, abs=0.2)
    assert low > middle > high
    assert b - a == pytest.approx(c - b, abs=0.2)


def test_numbers_stand_where_they_belong(tmp_path: Path) -> None:
    """Without columns x is a number; the axis has round ones, and all that is drawn lies within it."""
    chart = drawn(tmp_path, Line("ours", "#9c2f26", [(0.27, 1.0), (0.98, 2.34), (0.625, 1.67)]), columns=())
    (a, low), (c, high), (b, middle) = dots(chart)

    assert (a + c) / 2 == pytest.approx(b, abs=0.2)
    assert (low + high) / 2 == pytest.approx(middle, abs=0.2)
    assert {"0.2", "0.3", "1", "1.2", "2.4"} <= set(texts(chart))


def test_a_name_an_interval_and_a_level(tmp_path: Path) -> None:
    """Each line is named; an interval widens the axis; a level has no dots; texts are no markup."""
    chart = drawn(
        tmp_path,
        Line("ours <b>", "#9c2f26", [(0, 0.2), (1, 0.3)], [(0, 0.1, 0.24), (1, 0.2, 0.9)]),
        Line("base", "#444444", [(0, 0.16), (1, 0.16)], dashed=True),
    )

    assert {"a < b", "ours <b>", "base", "x", "y", "0.9", "4"} <= set(texts(chart))
    assert len(dots(chart)) == 2
    assert [bar.attrib["class"] for bar in chart.iter(f"{SVG}path") if "class" in bar.attrib].count("bar") == 2
    assert [group.attrib.get("class") for group in chart.iter(f"{SVG}g")] == [None, "dashed"]


@pytest.mark.parametrize("lines", [[], [Line("flat", "#444444", [(0, 2.0), (1, 2.0)])]])
def test_a_chart_of_nothing_is_a_chart(lines: list[Line], tmp_path: Path) -> None:
    """No lines, or a line without height."""
    assert texts(drawn(tmp_path, *lines))
