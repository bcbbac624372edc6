"""The figures of a simulation: courses with several seeds put together, in the contract's shape."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import fmean
from typing import Any

from lab.simulate.measures import share

Course = Mapping[str, Any]


def gather(courses: Sequence[Course]) -> dict[str, dict[str, list[float]]]:
    """By strategy: tick-rate with its interval and variety, round by round, the exam last; over all seeds."""
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


def figures(courses: Sequence[Course], references: Sequence[Course]) -> dict[str, float | None]:
    """What the loop is judged by; None where the strategy for it was not run or nothing could be measured."""
    rates = gather(courses)
    none = fmean(sum(one["ticked"]) / len(one["ticked"]) for one in references)
    oracle = sum(one["oracle_ticks"] for one in references) / sum(one["oracle_shown"] for one in references)
    ours = rates.get("ours")
    final = ours["tick_rate"][-1] / none if ours and none else math.nan
    best = oracle / none if none else math.nan
    told = {
        "final_over_none": final,
        "oracle_over_none": best,
        "candidates": references[0]["candidates"],
        "share_of_oracle": (final - 1) / (best - 1) if best != 1 else math.nan,
        "variety": ours["variety"][-1] if ours else math.nan,
        "gain_over_ancestor": gain_over_ancestor(rates, none) if ours and none and "ancestor" in rates else math.nan,
    }
    told |= {name: _mean(courses, name) for name in ("holdout_delta", "real_delta", "copied", "taste_auc")}
    told["taste_ceiling"] = _mean(courses, "taste_ceiling")
    mine = [course["trigger_hits"] for course in courses if course["strategy"] == "ours" and "trigger_hits" in course]
    told["trigger_hits"] = sum(mine) if mine else math.nan
    return {name: None if math.isnan(value) else round(value, 5) for name, value in told.items()}


def gain_over_ancestor(rates: Mapping[str, Mapping[str, Sequence[float]]], none: float) -> float:
    """What ours gains over nothing, over what the ancestor's idea gains where it has the same variety.

    Its course from the base (variety 1, gain 0) on is joined by straight lines; NaN where it gains nothing there.
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
    """Over the seeds of ours."""
    found = [course[name] for course in courses if course["strategy"] == "ours" and name in course]
    return fmean(found) if found else math.nan
