"""The log of a run: what its worker says, and what the desk reads out of it.

Every kind of line is an `Entry`, a sentence with facts in it. Only the sentence is kept, in English, for the shell and
the API; `read` finds the facts in it again, numbers as they were rounded. The words of a sentence stay as they are:
the logs of earlier runs are read with them.
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
    """Fills in sentences; the format of a tuple is what stands between its parts."""

    def format_field(self, value: object, format_spec: str) -> str:
        return format_spec.join(value) if isinstance(value, tuple) else format(value, format_spec)


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that a run says. Its facts are of type int, float, str or tuple[str, ...]."""

    SENTENCE: ClassVar[str]
    """Names every fact once, as a format string does."""

    def __str__(self) -> str:
        return _Sentences().format(self.SENTENCE, **{fact.name: getattr(self, fact.name) for fact in fields(self)})

    @property
    def kind(self) -> str:
        """The name of its class, for pages."""
        return type(self).__name__


@dataclass(frozen=True, slots=True)
class LessonMade(Entry):
    """What there is to learn."""

    SENTENCE = "lesson {hash}: {ticks} ticks, {poems} poems, {readers} readers"
    hash: str
    ticks: int
    poems: int
    readers: int


@dataclass(frozen=True, slots=True)
class StepsCut(Entry):
    """There is not the time for all training steps."""

    SENTENCE = "cut to fit {minutes:g} minutes on this machine: {done} of at most {of} steps of lesson and rehearsal"
    minutes: float
    done: int
    of: int


@dataclass(frozen=True, slots=True)
class DreamsCut(Entry):
    """There is not the time for all dreams."""

    SENTENCE = "cut to fit {minutes:g} minutes on this machine: {done} of {of} dreams"
    minutes: float
    done: int
    of: int


@dataclass(frozen=True, slots=True)
class StepTaken(Entry):
    """A point of the desk's curve."""

    SENTENCE = "step {step} of {of}: loss {loss:.4f}"
    step: int
    of: int
    loss: float


@dataclass(frozen=True, slots=True)
class Recited(Entry):
    """A poem that the network writes in the middle of its training."""

    SENTENCE = "writes after {step} steps: {poem: / }"
    step: int
    poem: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Taught(Entry):
    """The training is over."""

    SENTENCE = "taught in {steps} steps, loss {loss:.3f}, {rate:,.0f} char/s"
    steps: int
    loss: float
    rate: float


@dataclass(frozen=True, slots=True)
class BaseMeasured(Entry):
    """What the examiner found of the base."""

    SENTENCE = "base: {bits:.4f} bits/char, distinct {distinct:.3f}, {more}"
    bits: float
    distinct: float
    more: str
    """Its other figures, which change from release to release."""


@dataclass(frozen=True, slots=True)
class ChampionMeasured(BaseMeasured):
    """What the examiner found of the version that serves, as it serves."""

    SENTENCE = "champion: {bits:.4f} bits/char, distinct {distinct:.3f}, {more}"


@dataclass(frozen=True, slots=True)
class CandidateMeasured(BaseMeasured):
    """What the examiner found of the candidate."""

    SENTENCE = "candidate: {bits:.4f} bits/char, distinct {distinct:.3f}, {more}"


@dataclass(frozen=True, slots=True)
class LikingMeasured(Entry):
    """How well the candidate agrees with readers it was not taught."""

    SENTENCE = "liking of {readers} held-out readers: {bits:+.4f} bits/char"
    readers: int
    bits: float


@dataclass(frozen=True, slots=True)
class Admitted(Entry):
    """The gate's verdict."""

    SENTENCE = "admitted"


@dataclass(frozen=True, slots=True)
class Undecided(Entry):
    """The gate's verdict, and the rules that could not be measured."""

    SENTENCE = "undecided: {rules:, }"
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rejected(Entry):
    """The gate's verdict, and the rules that were broken."""

    SENTENCE = "turned away: {rules:, }"
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChampionLost(Entry):
    """The folder of the version that serves can't be read: the candidate is compared with the base."""

    SENTENCE = "compared with the base: version {version} can't be read, {error}"
    version: int
    error: str


@dataclass(frozen=True, slots=True)
class GivenBack(Entry):
    """The worker was told to go."""

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


@lru_cache(maxsize=2048)  # a page asks several times of a line, and the desk looks again every few seconds
def read(text: str) -> Entry | None:
    """The entry that says so; None where there is no such kind, or a word (a NaN, too) where a number should be."""
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
    told = (re.escape(words) + (f"(?P<{name}>.*?)" if name else "") for words, name, _, _ in parts)
    return re.compile("".join(told), re.DOTALL)


_PATTERNS = {kind: _pattern(kind) for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Said:
    """A line of the log as it is kept."""

    at: datetime
    text: str

    def __str__(self) -> str:
        """For programs and the shell: the time in UTC."""
        return f"{self.at:%H:%M:%S} {self.text}"

    @property
    def entry(self) -> Entry | None:
        """What it says; None for a line that can only be shown as it is."""
        return read(self.text)
