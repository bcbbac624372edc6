"""The judge: reads a whole poem and foretells the marks that a reader would give it.

A base reads the poem as it reads everything, symbol by symbol. The judge looks at the states in which each line leaves
it, at how likely each line is in its poem and by itself, and at the poem's shape (`shape`). On these features stands a
forest of randomised trees, trained on the raw marks of blind readers (`lab/recipes/judge.py`). What the poem adds to a
line's likelihood is its mutual information with the lines before (Li et al. 2016, arXiv 1510.03055). The judge is a
file of the base. The module imports numpy and ONNX Runtime, not torch.

Letters of shapes: N poems, L lines of a poem, T symbols, H units of the top layer, F features, M marks.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Self

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from models.checkpoint import Checkpoint
from models.corpus import read_poems
from models.lexicon import Lexicon, stem
from models.seen import letters
from models.shapes import width
from models.step import Step, exact_options, unrestricted
from models.vocabulary import END, Vocabulary

FILE = "judge.onnx"
"""The judge's file in the folder of a base."""
MARKS = ("sense", "follows", "event", "liking")
"""What readers marked, 1 to 5 each, in the order of the judge's outputs."""
VERSE = "verse"
"""The folder of a base with the verse that it was taught."""
ROWS = 64
"""Texts that are read at the same time."""
CLOSED = ".!?…다요네까지어아라자군걸"
"""What a closed line ends with: a full stop, or the last syllable of a Korean final ending."""
Poem = Sequence[str]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Readings:
    """What a base sees in N poems of at most L lines; places without a line are 0."""

    states: Floats
    """(N, L, H): mean over each line's symbols of the top layer's state."""
    logprobs: Floats
    """(N, L): log-probability of each line after the lines before it, nats a symbol."""
    alone: Floats
    """(N, L): the same by itself."""
    symbols: Floats
    """(N, L): symbols of each line, its end included."""
    lines: NDArray[np.intp]
    """(N,): number of lines."""


class Reader:
    """A base that reads poems. Not thread-safe."""

    def __init__(self, step: Step, vocabulary: Vocabulary, lexicon: Lexicon, *, layers: int) -> None:
        """*step*: of the base, with `unrestricted` rules; *layers*: of its network, whose outputs add up."""
        self._step, self._vocabulary, self._layers = step, vocabulary, layers
        self._lexicon = lexicon

    @property
    def lexicon(self) -> Lexicon:
        """Which words stand beside which in the base's verse."""
        return self._lexicon

    def features(self, poems: Sequence[Poem]) -> tuple[Floats, Readings]:
        """What the judge goes by, (N, F), and what it was computed from."""
        readings = self.read(poems)
        return features(poems, readings, self._lexicon), readings

    @classmethod
    def of(cls, base: Checkpoint, *, threads: int = 1) -> Self:
        """A reader that is the base in a folder. Raises `checkpoint.Broken`."""
        symbols = len(base.vocabulary)
        rules = unrestricted(symbols, width(symbols))
        step = base.step("int8", rules=rules, rows=ROWS, threads=threads)
        lexicon = Lexicon(read_poems(*sorted((base.folder / VERSE).glob("*.txt"))))
        return cls(step, base.vocabulary, lexicon, layers=int(base.meta.architecture["layers"]))

    def read(self, poems: Sequence[Poem]) -> Readings:
        """Read whole poems, and each of their lines by itself."""
        count = np.array([len(poem) for poem in poems], np.intp)
        longest = int(count.max(initial=1))
        size = self._step.state[0].shape[1]
        states = np.zeros((len(poems), longest, size), np.float32)
        logprobs, alone = np.zeros((2, len(poems), longest), np.float32)
        for i, (line_states, nats) in enumerate(self._texts(poems)):
            states[i, : len(nats)], logprobs[i, : len(nats)] = line_states, nats
        places = [(i, j) for i, poem in enumerate(poems) for j in range(len(poem))]
        for (i, j), (_, nats) in zip(places, self._texts([(poems[i][j],) for i, j in places]), strict=True):
            alone[i, j] = nats[0]
        symbols = np.zeros_like(logprobs)
        for i, j in places:
            symbols[i, j] = len(self._vocabulary.encode(poems[i][j])) + 1
        return Readings(states, logprobs, alone, symbols, count)

    def _texts(self, poems: Sequence[Poem]) -> list[tuple[Floats, Floats]]:
        """By poem: (L, H) mean states and (L,) nats a symbol of its lines. Poems of one length are read together."""
        newline = self._vocabulary.encode("\n")[0]
        ids = [[symbol for line in poem for symbol in (*self._vocabulary.encode(line), newline)] for poem in poems]
        found: list[tuple[Floats, Floats]] = [(np.zeros((0, 0), np.float32), np.zeros(0, np.float32))] * len(poems)
        order = sorted(range(len(poems)), key=lambda i: len(ids[i]))
        for start in range(0, len(order), ROWS):
            batch = order[start : start + ROWS]
            for i, result in zip(batch, self._batch([ids[i] for i in batch], newline), strict=True):
                found[i] = result
        return found

    def _batch(self, texts: Sequence[Sequence[int]], newline: int) -> list[tuple[Floats, Floats]]:
        n, step = len(texts), self._step
        length = max(map(len, texts), default=0)
        ids = np.full((n, length), newline, np.int64)  # (N, T)
        for row, text in enumerate(texts):
            ids[row, : len(text)] = text
        # Line of each symbol: the line end belongs to the line that it ends.
        place = np.cumsum(ids == newline, axis=1) - (ids == newline)
        lines = [text.count(newline) for text in texts]
        sums = np.zeros((n, max(lines, default=1) + 1, step.state[0].shape[1]), np.float32)
        nats, counts = np.zeros((2, n, sums.shape[1]), np.float32)
        rows, last = np.arange(n), sums.shape[1] - 1
        step.reset(n)
        step.ids[:n] = END
        for t in range(length):
            step.run(n)
            at = np.minimum(place[:, t], last)  # what lies behind a text's end goes to the last place, unused
            nats[rows, at] += step.logprobs[rows, ids[:, t]]
            counts[rows, at] += 1
            sums[rows, at] += sum(step.after[i][:n] for i in range(self._layers))
            step.ids[:n] = ids[:, t]
            step.swap_state()
        means = np.maximum(counts, 1)
        sums /= means[..., None]
        nats /= means
        return [(sums[i, :of], nats[i, :of]) for i, of in enumerate(lines)]


