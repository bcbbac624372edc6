"""Taste: a preference model, the probability that a reader ticks a line. It is learned from impressions and ticks.

It is a logistic regression on three kinds of features:

    signals   the line's log-probability under the version that wrote it, and its length
    letters   the mean of its letters' embeddings in the base: who likes 꽃 may like 별
    sparse    binary features, as words, endings, pairs of letters: thousands, of which few matter (`models/sparse.py`)

The prior is plausibility alone (the log-probability), and each reading moves the taste away from it. The result is
calibrated on readers that were held out. It is stored as JSON that a person can read. The module imports numpy, not
torch. `app/engine/taste_policy.py` uses the taste to choose among candidates.

Letters of shapes: n readings, D dense features, E width of the embedding. A reading is one line that one visitor saw.
"""

import hashlib
import json
import math
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.sparse import Design, Fit, Floats, fit, ridge, sigmoid

FORMAT = 2
FEWEST_WITH_FEATURE = 5
"""Least number of readings in which a feature must occur, and in which it must be absent."""
FEWEST_TICKS = 20
"""Least number of readings with a tick, and of readings without one."""
FOLDS = 5
"""Of the cross-validation over readers."""
NO_FEATURE = 1e9
"""A penalty so high that no feature gets a weight; finite, because Postgres' JSON has no infinity."""
PENALTIES = (NO_FEATURE, 0.42, 0.21, 0.105)
"""The lasso's penalties to choose from, by cross-validation; in standard errors of a feature that every line has."""
PLAUSIBLE = 1.5
"""Prior: log-odds of a tick for each nat a symbol of log-probability (docs/learning.md)."""
PRECISION, LETTER_PRECISION = 5.0, 200.0
"""Precision of the prior on signals and on letters, for columns of variance 1 (the letters' variance is 1 together)."""
DOUBT = 0.1
"""Precision of the calibration's prior, which is slope 1 and shift 0."""
SIGNALS = ("logprob", "length", "log_length")
"""Dense features of a line besides its letters: see `signals`."""
MOST_PER_READER, MOST_PER_ADDRESS = 40.0, 60.0
"""Largest total weight of one visitor's readings, and of one address's."""
MOST_LETTERS = 30
"""Longer lines have the same features of length."""
MOST_WORDS = 9
"""The same for words."""
TINY = 1e-9
Embedding = Mapping[str, Floats]
"""A vector (E,) for each letter."""


class Tasteless(ValueError):
    """Too few readings to learn from, or stored data that is no taste."""


@dataclass(frozen=True, slots=True)
class JudgedLine:
    """A reading: one line that one visitor saw, and if he ticked it."""

    text: str
    slot: int
    """Place of the line in its poem, from 0 on."""
    ticked: bool
    reader: str
    address: str = ""
    """Keyed hash of the reader's address; "": not known."""
    logprob: float | None = None
    """Log-probability under the version that wrote the line, with its line end, nats a symbol; None: not known."""


@dataclass(frozen=True, slots=True)
class Report:
    """How well a taste predicts the ticks of held-out readers."""

    readings: int
    ticks: int
    readers: int
    auc: float
    """Area under the ROC curve: probability that a ticked line scores above one without a tick; 0.5 is chance."""
    auc_error: float
    """Standard error of the AUC (Hanley & McNeil 1982)."""
    ece: float
    """Expected calibration error: mean difference of predicted probability and share ticked, over ten bins."""
    penalty: float
    """The lasso's penalty that cross-validation chose, one of `PENALTIES`."""
    plausible: float = 0.5
    """AUC of the log-probability alone, on the same readers."""

    @property
    def knows(self) -> bool:
        """Is the AUC above chance by two standard errors, and not below that of the log-probability alone?"""
        return self.auc - 2 * self.auc_error > 0.5 and self.auc >= self.plausible


