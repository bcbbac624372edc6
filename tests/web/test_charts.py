"""Charts: what stands where."""

import re

from app.web.http.page import Pages
from app.web.readers import charts
from app.web.readers.charts import NARROW, WIDE, Plot


def test_higher_values_stand_higher() -> None:
    """The lowest value on the axis, the highest at the top, columns from left to right inside the margins."""
    plot = Plot(WIDE, low=0.0, high=0.5, under=40)

    assert (plot.y(0.0), plot.y(0.5)) == (300, charts.TOP)
    assert plot.y(0.0) > plot.y(0.2) > plot.y(0.5)
    places = [plot.x(place, 3) for place in range(3)]
    assert places == sorted(places)
    assert places[0] > charts.LEFT
    assert places[-1] < WIDE[0] - charts.RIGHT


def test_one_column_stands_in_the_middle() -> None:
    """A voice with a single version."""
    plot = Plot(NARROW, low=0.0, high=1.0, under=40)

    assert plot.x(0, 1) == charts.LEFT + plot.width / 2


def test_texts_in_a_chart_are_escaped() -> None:
    """A chart is a page like others: what is drawn is text, not markup."""
    drawn = Pages().render(
        "charts/rates.svg",
        "en",
        {
            "plot": Plot(NARROW, 0.0, 1.0, under=40),
            "grid": [(1.0, "<b>")],
            "left": 1,
            "right": 1,
            "top": 1,
            "style": "",
            "points": [],
        },
    )

    assert "&lt;b&gt;" in drawn
    assert re.search(r"<title>Tick-rate by version</title>", drawn)
