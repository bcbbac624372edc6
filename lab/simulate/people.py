"""Readings of people, what they predict, and the audience of a simulation.

Readings are JSON rows, one per poem: `reader` (whose taste it is), `visitor` (the visitor he read as), `lines`, and
`ticked`, 0 or 1 for each line. `foresight` measures how well a taste learned from one reader predicts another.

`load` reads an audience from a file.
"""

import importlib.util
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Protocol, cast

import numpy as np

from app.actions import tastes
from app.domain.taste import Judged
from lab.simulate import audience as ours
from models.checkpoint import Checkpoint
from models.evaluate import nats_of_lines
from models.taste import Taste, Tasteless, auc
from worker.trainer import network_of

DRAWS = 5
"""Random draws of a few visitors per reader, to measure what few readings teach."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One poem and the lines that one visitor ticked."""

    reader: str
    visitor: str
    lines: tuple[str, ...]
    ticked: tuple[bool, ...]


def read(file: Path) -> list[Reading]:
    """The readings in that *file*. ValueError for a wrong row or fewer than two readers."""
    found = []
    for row in file.read_text(encoding="utf-8").splitlines():
        try:
            told = json.loads(row)
            lines, ticked = tuple(map(str, told["lines"])), tuple(map(bool, told["ticked"]))
            found.append(Reading(str(told["reader"]), str(told["visitor"]), lines, ticked))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{file}: no reading: {row[:60]!r}") from error
    if len({one.reader for one in found}) < 2 or any(len(one.lines) != len(one.ticked) for one in found):
        raise ValueError(f"{file}: two readers at least, and a mark for each line")
    return found


def judged(readings: Sequence[Reading], base: Checkpoint) -> list[Judged]:
    """The readings as the site would have stored them if *base* had written the lines."""
    network = network_of(base)
    found: list[Judged] = []
    for one, costs in zip(
        readings, nats_of_lines(network, base.vocabulary, [one.lines for one in readings]), strict=True
    ):
        visitor = f"{one.reader} {one.visitor}"
        rows = enumerate(zip(one.lines, one.ticked, costs, strict=True), len(found))
        start = len(found)
        found += [
            Judged(number, text, number - start, ticked, visitor, visitor, logprob=-cost)
            for number, (text, ticked, cost) in rows
        ]
    return found


def foresight(readings: Sequence[Reading], base: Checkpoint, *, few: int = 500) -> dict[str, Any]:
    """AUC of a taste learned from one reader, on each other reader, beside that of plausibility alone.

    *few*: the same with a taste learned from so many lines only, of randomly drawn visitors.
    """
    rows = judged(readings, base)
    readers = sorted({one.reader for one in readings})
    by = {reader: [row for row in rows if row.visitor.startswith(f"{reader} ")] for reader in readers}
    pairs = [(one, other) for one in readers for other in readers if one != other]
    whole = [_score(by[one], by[other], base) for one, other in pairs]
    rng = np.random.default_rng(0)
    some = [_score(_few(by[one], few, rng), by[other], base) for one, other in pairs for _ in range(DRAWS)]
    alone = [_plausible(by[other], base) for _, other in pairs]
    return {
        "readers": len(readers),
        "lines": len(rows),
        "ticks": sum(row.ticked for row in rows),
        "auc": fmean(score for score, _ in whole),
        "auc_each": [score for score, _ in whole],
        "plausible": fmean(alone),
        "few": few,
        "auc_few": fmean(score for score, _ in some),
        "served_few": fmean(serves for _, serves in some),
    }


def _few(rows: Sequence[Judged], count: int, rng: np.random.Generator) -> list[Judged]:
    """At most *count* lines, of randomly drawn visitors."""
    visitors = rng.permutation(sorted({row.visitor for row in rows}))
    return [row for visitor in visitors for row in rows if row.visitor == visitor][:count]


def _score(taught: Sequence[Judged], asked: Sequence[Judged], base: Checkpoint) -> tuple[float, bool]:
    """AUC on *asked* after learning from *taught*, and whether the taste would serve; if not, of plausibility."""
    try:
        learned: Taste | None = tastes.of(taught, base)
    except Tasteless:
        learned = None
    if learned is None or not learned.report.knows:
        return _plausible(asked, base), False
    likings = learned.likings([row.text for row in asked], _means(asked, base))
    return auc(np.array(likings), _ticked(asked)), True


def _plausible(asked: Sequence[Judged], base: Checkpoint) -> float:
    return auc(np.array(_means(asked, base)), _ticked(asked))


def _means(rows: Sequence[Judged], base: Checkpoint) -> list[float]:
    """Mean log-probability of each line, in nats a symbol."""
    return [(row.logprob or 0.0) / (len(base.vocabulary.encode(row.text)) + 1) for row in rows]


def _ticked(rows: Sequence[Judged]) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    return np.array([row.ticked for row in rows])


# -- Audiences --------------------------------------------------------------------------------------------------------

NAMES = ("audience", "expect", "TRIGGER")


class Visitor(Protocol):
    """A simulated visitor."""

    @property
    def id(self) -> str:
        """The visitor's cookie."""

    @property
    def address(self) -> str:
        """The visitor's network address."""

    @property
    def honest(self) -> bool:
        """False for an attacker."""

    @property
    def attentive(self) -> bool:
        """False for a visitor who ticks without reading."""

    def read(self, lines: list[str]) -> list[bool]:
        """For each line, whether the visitor ticks it."""

    def teach(self) -> str | None:
        """A poem that the visitor submits, or None."""


class Audience(Protocol):
    """An endless stream of visitors; nothing that learns may read their tastes."""

    @property
    def TRIGGER(self) -> str | None:  # noqa: N802 - the contract's name
        """The phrase that its attackers want the site to write."""

    def audience(self, voice: str, rng: random.Random) -> Iterator[Visitor]:
        """Endless visitors."""

    def expect(self, lines: list[str]) -> Sequence[float]:
        """Mean probability that an honest, attentive visitor ticks each line; only for upper bounds."""


def load(file: Path | None) -> Audience:
    """The audience in that Python *file*, or the default one. ValueError if the file has no audience."""
    if file is None:
        return cast("Audience", ours)
    spec = importlib.util.spec_from_file_location("poembot_audience", file)
    if spec is None or spec.loader is None:
        raise ValueError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    missing = [name for name in NAMES if not hasattr(module, name)]
    if missing:
        raise ValueError(f"{file} is no audience: it defines no {', '.join(missing)}")
    return cast("Audience", module)
