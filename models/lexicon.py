"""The lexicon of a base: which words stand beside one another in its verse, to tell phrases from strings of words.

A recurrent network of this size says plausible letters and now and then implausible phrases, and does not notice; what
betrays them is that nobody has put these three words together. Words are counted by their stems, phrases in tables of
hashed counts (the hashing trick, Weinberger et al. 2009), so that the lexicon takes the same memory for any verse.
Imports numpy alone.

Letters of shapes: R lines of verse, K words of a line, B buckets.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.seen import letters

WORDS = 10
"""K: words of a line that are counted; verse has few longer lines."""
BUCKETS = 1 << 22
"""B, a power of two: three tables of a million phrases and more collide little in four million."""
UNRELATED = -5.0
"""Stands in for the association of words where there are none to compare."""
_MULTIPLIERS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)

Ids = NDArray[np.uint64]


def stem(word: str) -> str:
    """A word without its ending: the first two syllables of a Korean word, the letters of others."""
    known = letters(word)
    return known[:2] if known and known[0] >= "가" else known


def _buckets(*ids: Ids) -> NDArray[np.intp]:
    """The bucket of each phrase; *ids*: of its first, second, … words."""
    mixed = np.zeros_like(ids[0])
    for each, multiplier in zip(ids, _MULTIPLIERS, strict=False):
        mixed = (mixed ^ each) * multiplier
        mixed ^= mixed >> np.uint64(29)
    return (mixed & np.uint64(BUCKETS - 1)).astype(np.intp)


class Lexicon:
    """Counts of words, of pairs and triples in a line, and of pairs across neighbouring lines."""

    def __init__(self, poems: Sequence[str]) -> None:
        """*poems*: the verse, with a line end between the lines of a poem."""
        words, stems = Counter[str](), Counter[str]()
        rows: list[list[str]] = []
        follows: list[bool] = []  # does the line follow the one before it in the same poem?
        for poem in poems:
            for place, line in enumerate(poem.splitlines()):
                row = line.split()
                words.update(map(letters, row))
                rows.append([stem(word) for word in row[:WORDS]])
                stems.update(rows[-1])
                follows.append(place > 0)
        self._words = words
        self._stems = stems
        self._poems = len(poems)
        self._ids = {one: i for i, one in enumerate(stems, 1)}
        ids = np.zeros((len(rows), WORDS), np.uint64)  # (R, K); 0: no word
        for i, of_line in enumerate(rows):
            ids[i, : len(of_line)] = [self._ids[one] for one in of_line]
        self._pairs = self._count((ids[:, i], ids[:, i + 1]) for i in range(WORDS - 1))
        self._triples = self._count((ids[:, i], ids[:, i + 1], ids[:, i + 2]) for i in range(WORDS - 2))
        after = np.flatnonzero(follows)
        self._across = self._count((ids[after - 1, i], ids[after, j]) for i in range(WORDS) for j in range(WORDS))

    def usual(self, phrase: str) -> float:
        """How often a phrase stands in a poem, in the mean: the stem of a word, or of two in a row with a space."""
        one, _, other = phrase.partition(" ")
        times = self._times(self._pairs, [(one, other)])[0] if other else self._stems[one]
        return times / max(1, self._poems)

    @staticmethod
    def _count(phrases: Iterable[tuple[Ids, ...]]) -> NDArray[np.int32]:
        """(B,) how often the phrases of each bucket stand there; those with a missing word do not count."""
        total = np.zeros(BUCKETS, np.int32)
        for phrase in phrases:
            whole = np.all([part > 0 for part in phrase], axis=0)
            if whole.any():
                np.add.at(total, _buckets(*(part[whole] for part in phrase)), 1)
        return total

    def _times(self, table: NDArray[np.int32], phrases: Sequence[tuple[str, ...]]) -> list[int]:
        if not phrases:
            return []
        ids = np.array([[self._ids.get(word, 0) for word in phrase] for phrase in phrases], np.uint64)
        counts = table[_buckets(*ids.T)]
        return [
            int(count) if known else 0
            for count, known in zip(counts.tolist(), np.all(ids > 0, axis=1).tolist(), strict=True)
        ]

    def _association(self, table: NDArray[np.int32], pairs: Sequence[tuple[str, str]]) -> list[float]:
        """How much oftener two words meet than they would by chance: half of their pointwise mutual information."""
        times = self._times(table, pairs)
        return [
            math.log1p(count) - 0.5 * (math.log1p(self._stems[one]) + math.log1p(self._stems[other]))
            for count, (one, other) in zip(times, pairs, strict=True)
        ]

    def features(self, poem: Sequence[str]) -> list[float]:
        """What the judge is told of a poem's words: how rare they are, and how well they go together."""
        lines = [[word for word in map(letters, line.split()) if word] for line in poem]
        stems = [[stem(word) for word in line] for line in lines]
        counts = [self._words[word] for line in lines for word in line] or [0]
        stem_counts = [math.log1p(self._stems[one]) for line in stems for one in line] or [0.0]
        pairs = [pair for line in stems for pair in pairwise(line)]
        triples = [three for line in stems for three in zip(line, line[1:], line[2:], strict=False)]
        known_pairs = [count > 0 for count in self._times(self._pairs, pairs)] or [True]
        known_triples = [count > 0 for count in self._times(self._triples, triples)] or [True]
        near = self._association(self._pairs, pairs) or [0.0]
        across = [self._mean_across(one, other) for one, other in pairwise(stems)] or [UNRELATED]
        first = [self._mean_across(stems[0], line) for line in stems[2:]] or [UNRELATED]
        unknown = [sum(not self._words[word] for word in line) for line in lines] or [0]
        return [
            float(sum(unknown)),
            sum(unknown) / len(counts),
            float(max(unknown)),
            float(np.mean([math.log1p(count) for count in counts])),
            math.log1p(min(counts)),
            float(np.mean(stem_counts)),
            min(stem_counts),
            float(np.mean(known_pairs)),
            float(len(known_pairs) - sum(known_pairs)),
            float(np.mean(known_triples)),
            float(len(known_triples) - sum(known_triples)),
            float(np.mean(near)),
            min(near),
            float(np.mean(across)),
            min(across),
            max(across),
            float(np.mean(first)),
            min(first),
        ]

    def _mean_across(self, one: Sequence[str], other: Sequence[str]) -> float:
        """Mean association of the words of two lines, those left out that both have."""
        pairs = [(a, b) for a in dict.fromkeys(one) for b in dict.fromkeys(other) if a != b]
        return float(np.mean(self._association(self._across, pairs))) if pairs else UNRELATED
