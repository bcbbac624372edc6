"""Taste: how likely a line is to be ticked, learned from who was shown what and ticked it or not.

It knows three things of a line:

    plausibility   how likely the voice found it where it stood, and how long it is
    letters        the mean of its letters, as the base voice's embedding knows them: who likes 꽃 may like 별
    signs          words, endings, pairs of letters: thousands, of which few matter (`models/sparse.py`)

Before readers have said anything it is plausibility alone, and each reading moves it away from there. What it says is
calibrated on readers it has not met. Kept as JSON that a person can read. Knows neither torch nor the database; who
chooses by it is the engine's business.
"""

import hashlib
import json
import math
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.sparse import Design, Fit, Floats, fit, ridge, sigmoid

FORMAT = 2
FEWEST = 5
"""Lines that a sign must stand in to be learned about."""
FEWEST_TICKS = 20
"""Ticks, and lines without one, below which nothing can be said."""
FOLDS = 5
NO_SIGN = 1e9
"""A penalty under which no sign is worth learning; a number, since Postgres' JSON knows no infinity."""
PENALTIES = (NO_SIGN, 0.6, 0.42, 0.3, 0.21)
"""The lasso's penalty, in standard errors of a sign that every line has; the readers left out choose."""
PLAUSIBLE = 1.5
"""Log-odds of a tick that a nat a symbol of likelihood is worth before anybody has read (docs/learning.md)."""
PRECISION, LETTER_PRECISION = 5.0, 100.0
"""How firmly plausibility, and the letters, hold to that: of a column of variance 1, the letters' together."""
DOUBT = 0.1
"""How firmly the calibration holds to slope 1 and shift 0, in readings."""
SIGNALS = ("logprob", "length", "log_length")
"""What is known of a line besides its letters and signs."""
MOST_PER_READER, MOST_PER_ADDRESS = 40.0, 60.0
"""Readings one visitor, or one address, counts for at most."""

MOST_LETTERS = 30
"""Letters beyond which a line is just long."""
MOST_WORDS = 9


TINY = 1e-9
Embedding = Mapping[str, Floats]
"""A vector for each letter, (E,) each."""


class Tasteless(ValueError):
    """Too few readings to tell anything, or something that is no taste."""


@dataclass(frozen=True, slots=True)
class JudgedLine:
    """One line that one visitor was shown."""

    text: str
    slot: int
    ticked: bool
    reader: str
    address: str = ""
    logprob: float | None = None
    """Nats a symbol, line end included, by the version that wrote it; None: not known."""


@dataclass(frozen=True, slots=True)
class Report:
    """How well a taste foresees readers it has not met."""

    readings: int
    ticks: int
    readers: int
    auc: float
    """Chance that a ticked line is liked better than one that was not; 0.5: no better than a coin."""
    auc_error: float
    """Its standard error (Hanley & McNeil 1982)."""
    ece: float
    """Expected calibration error: mean distance of the chance foretold from the share ticked, over ten bins."""
    penalty: float
    plausible: float = 0.5
    """AUC, before the same readers, of the voice's own likelihood alone."""

    @property
    def knows(self) -> bool:
        """Is it surely better than a coin, and no worse than plausibility alone, which serves where it does not?"""
        return self.auc - 2 * self.auc_error > 0.5 and self.auc >= self.plausible