def shape(poem: Poem) -> list[float]:
    """What can be counted in a poem: repetition, endings, openings, closed lines, lengths, marks."""
    words = [[stem(word) for word in line.split()] for line in poem]
    counts = Counter(word for line in words for word in set(line) if word)
    total = sum(counts.values()) or 1
    ends = [letters(line)[-2:] for line in poem]
    starts = [line[0] if line else "" for line in words]
    sizes = [len(letters(line)) for line in poem]
    text = "\n".join(poem)
    return [
        float(len(set(ends))),
        float(len({end[-1:] for end in ends})),
        float(len(set(starts))),
        float(max(counts.values(), default=0)),
        sum(count for count in counts.values() if count > 1) / total,
        float(len(counts)),
        sum(line.rstrip()[-1:] in CLOSED for line in poem) / max(1, len(poem)),
        float(np.mean(sizes)) / 10,
        float(np.std(sizes)) / 10,
        float(len({letters(line) for line in poem}) < len(poem)),
        sum(text.count(mark) for mark in ",;:") / max(1, len(poem)),
        float(any(mark in text for mark in "?!")),
        float(any(mark in text for mark in "\"“”'‘’")),
        float(any(c.isdigit() for c in text)),
    ]


def features(poems: Sequence[Poem], readings: Readings, lexicon: Lexicon) -> Floats:
    """(N, F): how likely the lines are, how near their states, the poem's shape, and its words."""
    rows = []
    for i, poem in enumerate(poems):
        n = max(1, int(readings.lines[i]))
        states, nats, alone = readings.states[i, :n], readings.logprobs[i, :n], readings.alone[i, :n]
        gain = nats - alone
        unit = states / np.maximum(np.linalg.norm(states, axis=1, keepdims=True), 1e-6)
        near = [float(one @ other) for one, other in pairwise(unit)] or [0.0]
        far = [float(unit[a] @ unit[b]) for a, b in combinations(range(n), 2)] or [0.0]
        rows.append(
            [
                *(nats.mean(), nats.min(), nats.max(), nats.std(), nats[0], nats[-1]),
                *(alone.mean(), alone.min(), alone.max()),
                *(gain.mean(), gain.min(), gain.max(), gain[-1], gain.std()),
                *(float(np.mean(near)), max(near), min(near), max(far), float(np.mean(far)), n / 5),
                *shape(poem),
                *lexicon.features(poem),
            ]
        )
    return np.array(rows, np.float32).reshape(len(poems), -1)


class Judge:
    """A base that reads poems, and the forest that foretells their marks."""

    def __init__(self, reader: Reader, forest: bytes) -> None:
        """*forest*: an ONNX model with the input `features` (N, F) and the output `marks` (N, M).

        Raises what ONNX Runtime raises.
        """
        self._reader = reader
        options = exact_options(1)
        self._forest = ort.InferenceSession(forest, options, providers=["CPUExecutionProvider"])

    @classmethod
    def of(cls, base: Checkpoint, *, threads: int = 1) -> Self | None:
        """The judge of a base; None if it has none. Raises `checkpoint.Broken`."""
        if FILE not in base.meta.files:
            return None
        return cls(Reader.of(base, threads=threads), base.bytes(FILE))

    @property
    def lexicon(self) -> Lexicon:
        """Of the base that reads."""
        return self._reader.lexicon

    def read(self, poems: Sequence[Poem]) -> tuple[Floats, Floats]:
        """The marks that readers would give, (N, M) in the order of `MARKS`; and each line's log-probability after the
        lines before it, (N, L) nats summed over its symbols.
        """
        if not poems:
            return np.zeros((0, len(MARKS)), np.float32), np.zeros((0, 0), np.float32)
        found, readings = self._reader.features(poems)
        (marks,) = self._forest.run(["marks"], {"features": found})
        return np.clip(marks, 1, 5), readings.logprobs * readings.symbols
