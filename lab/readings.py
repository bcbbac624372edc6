"""Readings: what people read and ticked, in a file; and how well a taste that some of them teach foretells others.

A row a poem, as JSON: `reader` (whose taste it is), `visitor` (as whom he read), `lines`, and `ticked`, 0 or 1 a line.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from app.actions import tastes
from app.domain.taste import Judged
from models.checkpoint import Checkpoint
from models.evaluate import nats_of_lines
from models.network import CharNetwork
from models.taste import Taste, Tasteless, auc

DRAWS = 5
"""Times that a few visitors are drawn, of each reader, to see what few readings teach."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One poem, as one visitor read it."""

    reader: str
    visitor: str
    lines: tuple[str, ...]
    ticked: tuple[bool, ...]


def read(file: Path) -> list[Reading]:
    """The readings in that *file*. ValueError for one that has none, or not two readers."""
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
    """The same as the site would have kept them, if *base* had written the lines."""
    network = CharNetwork.of(base.meta.architecture, base.weights)
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
    """AUC of a taste that one reader taught, on each of the others, beside plausibility's alone.

    *few*: the same from so many lines only, of visitors who are drawn `DRAWS` times.
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
    """The lines of visitors drawn one after the other, *count* at most."""
    visitors = rng.permutation(sorted({row.visitor for row in rows}))
    return [row for visitor in visitors for row in rows if row.visitor == visitor][:count]


def _score(taught: Sequence[Judged], asked: Sequence[Judged], base: Checkpoint) -> tuple[float, bool]:
    """AUC on *asked* of what would choose after *taught*, and whether that is a taste; else plausibility does."""
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
    """Nats a symbol of each."""
    return [(row.logprob or 0.0) / (len(base.vocabulary.encode(row.text)) + 1) for row in rows]


def _ticked(rows: Sequence[Judged]) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    return np.array([row.ticked for row in rows])


# -- A model of readers -----------------------------------------------------------------------------------------------


def scale(judge: Checkpoint, texts: Sequence[str]) -> tuple[float, float]:
    """Mean and spread of what *judge* makes of the lines of those poems, in nats a symbol: its own unit of sense."""
    network = CharNetwork.of(judge.meta.architecture, judge.weights)
    poems = [text.splitlines() for text in texts]
    means = [
        -cost / (len(judge.vocabulary.encode(line)) + 1)
        for lines, costs in zip(poems, nats_of_lines(network, judge.vocabulary, poems), strict=True)
        for line, cost in zip(lines, costs, strict=True)
    ]
    return float(np.mean(means)), float(np.std(means))


def model(readings: Sequence[Reading], judge: Checkpoint, texts: Sequence[str]) -> Taste:
    """What all these readers tick, by what *judge* makes of a line: sense first. *texts*: poems that set the scale."""
    mean, spread = scale(judge, texts)
    rows = [
        replace(row, logprob=((row.logprob or 0.0) / symbols - mean) / spread * symbols)
        for row in judged(readings, judge)
        for symbols in [len(judge.vocabulary.encode(row.text)) + 1]
    ]
    return tastes.of(rows, judge)
