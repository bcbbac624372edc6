"""Charts: SVG that is drawn here and shown as an image, each with a table beside it that says the same.

pygal is loaded when the first chart is asked for. Light and dark are the browser's to choose; no script, no font.
"""

import base64
import hashlib
import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from app.domain.trial import TrialReport
from app.domain.version import Rate, VersionReport

FONT = '"Noto Serif KR", "Noto Serif CJK KR", "Nanum Myeongjo", Batang, serif'
INK = (
    "inline:text{fill:#5f574d!important}.axis path{stroke:#b7ac9a!important}.ci path{stroke:#857b6e!important}"
    ".color-0 .line,.color-1 .line{stroke-width:2.5!important}"
    "@media(prefers-color-scheme:dark){text{fill:#b3a999!important}.axis path{stroke:#5b5348!important}"
    ".color-0,.color-0 a:visited{stroke:#d9543f!important;fill:#d9543f!important}.nofill{fill:none!important}}"
)
"""Those of the pages: ink on paper, by day and by night."""
NEW, OLD = "#b3261e", "#857b6e"
LEAST = 0.01
"""Wealth below this is drawn as this: who has lost so much has lost."""
LADDER = (0.01, 0.1, 1.0, 10.0, 20.0, 100.0, 1e3, 1e4, 1e6, 1e9, 1e12)
MEDIA_TYPE = "image/svg+xml"
TEXTS: Mapping[str, Mapping[str, str]] = {
    "ko": {
        "rates": "판마다 고른 비율",
        "evidence": "내기의 배당",
        "better": "새 판에 건 몫",
        "worse": "쓰던 판에 건 몫",
        "enough": "판가름 나는 곳",
    },
    "en": {
        "rates": "Tick-rate by version",
        "evidence": "What the bets are worth",
        "better": "on the new version",
        "worse": "on the old one",
        "enough": "enough to decide",
    },
}
"""Of the charts, which are no templates."""


def rates(versions: Sequence[VersionReport], *, title: str, narrow: bool = False) -> bytes:
    """Tick-rates by version, the oldest first, with their intervals; *narrow*: for a phone."""
    import pygal

    chart: Any = pygal.Line(**_look(title, narrow=narrow), stroke=False, dots_size=5, show_legend=False)
    chart.value_formatter = _percent
    read = [(version.number, version.tick_rate) for version in reversed(versions) if version.tick_rate is not None]
    top = max((rate.high for _, rate in read), default=0.1)
    chart.range = (0, top)
    chart.y_labels = [top * share for share in (0, 0.25, 0.5, 0.75, 1)]
    chart.x_labels = [str(number) for number, _ in read]
    chart.add(title, [_point(rate) for _, rate in read])
    return _svg(chart)


def evidence(
    trial: TrialReport, *, title: str, better: str, worse: str, enough: str, goal: float, narrow: bool = False
) -> bytes:
    """How the wealth of either bet went from reader to reader, on a scale of powers, and where it is enough."""
    import pygal

    chart: Any = pygal.Line(
        **_look(title, narrow=narrow), logarithmic=True, show_dots=False, legend_at_bottom=True, truncate_legend=-1
    )
    path = [(1.0, 1.0), *trial.path]
    top = max(goal, *(wealth for step in path for wealth in step))
    chart.y_labels = [rung for rung in LADDER if rung <= max(100, top)]
    chart.range = (LEAST, max(100, top))
    chart.value_formatter = _plain
    chart.add(better, [max(one[0], LEAST) for one in path], stroke_style={"width": 3})
    chart.add(worse, [max(one[1], LEAST) for one in path], stroke_style={"width": 3})
    chart.add(enough, [goal] * len(path), stroke_style={"width": 1, "dasharray": "4, 4"})
    return _svg(chart)


def policy(drawn: bytes) -> str:
    """What a chart may do: wear the style it brings, known by its hash, and load nothing."""
    worn = re.findall(rb"<style[^>]*>(.*?)</style>", drawn, flags=re.DOTALL)
    hashes = (hashlib.sha256(html.unescape(style.decode()).encode()).digest() for style in worn)
    told = " ".join(f"'sha256-{base64.b64encode(one).decode()}'" for one in hashes)
    return f"default-src 'none'; style-src {told}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def _look(title: str, *, narrow: bool) -> dict[str, Any]:
    from pygal.style import Style

    sizes = {"title_font_size": 17, "label_font_size": 14, "major_label_font_size": 14, "legend_font_size": 14}
    style = Style(
        background="transparent",
        plot_background="transparent",
        font_family=FONT,
        colors=(NEW, OLD, OLD),
        no_data_font_size=17,
        **sizes,
    )
    return {
        "title": title,
        "style": style,
        "css": ["file://style.css", "file://graph.css", INK],
        "js": (),
        "width": 380 if narrow else 760,
        "height": 300 if narrow else 340,
        "margin": 12,
        "no_data_text": "–",
    }


def _point(rate: Rate) -> dict[str, Any]:
    return {"value": rate.mean, "ci": {"low": rate.low, "high": rate.high}}


def _percent(share: float) -> str:
    return f"{share:.1%}"


def _plain(wealth: float) -> str:
    return f"{wealth:,.0f}" if wealth >= 1 else f"{wealth:g}"


def _svg(chart: Any) -> bytes:
    """As an image's bytes, without the script that pygal adds for pages that have its own, nor a style in a tag."""
    drawn: bytes = chart.render()
    bare = re.sub(rb"<script.*?</script>", b"", drawn, flags=re.DOTALL)
    return re.sub(rb' style="([\w-]+): ?([\w.]+);?"', rb' \1="\2"', bare)


def response(chart: bytes, headers: Mapping[str, str]) -> Response:
    """A chart as an image, under a policy of its own."""
    return Response(chart, media_type=MEDIA_TYPE, headers={**headers, "Content-Security-Policy": policy(chart)})
