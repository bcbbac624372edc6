"""The simulation: every strategy with every seed, one after the other; what is finished is kept and not done again."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lab.simulate.course import Order, Say, follow, refer
from lab.simulate.figures import figures, frontier, gather, tick_rate
from lab.simulate.people import Audience


def simulate(
    order: Order, people: Audience, *, seeds: int, strategies: Sequence[str], out: Path, say: Say, source: str = ""
) -> dict[str, Any]:
    """Run what is not yet in *out*, draw the charts, and tell it in the contract's shape.

    *source*: the audience's own text; with another one, or another order, everything is done anew.
    """
    key = _key(order, source)
    out.mkdir(parents=True, exist_ok=True)
    courses: list[Mapping[str, Any]] = []
    references: list[Mapping[str, Any]] = []
    for seed in range(seeds):
        file = out / f"reference-{seed}.json"
        references.append(reference := _kept(file, key) or _keep(file, key, refer(order, people, seed, say)))
        for name in strategies:
            file = out / f"{name}-{seed}.json"
            known = _kept(file, key)
            courses.append(known or _keep(file, key, follow(order, people, name, seed, reference=reference, say=say)))
    told: dict[str, Any] = {
        "rounds": order.rounds,
        "seeds": seeds,
        "judged": order.judged,
        "strategies": gather(courses),
        "figures": figures(courses, references),
    }
    none = [sum(one["ticked"]) / len(one["ticked"]) for one in references]
    oracle = sum(one["oracle_ticks"] for one in references) / sum(one["oracle_shown"] for one in references)
    tick_rate(out / "tick_rate.svg", told["strategies"], none=sum(none) / len(none), oracle=oracle)
    frontier(out / "frontier.svg", told["strategies"], none=sum(none) / len(none))
    (out / "figures.json").write_text(json.dumps(told, ensure_ascii=False, indent=1), encoding="utf-8")
    return told


def _key(order: Order, source: str) -> str:
    """Of what a course depends on."""
    of = order.settings
    chosen: list[Any] = [
        of.candidates,
        of.taste_after,
        of.taste_share,
        of.taste_temperature,
        of.dreams,
        of.lesson_steps,
    ]
    chosen += [of.trial_share, of.swap, of.samples, of.precision]
    told = [order.base.name, order.rounds, order.judged, order.exam, order.probe, chosen, source]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _kept(file: Path, key: str) -> dict[str, Any] | None:
    """What an earlier simulation of the same order wrote there."""
    if not file.is_file():
        return None
    told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return {name: _number(value) for name, value in told.items()} if told.get("key") == key else None


def _keep(file: Path, key: str, told: dict[str, Any]) -> dict[str, Any]:
    fresh = file.with_suffix(".tmp")
    safe = {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in told.items()}
    fresh.write_text(json.dumps(safe | {"key": key}, ensure_ascii=False), encoding="utf-8")
    fresh.replace(file)
    return told


def _number(value: Any) -> Any:
    """JSON has no NaN; a figure that is missing is one."""
    return math.nan if value is None else value
