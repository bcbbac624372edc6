"""The reader: what a voice's champion expects, character by character, as it reads a text it has not written.

Beside the engine and not in it: a network of its own for each voice that somebody asks about, loaded when they do, so
that no poem waits for a reading.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.domain.errors import UnknownVoice
from app.domain.version import Serving
from app.engine.live import LiveVersion, load
from app.settings import Settings
from models.step import Floats, read_along
from models.vocabulary import END, FIRST_CHARACTER, Vocabulary

EXPECTED, NEXT = 3, 8
"""Guesses that are told for each piece, and for what comes next."""


@dataclass(frozen=True, slots=True)
class Guess:
    """Something that could come next."""

    text: str
    share: float
    """Its probability."""


@dataclass(frozen=True, slots=True)
class Read:
    """One piece of a text - a character, or a word that the voice knows as one - and what was expected in its place."""

    text: str
    bits: float
    """Surprise: 0 for what was certain."""
    expected: tuple[Guess, ...]


@dataclass(frozen=True, slots=True)
class TextReading:
    """A text as a version read it."""

    version: int
    """Its number."""
    read: tuple[Read, ...]
    following: tuple[Guess, ...]
    """What it expects after the last piece."""

    @property
    def bits_per_char(self) -> float:
        """Mean surprise; 0 for an empty text."""
        characters = sum(len(one.text) for one in self.read)
        return sum(one.bits for one in self.read) / characters if characters else 0.0


class Reader:
    """Reads with the champions. Any thread may call it; readings wait for one another."""

    def __init__(
        self, *, champions: Callable[[], Sequence[Serving]], fetch: Callable[[str], Path], settings: Settings
    ) -> None:
        """*champions*: what each voice serves; *fetch*: the folder of a key."""
        self._champions = champions
        self._fetch = fetch
        self._settings = settings
        self._live: dict[str, LiveVersion] = {}
        self._reading = threading.Lock()

    def read(self, voice: str, text: str) -> TextReading:
        """What the champion of *voice* thinks of *text*. Raises UnknownVoice, BrokenFolder."""
        with self._reading:
            live = self._current(voice)
            vocabulary = live.vocabulary
            ids = vocabulary.encode(text)
            probabilities = np.exp(read_along(live.step, [END, *ids])[:, : len(vocabulary)])  # (T + 1, V)
        read = [
            Read(
                vocabulary.decode(ids[start:end]),
                _bits(probabilities, ids, start, end),
                _guesses(probabilities[start], vocabulary, EXPECTED),
            )
            for start, end in _pieces(ids, vocabulary)
        ]
        return TextReading(live.number, tuple(read), _guesses(probabilities[-1], vocabulary, NEXT))

    def _current(self, voice: str) -> LiveVersion:
        champion = next((one for one in self._champions() if one.voice == voice), None)
        if champion is None:
            raise UnknownVoice(voice)
        live = self._live.get(voice)
        if live is None or live.id != champion.version_id:
            folder = self._fetch(champion.folder)
            live = load(champion, folder, precision=self._settings.precision, rows=1, threads=1)
            self._live[voice] = live
        return live


def _pieces(ids: Sequence[int], vocabulary: Vocabulary) -> Iterator[tuple[int, int]]:
    """Where each piece begins and ends; bytes are read together as the character they spell."""
    start = 0
    while start < len(ids):
        end = start + 1
        if ids[start] < FIRST_CHARACTER:
            while (
                end < len(ids)
                and ids[end] < FIRST_CHARACTER
                and "\N{REPLACEMENT CHARACTER}" in vocabulary.decode(ids[start:end])
            ):
                end += 1
        yield start, end
        start = end


def _bits(probabilities: Floats, ids: Sequence[int], start: int, end: int) -> float:
    """Surprise at the symbols of a piece: probabilities (T + 1, V), of which row t is what was expected as symbol t."""
    each = probabilities[np.arange(start, end), ids[start:end]]
    return float(-np.log2(np.maximum(each, 1e-12)).sum())


def _guesses(probabilities: Floats, vocabulary: Vocabulary, most: int) -> tuple[Guess, ...]:
    """The likeliest pieces (V,) that can be shown: no lone bytes."""
    shown = probabilities.copy()
    shown[1:FIRST_CHARACTER] = 0
    return tuple(Guess(vocabulary.decode([int(i)]), float(probabilities[i])) for i in np.argsort(-shown)[:most])
