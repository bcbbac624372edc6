"""Charts: SVG images from `templates/charts`, each shown beside a table with the same numbers.

This file turns numbers into pixels; the titles, legends and shapes are in the templates. The browser chooses light or
dark colours. A chart has no script and no font, and loads nothing.
"""

import base64
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from app.domain.trial import TrialReport
from app.domain.version import VersionReport
from app.web.http.language import language_of
from app.web.http.page import Pages

STYLE = (
    'text{fill:#5f574d;font:14px "Noto Serif KR","Noto Serif CJK KR","Nanum Myeongjo",Batang,serif}'
    ".title{font-size:17px}.middle{text-anchor:middle}.end{text-anchor:end}"
    "path,line{fill:none;stroke-width:1}.axis{stroke:#b7ac9a}.grid{stroke:#e2dacb}"
    ".new{stroke:#b3261e;stroke-width:2.5}.old{stroke:#857b6e;stroke-width:2.5}"
    ".goal{stroke:#857b6e;stroke-dasharray:4 4}.interval{stroke:#857b6e;stroke-width:1.5}circle{fill:#b3261e}"
    "@media(prefers-color-scheme:dark){text{fill:#b3a999}.axis{stroke:#5b5348}.grid{stroke:#3b352d}"
    ".new{stroke:#d9543f}circle{fill:#d9543f}}"
)
"""The colours of the pages, light and dark."""
POLICY = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of a chart: only its own style, by its hash."""
WIDE, NARROW = (760, 340), (380, 300)
"""Width and height in pixels; the narrow size is for phones."""
LEFT, RIGHT, TOP = 70, 16, 44
"""Margins: for the labels of the y axis, at the right edge, and for the title."""
LOWEST_WEALTH = 0.01
"""Lower bound of the chart: lower wealth is drawn here."""
WEALTH_LABELS = (0.01, 0.1, 1.0, 10.0, 20.0, 100.0, 1e3, 1e4, 1e6, 1e9, 1e12)
MOST_X_LABELS = {WIDE: 20, NARROW: 8}


@dataclass(frozen=True, slots=True)
class Plot:
    """The plotting area, which maps values to pixels."""

    size: tuple[int, int]
    low: float
    """The value at the bottom, on the scale of `y`."""
    high: float
    """The value at the top."""
    under: int
    """Pixels below the area, for the labels of the x axis or the legend."""

    @property
    def width(self) -> int:
        """Pixels of the area."""
        return self.size[0] - LEFT - RIGHT

    @property
    def bottom(self) -> int:
        """Pixel of the area's lower edge."""
        return self.size[1] - self.under

    def y(self, value: float) -> float:
        """The pixel of a value, counted from the top."""
        return round(self.bottom - (self.bottom - TOP) * (value - self.low) / (self.high - self.low), 1)

    def x(self, place: int, places: int) -> float:
        """The pixel of the middle of column *place* of *places*."""
        return round(LEFT + self.width * (place + 0.5) / places, 1)


def rates(request: Request, versions: Sequence[VersionReport], *, narrow: bool) -> Response:
    """Tick-rates by version with 95 % intervals, the oldest first."""
    read = [(version.number, version.tick_rate) for version in reversed(versions) if version.tick_rate is not None]
    highest = max((rate.high for _, rate in read), default=0.1) or 0.1
    plot = Plot(NARROW if narrow else WIDE, 0.0, highest, under=40)
    every = math.ceil(len(read) / MOST_X_LABELS[plot.size]) if read else 1
    points = [
        {
            "x": plot.x(place, len(read)),
            "y": plot.y(rate.mean),
            "low": plot.y(rate.low),
            "high": plot.y(rate.high),
            "label": number if place % every == 0 else "",
        }
        for place, (number, rate) in enumerate(read)
    ]
    grid = [(plot.y(highest * share), f"{highest * share:.1%}") for share in (0, 0.25, 0.5, 0.75, 1)]
    return _drawn(request, "charts/rates.svg", plot, grid, {"Cache-Control": "no-cache"}, points=points)


def evidence(
    request: Request, trial: TrialReport, *, goal: float, narrow: bool, headers: Mapping[str, str]
) -> Response:
    """The wealth of both bets after each reader, on a logarithmic scale, and the *goal* that decides the trial."""
    path = [(1.0, 1.0), *trial.path]
    highest = max(100.0, goal, *(wealth for step in path for wealth in step))
    size = NARROW if narrow else WIDE
    # The legend has three entries: in three rows where the picture is narrow, else in one.
    plot = Plot(size, math.log(LOWEST_WEALTH), math.log(highest), under=76 if narrow else 40)

    def line(wealth: Sequence[float]) -> str:
        pixels = (
            f"{plot.x(place, len(wealth))} {plot.y(math.log(max(each, LOWEST_WEALTH)))}"
            for place, each in enumerate(wealth)
        )
        return "M" + "L".join(pixels)

    return _drawn(
        request,
        "charts/evidence.svg",
        plot,
        [(plot.y(math.log(each)), _wealth(each)) for each in WEALTH_LABELS if each <= highest],
        headers,
        better=line([step[0] for step in path]),
        worse=line([step[1] for step in path]),
        goal=plot.y(math.log(goal)),
        narrow=narrow,
    )


def loss(
    request: Request, points: Sequence[tuple[int, float]], *, narrow: bool, headers: Mapping[str, str]
) -> Response:
    """The training loss by step; the y axis begins at zero."""
    size = NARROW if narrow else WIDE
    highest = max((each for _, each in points), default=1.0) or 1.0
    plot = Plot(size, 0.0, highest, under=40)
    last = max((step for step, _ in points), default=1) or 1
    pixels = [(round(LEFT + plot.width * step / last, 1), plot.y(each)) for step, each in points]
    return _drawn(
        request,
        "charts/loss.svg",
        plot,
        [(plot.y(highest * share), f"{highest * share:.2f}") for share in (0, 0.25, 0.5, 0.75, 1)],
        headers,
        path="M" + "L".join(f"{x} {y}" for x, y in pixels) if pixels else "",
        last=last,
    )


def _drawn(
    request: Request,
    template: str,
    plot: Plot,
    grid: Sequence[tuple[float, str]],
    headers: Mapping[str, str],
    **values: object,
) -> Response:
    pages: Pages = request.app.state.pages
    context = {"plot": plot, "grid": grid, "left": LEFT, "right": RIGHT, "top": TOP, "style": STYLE, **values}
    drawn = pages.render(template, language_of(request), context)
    return Response(drawn, media_type="image/svg+xml", headers={**headers, "Content-Security-Policy": POLICY})


def _wealth(wealth: float) -> str:
    return f"{wealth:,.0f}" if wealth >= 1 else f"{wealth:g}"