@dataclass(frozen=True, slots=True)
class Taste:
    """What readers like."""

    weights: Mapping[str, float]
    """Log-odds that a sign adds."""
    bias: float
    """Log-odds of a line of which nothing is known, in the mean of all slots."""
    report: Report
    signals: Mapping[str, float] = field(default_factory=dict)
    """Log-odds of one unit more of each of `SIGNALS`; `logprob` counts from `usual` on."""
    letters: Mapping[str, float] = field(default_factory=dict)
    """Log-odds that a line would have that consists of this letter alone."""
    usual: float = 0.0
    """Log-probability, in nats a symbol, of a line of which it is not known."""

    def likings(self, lines: Sequence[str], logprobs: Sequence[float | None] | None = None) -> list[float]:
        """Log-odds of a tick for each line; independent of which others are asked about.

        *logprobs*: nats a symbol, by the version that wrote the line in its place; None: not known.
        """
        known = logprobs if logprobs is not None else [None] * len(lines)
        return [self._liking(line, logprob) for line, logprob in zip(lines, known, strict=True)]

    def _liking(self, line: str, logprob: float | None) -> float:
        get, letter = self.weights.get, self.letters.get
        values = signals(line, 0.0 if logprob is None else logprob - self.usual)
        dense = math.fsum(self.signals.get(name, 0.0) * value for name, value in zip(SIGNALS, values, strict=True))
        mean = math.fsum(letter(c, 0.0) for c in line) / max(1, len(line))
        return self.bias + dense + mean + math.fsum(get(sign, 0.0) for sign in signs(line))

    @property
    def hash(self) -> str:
        """SHA-256 of what it would say."""
        parts = [sorted(part.items()) for part in (self.weights, self.signals, self.letters)]
        told = json.dumps([*parts, self.bias, self.usual], ensure_ascii=False)
        return hashlib.sha256(told.encode()).hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """To be kept as JSON, the heaviest sign first."""
        weights, letters = (
            dict(sorted(part.items(), key=lambda item: -abs(item[1]))) for part in (self.weights, self.letters)
        )
        told = {"format": FORMAT, "hash": self.hash, "bias": self.bias, "usual": self.usual}
        parts = {"signals": dict(self.signals), "weights": weights, "letters": letters}
        return told | parts | asdict(self.report)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Taste":
        """The inverse of `as_dict`. Raises Tasteless for anything else."""
        try:
            if raw["format"] != FORMAT:
                raise Tasteless(f"a taste of format {raw['format']}")
            report = Report(**{name: raw[name] for name in Report.__dataclass_fields__})
            weights, parts, letters = (
                {str(name): float(weight) for name, weight in raw[part].items()}
                for part in ("weights", "signals", "letters")
            )
            taste = cls(weights, float(raw["bias"]), report, parts, letters, float(raw["usual"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Tasteless(f"this is no taste: {error}") from error
        if taste.hash != raw.get("hash"):
            raise Tasteless("the taste was altered")
        return taste


def chances(likings: Sequence[float]) -> Floats:
    """Chances of a tick, (n,), as shares of the greatest: who is sure of a tick is no surer of another.

    Never all 0, however far *likings*, log-odds, lie below 0.
    """
    logs = -np.logaddexp(0, -np.array(likings))
    return np.asarray(np.exp(logs - logs.max(initial=-np.inf)))


def signs(line: str) -> set[str]:
    """The signs of *line*: `c꽃` a letter, `b_꽃` a pair at a word's begin, `w꽃이` a word, `e네` an end.

    `s꽃` a begin, `fᆫ` a part of the last letter, `p,` a mark, `p,$` the last one, `r` a word twice,
    `n7` seven letters or more, `m3` three words or more.
    """
    text = unicodedata.normalize("NFC", line).casefold()
    words = text.split()
    letters = "".join(c for c in text if c.isalnum())
    found = {f"c{c}" for c in letters} | {f"p{c}" for c in text if not c.isalnum() and not c.isspace()}
    for word in words:
        edged = f"_{word}_"
        found |= {f"b{edged[i : i + 2]}" for i in range(len(edged) - 1)}
        found.add(f"w{word}")
    found |= {f"e{letters[-n:]}" for n in (1, 2, 3) if len(letters) >= n}
    found |= {f"s{letters[:n]}" for n in (1, 2) if len(letters) >= n}
    found |= {f"f{part}" for part in unicodedata.normalize("NFD", letters[-1:])[1:]}
    found |= {f"n{n}" for n in range(3, min(len(letters), MOST_LETTERS) + 1)}
    found |= {f"m{n}" for n in range(2, min(len(words), MOST_WORDS) + 1)}
    if text and not text[-1].isalnum():
        found.add(f"p{text[-1]}$")
    if len(set(words)) < len(words):
        found.add("r")
    return found


def signals(line: str, logprob: float) -> tuple[float, float, float]:
    """The values of `SIGNALS`: *logprob* itself, tens of letters, and the logarithm of how many."""
    letters = max(1, sum(c.isalnum() for c in line))
    return logprob, letters / 10, math.log(letters)


def learn(readings: Sequence[JudgedLine], *, embedding: Embedding | None = None, seed: int = 0) -> Taste:
    """The taste of those readers; the same readings and seed give the same. Raises Tasteless.

    *embedding*: the base's vector of each letter; without it letters say nothing.
    """
    ticks = sum(reading.ticked for reading in readings)
    if min(ticks, len(readings) - ticks) < FEWEST_TICKS or len({r.reader for r in readings}) < 2:
        raise Tasteless(f"{ticks} ticks on {len(readings)} lines tell nothing yet")
    names, design = _design(readings)
    known = Known.of(readings, embedding or {})
    folds = np.random.default_rng(seed).permutation(int(design.readers.max()) + 1)[design.readers] % FOLDS
    rate = float(np.average(design.ticked, weights=design.counts))
    unit = math.sqrt(rate * (1 - rate) / len(readings))
    # First what is known of every line, then the few signs that add to it; for each fold without its readers.
    offsets = [known.columns @ known.fit(design, folds != fold) for fold in range(FOLDS)]
    without = [replace(design, offset=offset) for offset in offsets]
    paths = [_path(one.part(folds != fold), unit) for fold, one in enumerate(without)]
    held_out = [_held_out(without, folds, [path[i] for path in paths]) for i in range(len(PENALTIES))]
    best = int(np.argmin([_log_loss(design, liking) for liking in held_out]))
    dense = known.fit(design, np.ones(len(readings), np.bool_))
    design = replace(design, offset=known.columns @ dense)
    whole = _path(design, unit, upto=best)[-1]
    slope, shift = _calibrate(design, held_out[best])
    weights = {
        name: round(float(slope * w), 5) for name, w in zip(names, whole.weights, strict=True) if abs(slope * w) > 1e-4
    }
    report = replace(
        _report(design, held_out[best], slope, shift, PENALTIES[best]), plausible=_plausible(readings, design)
    )
    parts, letters, centre = known.told(slope * dense)
    bias = slope * (whole.bias + _mean_slot(design, whole)) + shift - centre
    return Taste(weights, round(bias, 5), report, parts, letters, round(known.usual, 5))


def _plausible(readings: Sequence[JudgedLine], design: Design) -> float:
    """AUC of the likelihood alone; a coin's where it is not known."""
    logprobs = np.array([reading.logprob if reading.logprob is not None else 0.0 for reading in readings])
    return auc(logprobs, design.ticked > 0, design.counts)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of each line before its signs: columns that a ridge regression weighs."""

    columns: Floats
    """(n, D): the signals, and the mean of the line's letters; each centred and scaled."""
    centres: Floats
    """(D,) what was taken away,"""
    scales: Floats
    """(D,) and by what the rest was divided."""
    usual: float
    """Mean log-probability of the lines."""
    embedding: Embedding

    @classmethod
    def of(cls, readings: Sequence[JudgedLine], embedding: Embedding) -> "Known":
        """Of lines whose letters have these vectors."""
        told = [reading.logprob for reading in readings if reading.logprob is not None]
        usual = float(np.mean(told)) if told else 0.0
        values = np.array([signals(r.text, 0.0 if r.logprob is None else r.logprob - usual) for r in readings])
        letters = np.array([_mean_letter(r.text, embedding) for r in readings])  # (n, E)
        spread = math.sqrt(float(letters.var(axis=0).sum()) / max(1, letters.shape[1])) or 1.0
        columns = np.concatenate([values, letters], axis=1)  # (n, D)
        scales = np.concatenate([values.std(axis=0), np.full(letters.shape[1], spread)])
        scales[scales < TINY] = 1.0
        centres = columns.mean(axis=0)
        return cls((columns - centres) / scales, centres, scales, usual, embedding)

    def fit(self, design: Design, keep: NDArray[np.bool_]) -> Floats:
        """The weights (D,) that the readings in *keep* give; each slot has its own level."""
        slots = np.eye(int(design.slots.max()) + 1)[design.slots]  # (n, slots)
        columns = np.concatenate([self.columns, slots - slots.mean(axis=0), np.ones((len(slots), 1))], axis=1)[keep]
        start, precision = np.zeros(columns.shape[1]), np.full(columns.shape[1], PRECISION)
        start[0] = PLAUSIBLE * self.scales[0] if self.columns[:, 0].any() else 0.0
        precision[len(SIGNALS) : self.columns.shape[1]] = LETTER_PRECISION
        precision[-1] = TINY
        return ridge(columns, design.ticked[keep], design.counts[keep], precision, start)[: self.columns.shape[1]]

    def told(self, weights: Floats) -> tuple[dict[str, float], dict[str, float], float]:
        """Those *weights* (D,) by signal and by letter, and the log-odds that belong to the centres."""
        each, count = weights / self.scales, len(SIGNALS)
        by_signal = {name: round(float(w), 5) for name, w in zip(SIGNALS, each[:count], strict=True)}
        by_letter = {c: round(float(vector @ each[count:]), 4) for c, vector in self.embedding.items()}
        return by_signal, {c: w for c, w in by_letter.items() if w}, float(self.centres @ each)


def embedding_of(characters: Mapping[str, Floats]) -> Embedding:
    """The base's vectors of those *characters*, each of length 1: a rare letter's is long only for want of training."""
    return {c: np.asarray(vector / (np.linalg.norm(vector) or 1.0), np.float64) for c, vector in characters.items()}


def _mean_letter(text: str, embedding: Embedding) -> Floats:
    """The mean vector of the letters of *text*; what has no vector counts as nothing."""
    width = len(next(iter(embedding.values()))) if embedding else 0
    total = np.zeros(width)
    for c in text:
        if c in embedding:
            total += embedding[c]
    return total / max(1, len(text))


def _design(readings: Sequence[JudgedLine]) -> tuple[list[str], Design]:
    """The signs worth learning about, and who read what."""
    of_line = [sorted(signs(reading.text)) for reading in readings]
    counts = Counter(sign for found in of_line for sign in found)
    names = sorted(sign for sign, n in counts.items() if n >= FEWEST and n <= len(readings) - FEWEST)
    place = {name: i for i, name in enumerate(names)}
    cells = [(row, place[sign]) for row, found in enumerate(of_line) for sign in found if sign in place]
    rows, columns = np.array(cells, np.int64).reshape(-1, 2).T
    numbers = {reader: i for i, reader in enumerate(dict.fromkeys(reading.reader for reading in readings))}
    return names, Design(
        rows,
        columns,
        len(names),
        np.array([reading.slot for reading in readings]),
        np.array([numbers[reading.reader] for reading in readings]),
        np.array([float(reading.ticked) for reading in readings]),
        _counts(readings),
        np.zeros(len(readings)),
    )


def _counts(readings: Sequence[JudgedLine]) -> Floats:
    """How much each reading counts: visitors and addresses are capped; 1 in the mean."""
    by_reader = Counter(reading.reader for reading in readings)
    counts = np.array([min(1.0, MOST_PER_READER / by_reader[reading.reader]) for reading in readings])
    by_address: Counter[str] = Counter()
    for reading, count in zip(readings, counts, strict=True):
        by_address[reading.address] += count
    counts *= [min(1.0, MOST_PER_ADDRESS / by_address[r.address]) if r.address else 1.0 for r in readings]
    return np.asarray(counts / counts.mean())


def _path(design: Design, unit: float, *, upto: int = len(PENALTIES) - 1) -> list[Fit]:
    """Fits from the strictest penalty on, each begun at the one before."""
    path: list[Fit] = []
    for penalty in PENALTIES[: upto + 1]:
        path.append(fit(design, penalty * unit, path[-1] if path else None))
    return path


def _held_out(designs: Sequence[Design], folds: np.ndarray[Any, Any], fits: Sequence[Fit]) -> Floats:
    """What each fold's fit says of the readers it was not shown: (n,)."""
    log_odds = np.zeros(len(folds))
    for fold, (design, fitted) in enumerate(zip(designs, fits, strict=True)):
        mine = folds == fold
        log_odds[mine] = fitted.liking(design)[mine] + _slots(fitted, design)[mine]
    return log_odds


def _slots(fitted: Fit, design: Design) -> Floats:
    """Each reading's slot effect; none for a slot that the fit has not seen."""
    known = np.append(fitted.slots, np.zeros(max(0, int(design.slots.max()) + 1 - len(fitted.slots))))
    return np.asarray(known[design.slots])


def _mean_slot(design: Design, fitted: Fit) -> float:
    return float(np.average(_slots(fitted, design), weights=design.counts))


def _log_loss(design: Design, liking: Floats) -> float:
    """Mean cross-entropy, in nats a reading."""
    return float(np.average(np.logaddexp(0, liking) - design.ticked * liking, weights=design.counts))


def _calibrate(design: Design, liking: Floats) -> tuple[float, float]:
    """Slope and shift that make log-odds honest on readers left out (Platt 1999)."""
    columns = np.stack([liking, np.ones_like(liking)], axis=1)  # (n, 2)
    start, precision = np.array([1.0, 0.0]), np.full(2, DOUBT)
    slope, shift = ridge(columns, design.ticked, design.counts, precision, start).tolist()
    return max(0.0, slope), shift


def _report(design: Design, liking: Floats, slope: float, shift: float, penalty: float) -> Report:
    yes, counts = design.ticked > 0, design.counts
    area = auc(liking, yes, counts)
    chance = sigmoid(slope * liking + shift)
    ece = sum(_gap(design, chance, each) for each in np.array_split(np.argsort(chance), 10)) / counts.sum()
    error = _auc_error(area, float(counts[yes].sum()), float(counts[~yes].sum()))
    return Report(len(yes), int(yes.sum()), int(design.readers.max()) + 1, area, error, float(ece), penalty)


def _gap(design: Design, chance: Floats, these: np.ndarray[Any, Any]) -> float:
    """How far what was foretold of these readings is from what came true, in readings."""
    return abs(float((design.counts * (chance - design.ticked))[these].sum()))


def auc(scores: Floats, yes: np.ndarray[Any, Any], counts: Floats | None = None) -> float:
    """Area under the ROC curve, each line weighing its *counts*; ties count half, and NaN without two kinds."""
    weights = np.ones(len(scores)) if counts is None else counts
    _, place = np.unique(scores, return_inverse=True)
    ones, zeros = (np.bincount(place, weights * kind) for kind in (yes, ~yes))
    pairs = float(ones.sum() * zeros.sum())
    return float(ones @ (zeros.cumsum() - zeros / 2)) / pairs if pairs else math.nan


def _auc_error(area: float, ones: float, zeros: float) -> float:
    one, two = area / (2 - area), 2 * area * area / (1 + area)
    square = area * (1 - area) + (ones - 1) * (one - area**2) + (zeros - 1) * (two - area**2)
    return math.sqrt(max(0.0, square) / (ones * zeros))
