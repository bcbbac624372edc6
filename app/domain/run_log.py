"""The log of a run: messages that the worker writes and the desk parses.

Every kind of line is an `Entry`: a message template with typed fields. Only the formatted message is stored, in
English, for the shell and the API; `read` parses it back (numbers as rounded). Do not change the templates: the logs of
earlier runs are parsed with them.
"""

import math
import re
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from string import Formatter
from typing import Any, ClassVar


class _Sentences(Formatter):
    """Formats messages; the format spec of a tuple is its separator."""

    def format_field(self, value: object, format_spec: str) -> str:
        return format_spec.join(value) if isinstance(value, tuple) else format(value, format_spec)


@dataclass(frozen=True, slots=True)
class Entry:
    """A log message. Its fields are of type int, float, str or tuple[str, ...]."""

    SENTENCE: ClassVar[str]
    """The template, a format string that names every field once."""

    def __str__(self) -> str:
        return _Sentences().format(self.SENTENCE, **{fact.name: getattr(self, fact.name) for fact in fields(self)})

    @property
    def kind(self) -> str:
        """The name of its class, for pages."""
        return type(self).__name__


@dataclass(frozen=True, slots=True)
class LessonMade(Entry):
    """The size of the lesson."""

    SENTENCE = "lesson {hash}: {ticks} ticks, {poems} poems, {readers} readers"
    hash: str
    ticks: int
    poems: int
    readers: int


@dataclass(frozen=True, slots=True)
class StepsCut(Entry):
    """The number of training steps was reduced to fit the time limit."""

    SENTENCE = "cut to fit {minutes:g} minutes on this machine: {done} of at most {of} steps of lesson and rehearsal"
    minutes: float
    done: int
    of: int


@dataclass(frozen=True, slots=True)
class DreamsCut(Entry):
    """The number of dreams was reduced to fit the time limit."""

    SENTENCE = "cut to fit {minutes:g} minutes on this machine: {done} of {of} dreams"
    minutes: float
    done: int
    of: int


@dataclass(frozen=True, slots=True)
class StepTaken(Entry):
    """A point of the loss curve."""

    SENTENCE = "step {step} of {of}: loss {loss:.4f}"
    step: int
    of: int
    loss: float


@dataclass(frozen=True, slots=True)
class Recited(Entry):
    """A sample poem that the network writes during training."""

    SENTENCE = "writes after {step} steps: {poem: / }"
    step: int
    poem: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Taught(Entry):
    """The training has ended."""

    SENTENCE = "taught in {steps} steps, loss {loss:.3f}, {rate:,.0f} char/s"
    steps: int
    loss: float
    rate: float


@dataclass(frozen=True, slots=True)
class BaseMeasured(Entry):
    """The metrics of the base."""

    SENTENCE = "base: {bits:.4f} bits/char, distinct {distinct:.3f}, {more}"
    bits: float
    distinct: float
    more: str
    """Further metrics, which differ between releases."""


@dataclass(frozen=True, slots=True)
class ChampionMeasured(BaseMeasured):
    """The metrics of the champion."""

    SENTENCE = "champion: {bits:.4f} bits/char, distinct {distinct:.3f}, {more}"


@dataclass(frozen=True, slots=True)
class CandidateMeasured(BaseMeasured):
    """The metrics of the candidate."""

    SENTENCE = "candidate: {bits:.4f} bits/char, distinct {distinct:.3f}, {more}"


@dataclass(frozen=True, slots=True)
class LikingMeasured(Entry):
    """How well the candidate agrees with held-out readers."""

    SENTENCE = "liking of {readers} held-out readers: {bits:+.4f} bits/char"
    readers: int
    bits: float


@dataclass(frozen=True, slots=True)
class Admitted(Entry):
    """The gate admitted the candidate."""

    SENTENCE = "admitted"


@dataclass(frozen=True, slots=True)
class Undecided(Entry):
    """The gate could not decide, and the rules that could not be measured."""

    SENTENCE = "undecided: {rules:, }"
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rejected(Entry):
    """The gate rejected the candidate, and the rules it broke."""

    SENTENCE = "turned away: {rules:, }"
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChampionLost(Entry):
    """The champion's folder cannot be read, so the candidate is compared with the base."""

    SENTENCE = "compared with the base: version {version} can't be read, {error}"
    version: int
    error: str


@dataclass(frozen=True, slots=True)
class GivenBack(Entry):
    """The worker was shut down."""

    SENTENCE = "the worker is shutting down; back in the queue"


KINDS: tuple[type[Entry], ...] = (
    LessonMade,
    StepsCut,
    DreamsCut,
    StepTaken,
    Recited,
    Taught,
    BaseMeasured,
    ChampionMeasured,
    CandidateMeasured,
    LikingMeasured,
    Admitted,
    Undecided,
    Rejected,
    ChampionLost,
    GivenBack,
)


@lru_cache(maxsize=2048)  # pages parse a line several times, and the desk reloads every few seconds
def read(text: str) -> Entry | None:
    """Parse a stored message; None if no template matches, or if a number is not finite."""
    for kind, pattern in _PATTERNS.items():
        if found := pattern.fullmatch(text):
            formats = {name: spec for _, name, spec, _ in Formatter().parse(kind.SENTENCE)}
            with suppress(ValueError):
                return kind(**{one.name: _fact(found[one.name], one.type, formats[one.name]) for one in fields(kind)})
    return None


def _fact(text: str, kind: Any, spec: str | None) -> object:
    if kind is str:
        return text
    if kind not in (int, float):
        return tuple(text.split(spec)) if text else ()
    digits = text.replace(",", "")
    if not math.isfinite(float(digits)):
        raise ValueError(text)
    return kind(digits)


def _pattern(kind: type[Entry]) -> re.Pattern[str]:
    parts = Formatter().parse(kind.SENTENCE)
    pieces = (re.escape(words) + (f"(?P<{name}>.*?)" if name else "") for words, name, _, _ in parts)
    return re.compile("".join(pieces), re.DOTALL)


_PATTERNS = {kind: _pattern(kind) for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Said:
    """A stored line of the log."""

    at: datetime
    text: str

    def __str__(self) -> str:
        """Time in UTC and message, for the API and the shell."""
        return f"{self.at:%H:%M:%S} {self.text}"

    @property
    def entry(self) -> Entry | None:
        """The parsed message; None for a line that can only be shown as text."""
        return read(self.text)
