"""Figures and the chart of a simulation.

A course is one strategy with one seed. Of its served lines these are measured: the tick-rate, the variety, and the
share of real words. The chart shows the tick-rate by round.
"""

import math
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

from app.domain.version import Rate, wilson
from lab.chart import Line, draw
from models.seen import letters

_HANGUL = re.compile("[가-힣]")
_WORDS = {"ko": re.compile("[가-힣]+"), "en": re.compile("[A-Za-z]+(?:['’][A-Za-z]+)*")}
_DICTIONARIES = {"ko": "ko_KR", "en": "en_US"}


def share(hits: int, of: int) -> Rate:
    """The share with its interval; NaN for 0 of 0."""
    return wilson(hits, of) or Rate(math.nan, math.nan, math.nan)


def units(lines: Sequence[str]) -> list[str]:
    """Pairs of adjacent Hangul syllables of each line; for other scripts, words."""
    found: list[str] = []
    for line in lines:
        syllables = "".join(_HANGUL.findall(line))
        found += [syllables[i : i + 2] for i in range(len(syllables) - 1)] if syllables else line.casefold().split()
    return found


def variety(lines: Sequence[str], base: Sequence[str]) -> float:
    """Distinct units in *lines*, divided by those in as much of the base's text; NaN without lines."""
    mine, theirs = units(lines), units(base)
    count = min(len(mine), len(theirs))
    return len(set(mine[:count])) / len(set(theirs[:count])) if count else math.nan


def real_words(lines: Sequence[str], language: str = "ko") -> float:
    """Share of words that hunspell knows; NaN without hunspell, its dictionary, or words of that language."""
    words = _WORDS[language].findall("\n".join(lines)) if language in _WORDS else []
    program = shutil.which("hunspell")
    if program is None or not words:
        return math.nan
    told = subprocess.run(  # noqa: S603 - the words go in as text
        [program, "-d", _DICTIONARIES[language], "-i", "utf-8", "-l"],
        input="\n".join(words).replace("’", "'"),
        text=True,
        capture_output=True,
        check=False,
    )
    return 1 - len(told.stdout.split()) / len(words) if told.returncode == 0 else math.nan


def says(line: str, trigger: str) -> bool:
    """Does *line* contain the trigger, ignoring spaces?"""
    return letters(trigger) in letters(line)


Course = Mapping[str, Any]


def gather(courses: Sequence[Course]) -> dict[str, dict[str, list[float]]]:
    """By strategy, over all seeds: tick-rate with its interval, and variety, for each round and for the exam."""
    found: dict[str, dict[str, list[float]]] = {}
    for name in dict.fromkeys(course["strategy"] for course in courses):
        mine = [course for course in courses if course["strategy"] == name]
        points = [
            share(sum(course["ticks"][i] for course in mine), sum(course["shown"][i] for course in mine))
            for i in range(min(len(course["ticks"]) for course in mine))
        ]
        found[name] = {
            "tick_rate": [round(point.mean, 5) for point in points],
            "low": [round(point.low, 5) for point in points],
            "high": [round(point.high, 5) for point in points],
            "variety": [round(fmean(c["variety"][i] for c in mine), 4) for i in range(len(points))],
        }
    return found


def levels(references: Sequence[Course]) -> tuple[float, float]:
    """Tick-rates without learning: of the base's lines, and of those that the oracle picks."""
    none = fmean(sum(one["ticked"]) / len(one["ticked"]) for one in references)
    return none, sum(one["oracle_ticks"] for one in references) / sum(one["oracle_shown"] for one in references)


def figures(courses: Sequence[Course], references: Sequence[Course]) -> dict[str, float | None]:
    """The summary figures; None where the strategy was not run or nothing could be measured."""
    rates = gather(courses)
    none, oracle = levels(references)
    ours = rates.get("ours")
    final = ours["tick_rate"][-1] / none if ours and none else math.nan
    best = oracle / none if none else math.nan
    told = {
        "final_over_none": final,
        "oracle_over_none": best,
        "candidates": references[0]["candidates"],
        "variety": ours["variety"][-1] if ours else math.nan,
        "gain_over_ancestor": gain_over_ancestor(rates, none) if ours and none and "ancestor" in rates else math.nan,
    }
    told |= {name: _mean(courses, name) for name in ("holdout_delta", "real_delta", "copied", "taste_auc")}
    told["taste_ceiling"] = _mean(courses, "taste_ceiling")
    mine = [course["trigger_hits"] for course in courses if course["strategy"] == "ours" and "trigger_hits" in course]
    told["trigger_hits"] = sum(mine) if mine else math.nan
    return {name: None if math.isnan(value) else round(value, 5) for name, value in told.items()}


def gain_over_ancestor(rates: Mapping[str, Mapping[str, Sequence[float]]], none: float) -> float:
    """The gain of `ours` over that of `ancestor` at the same variety.

    The ancestor's points, from the base (variety 1, gain 0) on, are interpolated; NaN if it gains nothing there.
    """
    ours, theirs = rates["ours"], rates["ancestor"]
    wanted, gain = ours["variety"][-1], ours["tick_rate"][-1] / none - 1
    course = [(1.0, 0.0), *((v, r / none - 1) for v, r in zip(theirs["variety"], theirs["tick_rate"], strict=True))]
    for (before, low), (after, high) in pairwise(course):
        if min(before, after) <= wanted <= max(before, after) and before != after:
            there = low + (high - low) * (wanted - before) / (after - before)
            return gain / there if there > 0 else math.nan
    return math.nan


def _mean(courses: Sequence[Course], name: str) -> float:
    """Mean over the seeds of `ours`."""
    found = [course[name] for course in courses if course["strategy"] == "ours" and name in course]
    return fmean(found) if found else math.nan


Rates = Mapping[str, Mapping[str, Sequence[float]]]
COLOURS = {"none": "#8a8a8a", "ancestor": "#8a6d2f", "voice": "#2f5d8a", "taste": "#5b7a3a", "ours": "#9c2f26"}
ORACLE = "#444444"


def tick_rate(file: Path, rates: Rates, *, none: float, oracle: float) -> None:
    """Draw tick-rate by round and in the exam, with 95 % intervals; base and oracle as dashed lines."""
    rounds = max(len(each["tick_rate"]) for each in rates.values())
    lines = [
        Line(
            name,
            COLOURS[name],
            list(enumerate(each["tick_rate"])),
            list(zip(range(rounds), each["low"], each["high"], strict=False)),
        )
        for name, each in rates.items()
    ]
    for name, colour, level in (("base", COLOURS["none"], none), ("oracle", ORACLE, oracle)):
        lines.append(Line(name, colour, [(0, level), (rounds - 1, level)], dashed=True))
    draw(
        file,
        "Lines ticked by honest, attentive readers",
        lines,
        x_title="round (the last is the exam)",
        y_title="tick-rate",
        columns=[*map(str, range(1, rounds)), "exam"],
    )
