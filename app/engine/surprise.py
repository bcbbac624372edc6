"""Surprise: the probabilities that a voice's champion gives to a text, character by character.

It is for the pages on which a visitor sees how surprising his own line is. It loads a second copy of the network when
somebody asks, so that no poem that the engine writes waits for it.

Letters of shapes: T symbols of the text, V size of the vocabulary.
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
"""Number of guesses for each piece of the text, and for what comes after it."""


@dataclass(frozen=True, slots=True)
class Guess:
    """A piece that could come next."""

    text: str
    share: float
    """Its probability, 0 to 1."""


@dataclass(frozen=True, slots=True)
class ReadPiece:
    """One piece of a text: a character, or a word that is one symbol."""

    text: str
    bits: float
    """Surprise at the piece: -log2 of its probability."""
    expected: tuple[Guess, ...]
    """The most probable pieces in its place."""


@dataclass(frozen=True, slots=True)
class TextReading:
    """A text as a version read it."""

    version: int
    """Its number."""
    read: tuple[ReadPiece, ...]
    following: tuple[Guess, ...]
    """The most probable pieces after the text."""

    @property
    def bits_per_char(self) -> float:
        """Mean surprise in bits a character; 0 for an empty text."""
        characters = sum(len(one.text) for one in self.read)
        return sum(one.bits for one in self.read) / characters if characters else 0.0


class SurpriseMeter:
    """Measures how surprising texts are to the champions. Any thread may call it; one text is read at a time."""

    def __init__(
        self, *, champions: Callable[[], Sequence[Serving]], fetch: Callable[[str], Path], settings: Settings
    ) -> None:
        """*champions*: the version that each voice should serve; *fetch*: key on the shelf -> folder."""
        self._champions = champions
        self._fetch = fetch
        self._settings = settings
        self._live: dict[str, LiveVersion] = {}
        self._reading = threading.Lock()

    def read(self, voice: str, text: str) -> TextReading:
        """Read *text* with the champion of *voice*. Raises UnknownVoice, BrokenFolder."""
        with self._reading:
            live = self._current(voice)
            vocabulary = live.vocabulary
            ids = vocabulary.encode(text)
            probabilities = np.exp(read_along(live.step, [END, *ids])[:, : len(vocabulary)])  # (T + 1, V)
        read = [
            ReadPiece(
                vocabulary.decode(ids[start:end]),
                _bits(probabilities, ids, start, end),
                _guesses(probabilities[start], vocabulary, EXPECTED),
            )
            for start, end in _pieces(ids, vocabulary)
        ]
        return TextReading(live.number, tuple(read), _guesses(probabilities[-1], vocabulary, NEXT))

    def _current(self, voice: str) -> LiveVersion:
        """The champion of *voice*, loaded if it is not in memory."""
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
    """The begin and end of each piece in *ids*; the bytes of one character are one piece."""
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
    """Surprise at symbols *start* … *end* of *ids*, in bits; row t of probabilities (T + 1, V) is for symbol t."""
    each = probabilities[np.arange(start, end), ids[start:end]]
    return float(-np.log2(np.maximum(each, 1e-12)).sum())


def _guesses(probabilities: Floats, vocabulary: Vocabulary, most: int) -> tuple[Guess, ...]:
    """The *most* probable pieces by probabilities (V,), without single bytes, which cannot be shown."""
    shown = probabilities.copy()
    shown[1:FIRST_CHARACTER] = 0
    return tuple(Guess(vocabulary.decode([int(i)]), float(probabilities[i])) for i in np.argsort(-shown)[:most])