@dataclass(frozen=True, slots=True)
class Taste:
    """The preference model. All its weights are log-odds of a tick."""

    weights: Mapping[str, float]
    """By feature: added if the line has the feature."""
    bias: float
    """Added to every line; includes the mean effect of the slots."""
    report: Report
    signals: Mapping[str, float] = field(default_factory=dict)
    """By name in `SIGNALS`: for each unit of the signal; `logprob` is the difference from `usual`."""
    letters: Mapping[str, float] = field(default_factory=dict)
    """By letter: multiplied by the letter's share of the line."""
    usual: float = 0.0
    """Mean log-probability of lines, nats a symbol; stands in where that of a line is not known."""

    def likings(self, lines: Sequence[str], logprobs: Sequence[float | None] | None = None) -> list[float]:
        """Log-odds of a tick for each line; a line's value does not depend on the other lines.

        *logprobs*: as `JudgedLine.logprob` has them.
        """
        known = logprobs if logprobs is not None else [None] * len(lines)
        return [self._liking(line, logprob) for line, logprob in zip(lines, known, strict=True)]

    def _liking(self, line: str, logprob: float | None) -> float:
        letter, weights = self.letters.get, self.weights
        values = signals(line, 0.0 if logprob is None else logprob - self.usual)
        dense = math.fsum([self.signals.get(name, 0.0) * value for name, value in zip(SIGNALS, values, strict=True)])
        mean = math.fsum([letter(c, 0.0) for c in line]) / max(1, len(line))
        # The decode thread asks this for every candidate: the intersection is twice as fast as looking each one up.
        sparse = math.fsum([weights[feature] for feature in weights.keys() & features(line)])
        return self.bias + dense + mean + sparse

    @property
    def hash(self) -> str:
        """SHA-256 of all weights."""
        parts = [sorted(part.items()) for part in (self.weights, self.signals, self.letters)]
        content = json.dumps([*parts, self.bias, self.usual], ensure_ascii=False)
        return hashlib.sha256(content.encode()).hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """The taste as JSON; features and letters with the largest weights come first."""
        return {
            "format": FORMAT,
            "hash": self.hash,
            "bias": self.bias,
            "usual": self.usual,
            "signals": dict(self.signals),
            "weights": _largest_first(self.weights),
            "letters": _largest_first(self.letters),
            **asdict(self.report),
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Taste":
        """The inverse of `as_dict`. Raises Tasteless for anything else."""
        try:
            if raw["format"] != FORMAT:
                raise Tasteless(f"a taste of format {raw['format']}")
            report = Report(**{name: raw[name] for name in Report.__dataclass_fields__})
            taste = cls(
                weights=_numbers(raw["weights"]),
                bias=float(raw["bias"]),
                report=report,
                signals=_numbers(raw["signals"]),
                letters=_numbers(raw["letters"]),
                usual=float(raw["usual"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Tasteless(f"this is no taste: {error}") from error
        if taste.hash != raw.get("hash"):
            raise Tasteless("the taste was altered")
        return taste


def _largest_first(weights: Mapping[str, float]) -> dict[str, float]:
    return dict(sorted(weights.items(), key=lambda item: -abs(item[1])))


def _numbers(raw: Mapping[Any, Any]) -> dict[str, float]:
    return {str(name): float(weight) for name, weight in raw.items()}


def chances(likings: Sequence[float]) -> Floats:
    """Probabilities of a tick, divided by the greatest of them: log-odds (n,) -> (n,).

    Computed by logarithms, so that the greatest is 1 even if all the log-odds are far below 0.
    """
    logs = -np.logaddexp(0, -np.array(likings))
    return np.asarray(np.exp(logs - logs.max(initial=-np.inf)))


_LETTERS_AT_LEAST = [f"n{n}" for n in range(3, MOST_LETTERS + 1)]
_WORDS_AT_LEAST = [f"m{n}" for n in range(2, MOST_WORDS + 1)]


def features(line: str) -> set[str]:
    """The binary features of *line*.

    `c꽃` it has this letter; `b_꽃` this pair of letters in a word, with `_` for the word's ends; `w꽃이` this word;
    `s꽃` it begins with these letters; `e네` it ends with them; `fᆫ` its last syllable has this part after the first;
    `p,` it has this mark; `p,$` it ends with it; `r` a word occurs twice; `n7` it has seven letters or more;
    `m3` three words or more.
    """
    text = unicodedata.normalize("NFC", line).casefold()
    words = text.split()
    solid = "".join(words)
    letters = solid if solid.isalnum() else "".join([c for c in solid if c.isalnum()])
    found = {"c" + c for c in letters}
    if letters is not solid:
        found.update(["p" + c for c in solid if not c.isalnum()])
    for word in words:
        found.update(["b" + one + other for one, other in pairwise("_" + word + "_")])
        found.add("w" + word)
    found.update(["e" + letters[-n:] for n in (1, 2, 3) if len(letters) >= n])
    found.update(["s" + letters[:n] for n in (1, 2) if len(letters) >= n])
    found.update(["f" + part for part in unicodedata.normalize("NFD", letters[-1:])[1:]])
    found.update(_LETTERS_AT_LEAST[: max(0, len(letters) - 2)])
    found.update(_WORDS_AT_LEAST[: max(0, len(words) - 1)])
    if text and not text[-1].isalnum():
        found.add(f"p{text[-1]}$")
    if len(set(words)) < len(words):
        found.add("r")
    return found


def signals(line: str, logprob: float) -> tuple[float, float, float]:
    """The values of `SIGNALS` for a line: *logprob* itself, number of letters / 10, logarithm of that number."""
    letters = max(1, sum(map(str.isalnum, line)))
    return logprob, letters / 10, math.log(letters)


def learn(readings: Sequence[JudgedLine], *, embedding: Embedding | None = None, seed: int = 0) -> Taste:
    """Learn a taste. The same readings and *seed* give the same taste. Raises Tasteless.

    *embedding*: the base's vectors of letters (`embedding_of`); without it letters have no weight.
    """
    ticks = sum(reading.ticked for reading in readings)
    if min(ticks, len(readings) - ticks) < FEWEST_TICKS or len({r.reader for r in readings}) < 2:
        raise Tasteless(f"{ticks} ticks on {len(readings)} lines tell nothing yet")
    names, design = _design(readings)
    known = Known.of(readings, embedding or {})
    folds = np.random.default_rng(seed).permutation(int(design.readers.max()) + 1)[design.readers] % FOLDS
    rate = float(np.average(design.ticked, weights=design.reading_weights))
    unit = math.sqrt(rate * (1 - rate) / len(readings))
    # First the dense features, then the sparse features on top of them; for each fold without its readers.
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
    by_signal, by_letter, centre = known.by_name(slope * dense)
    bias = slope * (whole.bias + _mean_slot(design, whole)) + shift - centre
    return Taste(
        weights=weights,
        bias=round(bias, 5),
        report=report,
        signals=by_signal,
        letters=by_letter,
        usual=round(known.usual, 5),
    )


def _plausible(readings: Sequence[JudgedLine], design: Design) -> float:
    """AUC of the log-probability alone; 0 stands in where it is not known."""
    logprobs = np.array([reading.logprob if reading.logprob is not None else 0.0 for reading in readings])
    return auc(logprobs, design.ticked > 0, design.reading_weights)


@dataclass(frozen=True, slots=True)
class Known:
    """The dense features of n readings, for a ridge regression."""

    columns: Floats
    """(n, D): the signals, and the mean embedding of the line's letters; standardised by `centres` and `scales`."""
    centres: Floats
    """(D,) the means that were subtracted."""
    scales: Floats
    """(D,) the divisors: standard deviations, and one common divisor for the letters."""
    usual: float
    """Mean log-probability of the lines, nats a symbol."""
    embedding: Embedding

    @classmethod
    def of(cls, readings: Sequence[JudgedLine], embedding: Embedding) -> "Known":
        """The dense features of *readings*."""
        logprobs = [reading.logprob for reading in readings if reading.logprob is not None]
        usual = float(np.mean(logprobs)) if logprobs else 0.0
        values = np.array([signals(r.text, 0.0 if r.logprob is None else r.logprob - usual) for r in readings])
        letters = np.array([_mean_letter(r.text, embedding) for r in readings])  # (n, E)
        spread = math.sqrt(float(letters.var(axis=0).sum()) / max(1, letters.shape[1])) or 1.0
        columns = np.concatenate([values, letters], axis=1)  # (n, D)
        scales = np.concatenate([values.std(axis=0), np.full(letters.shape[1], spread)])
        scales[scales < TINY] = 1.0
        centres = columns.mean(axis=0)
        return cls((columns - centres) / scales, centres, scales, usual, embedding)

    def fit(self, design: Design, keep: NDArray[np.bool_]) -> Floats:
        """The weights (D,), learned from the readings in *keep* (n,), with an effect for each slot."""
        slots = np.eye(int(design.slots.max()) + 1)[design.slots]  # (n, slots)
        columns = np.concatenate([self.columns, slots - slots.mean(axis=0), np.ones((len(slots), 1))], axis=1)[keep]
        start, precision = np.zeros(columns.shape[1]), np.full(columns.shape[1], PRECISION)
        start[0] = PLAUSIBLE * self.scales[0] if self.columns[:, 0].any() else 0.0
        precision[len(SIGNALS) : self.columns.shape[1]] = LETTER_PRECISION
        precision[-1] = TINY
        return ridge(columns, design.ticked[keep], design.reading_weights[keep], precision, start)[
            : self.columns.shape[1]
        ]

    def by_name(self, weights: Floats) -> tuple[dict[str, float], dict[str, float], float]:
        """The *weights* (D,) by signal and by letter, for features before standardisation, and what the centres add."""
        each, count = weights / self.scales, len(SIGNALS)
        by_signal = {name: round(float(w), 5) for name, w in zip(SIGNALS, each[:count], strict=True)}
        by_letter = {c: round(float(vector @ each[count:]), 4) for c, vector in self.embedding.items()}
        return by_signal, {c: w for c, w in by_letter.items() if w}, float(self.centres @ each)


def embedding_of(characters: Mapping[str, Floats]) -> Embedding:
    """The vectors of *characters*, scaled to length 1: those of rare letters are long only for lack of training."""
    return {c: np.asarray(vector / (np.linalg.norm(vector) or 1.0), np.float64) for c, vector in characters.items()}


def _mean_letter(text: str, embedding: Embedding) -> Floats:
    """The mean vector of the letters of *text*, (E,); a letter without a vector counts as zero."""
    width = len(next(iter(embedding.values()))) if embedding else 0
    total = np.zeros(width)
    for c in text:
        if c in embedding:
            total += embedding[c]
    return total / max(1, len(text))


def _design(readings: Sequence[JudgedLine]) -> tuple[list[str], Design]:
    """The names of the features that are frequent enough, and the data for the regression on them."""
    of_line = [sorted(features(reading.text)) for reading in readings]
    counts = Counter(feature for found in of_line for feature in found)
    names = sorted(
        feature
        for feature, n in counts.items()
        if n >= FEWEST_WITH_FEATURE and n <= len(readings) - FEWEST_WITH_FEATURE
    )
    place = {name: i for i, name in enumerate(names)}
    cells = [(row, place[feature]) for row, found in enumerate(of_line) for feature in found if feature in place]
    rows, columns = np.array(cells, np.int64).reshape(-1, 2).T
    numbers = {reader: i for i, reader in enumerate(dict.fromkeys(reading.reader for reading in readings))}
    return names, Design(
        rows=rows,
        columns=columns,
        features=len(names),
        slots=np.array([reading.slot for reading in readings]),
        readers=np.array([numbers[reading.reader] for reading in readings]),
        ticked=np.array([float(reading.ticked) for reading in readings]),
        reading_weights=_reading_weights(readings),
        offset=np.zeros(len(readings)),
    )


def _reading_weights(readings: Sequence[JudgedLine]) -> Floats:
    """The weight of each reading (n,), with mean 1; the total of a visitor and of an address is capped."""
    by_reader = Counter(reading.reader for reading in readings)
    weights = np.array([min(1.0, MOST_PER_READER / by_reader[reading.reader]) for reading in readings])
    by_address: Counter[str] = Counter()
    for reading, weight in zip(readings, weights, strict=True):
        by_address[reading.address] += weight
    weights *= [min(1.0, MOST_PER_ADDRESS / by_address[r.address]) if r.address else 1.0 for r in readings]
    return np.asarray(weights / weights.mean())


def _path(design: Design, unit: float, *, upto: int = len(PENALTIES) - 1) -> list[Fit]:
    """Fits for `PENALTIES` up to number *upto*, each started from the one before; *unit*: one standard error."""
    path: list[Fit] = []
    for penalty in PENALTIES[: upto + 1]:
        path.append(fit(design, penalty * unit, path[-1] if path else None))
    return path


def _held_out(designs: Sequence[Design], folds: np.ndarray[Any, Any], fits: Sequence[Fit]) -> Floats:
    """Log-odds for held-out readers: each reading's are those of the fit that has not seen its reader, (n,)."""
    log_odds = np.zeros(len(folds))
    for fold, (design, fitted) in enumerate(zip(designs, fits, strict=True)):
        mine = folds == fold
        log_odds[mine] = fitted.liking(design)[mine] + _slots(fitted, design)[mine]
    return log_odds


def _slots(fitted: Fit, design: Design) -> Floats:
    """The slot effect of each reading (n,); 0 for a slot that the fit has not seen."""
    known = np.append(fitted.slots, np.zeros(max(0, int(design.slots.max()) + 1 - len(fitted.slots))))
    return np.asarray(known[design.slots])


def _mean_slot(design: Design, fitted: Fit) -> float:
    """The mean slot effect over the readings."""
    return float(np.average(_slots(fitted, design), weights=design.reading_weights))


def _log_loss(design: Design, liking: Floats) -> float:
    """Mean cross-entropy of the log-odds *liking* (n,), nats a reading."""
    return float(np.average(np.logaddexp(0, liking) - design.ticked * liking, weights=design.reading_weights))


def _calibrate(design: Design, liking: Floats) -> tuple[float, float]:
    """Platt's calibration (1999): the slope and shift of held-out log-odds *liking* (n,) that fit the ticks best."""
    columns = np.stack([liking, np.ones_like(liking)], axis=1)  # (n, 2)
    start, precision = np.array([1.0, 0.0]), np.full(2, DOUBT)
    slope, shift = ridge(columns, design.ticked, design.reading_weights, precision, start).tolist()
    return max(0.0, slope), shift


def _report(design: Design, liking: Floats, slope: float, shift: float, penalty: float) -> Report:
    """The report on held-out log-odds *liking* (n,) after calibration."""
    yes, weights = design.ticked > 0, design.reading_weights
    area = auc(liking, yes, weights)
    chance = sigmoid(slope * liking + shift)
    ece = sum(_gap(design, chance, each) for each in np.array_split(np.argsort(chance), 10)) / weights.sum()
    error = _auc_error(area, float(weights[yes].sum()), float(weights[~yes].sum()))
    return Report(
        readings=len(yes),
        ticks=int(yes.sum()),
        readers=int(design.readers.max()) + 1,
        auc=area,
        auc_error=error,
        ece=float(ece),
        penalty=penalty,
    )


def _gap(design: Design, chance: Floats, these: np.ndarray[Any, Any]) -> float:
    """Difference of the predicted and the actual number of ticks in *these* readings, weighted."""
    return abs(float((design.reading_weights * (chance - design.ticked))[these].sum()))


def auc(scores: Floats, yes: np.ndarray[Any, Any], weights: Floats | None = None) -> float:
    """Area under the ROC curve: scores (n,), yes (n,), weights *weights* (n,), None: all 1.

    Ties count half. NaN if all *yes* are the same.
    """
    weights = np.ones(len(scores)) if weights is None else weights
    _, place = np.unique(scores, return_inverse=True)
    ones, zeros = (np.bincount(place, weights * kind) for kind in (yes, ~yes))
    pairs = float(ones.sum() * zeros.sum())
    return float(ones @ (zeros.cumsum() - zeros / 2)) / pairs if pairs else math.nan


def _auc_error(area: float, ones: float, zeros: float) -> float:
    """Standard error of an AUC (Hanley & McNeil 1982), with that many positive and negative readings."""
    one, two = area / (2 - area), 2 * area * area / (1 + area)
    square = area * (1 - area) + (ones - 1) * (one - area**2) + (zeros - 1) * (two - area**2)
    return math.sqrt(max(0.0, square) / (ones * zeros))
