"""Readings of people, what they predict, and the audiences of a simulation.

Readings are JSON rows, one per poem: `reader` (whose taste it is), `visitor` (the visitor he read as), `lines`, and
`ticked`, 0 or 1 for each line. `foresight` measures how well a taste learned from one reader predicts another.

`Readers` is an audience that ticks as those readers did, according to a model of their readings. A judge says how
likely a line is in its place: a base voice that is never served, trained separately, and at least as large as the
served one. The model (`readers.json`, of `poembot lab taste --model`) knows how much that counts, and which letters and
lengths readers like. A line that contains a non-word is never ticked. `load` reads any other audience from a file.
"""

import importlib.util
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any, Protocol, cast

import numpy as np

from app.actions import tastes
from app.domain.taste import Judged
from lab.simulate import audience as ours
from models import seen
from models.checkpoint import Checkpoint
from models.corpus import read_poems
from models.evaluate import nats_of_lines
from models.folder import HOLDOUTS
from models.sparse import sigmoid
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


# -- A model of readers -----------------------------------------------------------------------------------------------


def scale(judge: Checkpoint, texts: Sequence[str]) -> tuple[float, float]:
    """Mean and spread of what *judge* makes of the lines of those poems, in nats a symbol: its own unit of sense."""
    network = network_of(judge)
    poems = [text.splitlines() for text in texts]
    means = [
        -cost / (len(judge.vocabulary.encode(line)) + 1)
        for lines, costs in zip(poems, nats_of_lines(network, judge.vocabulary, poems), strict=True)
        for line, cost in zip(lines, costs, strict=True)
    ]
    return float(np.mean(means)), float(np.std(means))


def model(readings: Sequence[Reading], judge: Checkpoint, texts: Sequence[str]) -> Taste:
    """A model of what all these readers tick; *texts*: poems that set the scale of the judge's log-probability."""
    mean, spread = scale(judge, texts)
    rows = [
        replace(row, logprob=((row.logprob or 0.0) / symbols - mean) / spread * symbols)
        for row in judged(readings, judge)
        for symbols in [len(judge.vocabulary.encode(row.text)) + 1]
    ]
    return tastes.of(rows, judge)


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


MODEL = Path(__file__).with_name("readers.json")
NONSENSE = -3.0
"""Standard deviations below the mean of human verse at which a line makes no sense to the judge."""
READINESS = 0.3
"""Standard deviation, in log-odds, of how readily visitors tick."""


class Readers:
    """An audience that judges plausibility first; it has no attackers."""

    TRIGGER: str | None = None

    def __init__(self, judge: Checkpoint, base: Checkpoint, model: Path = MODEL) -> None:
        """*base*: the simulated voice; its holdout sets the judge's scale, its verse defines the known words.

        ValueError for a judge that is smaller than the base, or the base itself.
        """
        smaller = judge.meta.architecture["size"] < base.meta.architecture["size"]
        if smaller or judge.meta.base == base.meta.base:
            raise ValueError("the judge is a base of its own, at least as wide as the voice it judges")
        self._taste = Taste.from_dict(json.loads(model.read_text(encoding="utf-8")))
        self._judge, self._network = judge, network_of(judge)
        self._mean, self._spread = scale(judge, read_poems(*sorted(base.folder.glob(HOLDOUTS))))
        self._built = seen.known_parts(read_poems(*sorted((base.folder / "verse").glob("*.txt"))))

    def audience(self, voice: str, rng: random.Random) -> Iterator[Visitor]:
        """Endless visitors, each with an address of his own."""
        n = 0
        while True:
            n += 1
            yield _Reader(f"r{n}", f"198.18.{n // 250 % 250}.{n % 250}", self, rng)

    def expect(self, lines: Sequence[str]) -> list[float]:
        """Mean probability that a visitor ticks each line, read by itself."""
        return [self.chances([line])[0] for line in lines]

    def chances(self, lines: Sequence[str], readiness: float = 0.0) -> list[float]:
        """Probability that a visitor of that *readiness* ticks each line of a poem."""
        (costs,) = nats_of_lines(self._network, self._judge.vocabulary, [lines])
        symbols = [len(self._judge.vocabulary.encode(line)) + 1 for line in lines]
        sense = [(-cost / count - self._mean) / self._spread for cost, count in zip(costs, symbols, strict=True)]
        likings = self._taste.likings(lines, sense)
        chances = sigmoid(np.array(likings) + readiness).tolist()
        return [
            0.0 if self.is_nonsense(line, each) else chance
            for line, each, chance in zip(lines, sense, chances, strict=True)
        ]

    def is_nonsense(self, line: str, sense: float) -> bool:
        """Does the line contain a non-word, or is it implausible to the judge?"""
        return sense < NONSENSE or any(seen.is_strange(word, self._built) for word in seen.words(line))


class _Reader:
    """One visitor of this audience."""

    honest = attentive = True

    def __init__(self, id: str, address: str, readers: Readers, rng: random.Random) -> None:
        self.id, self.address, self._readers, self._rng = id, address, readers, rng
        self._readiness = rng.gauss(0, READINESS)

    def read(self, lines: list[str]) -> list[bool]:
        """For each line, whether the visitor ticks it."""
        return [self._rng.random() < chance for chance in self._readers.chances(lines, self._readiness)]

    def teach(self) -> str | None:
        """None: these visitors submit nothing."""
        return None
