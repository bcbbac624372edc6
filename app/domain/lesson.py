"""The lesson: the texts of one training run, and how much each counts."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from app.domain.taste import Judged


@dataclass(frozen=True, slots=True)
class TickedLine:
    """A line the network wrote and a visitor ticked."""

    line: int
    text: str
    before: str
    """The lines above it in its poem: read by the network, not taught."""
    visitor: str
    address: str
    """Keyed hash of the visitor's address that day; "" when unknown."""


@dataclass(frozen=True, slots=True)
class TaughtPoem:
    """An approved submission."""

    submission: int
    text: str
    visitor: str
    address: str


@dataclass(frozen=True, slots=True)
class Feedback:
    """Everything readers have given a voice so far, as stored: no line that was unticked, no poem withdrawn."""

    ticks: tuple[TickedLine, ...]
    submissions: tuple[TaughtPoem, ...]
    judged: tuple[Judged, ...] = ()
    """Every line that was shown, ticked or not."""


@dataclass(frozen=True, slots=True)
class Text:
    """One text of a lesson."""

    text: str
    weight: float
    kind: Literal["line", "poem"]
    before: str = ""
    """What the network reads first, without being taught it."""
    sources: tuple[int, ...] = field(default=())
    """Ids of the lines, or of the submission, it comes from."""


@dataclass(frozen=True, slots=True)
class LessonItem:
    """Where a text of a version's lesson came from, and what became of it."""

    kind: Literal["line", "poem"]
    source: int
    """Id of the line, or of the submission."""
    weight: float
    gain: float | None = None
    """Nats a line by which the version finds it likelier than the base does; None when that was not measured."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """The data of one run, without the rehearsal that the base brings along."""

    texts: tuple[Text, ...]
    ticks: int
    """Ticks counted."""
    submissions: int
    visitors: int
    """Visitors who gave any of it."""
    judged: tuple[Judged, ...] = ()
    """What the run learns readers' taste from."""

    @property
    def hash(self) -> str:
        """SHA-256 over all of it: the same feedback gives the same hash."""
        return hashlib.sha256(json.dumps(self.as_dict(), ensure_ascii=False).encode()).hexdigest()

    def as_dict(self) -> dict[str, object]:
        """All that is taught, for a file; readers are numbers in it, no ids."""
        numbers = {visitor: n for n, visitor in enumerate(dict.fromkeys(one.visitor for one in self.judged))}
        texts = sorted([t.kind, t.before, t.text, round(t.weight, 6)] for t in self.texts)
        judged = [[numbers[one.visitor], one.slot, one.text, one.ticked] for one in self.judged]
        return {"texts": texts, "judged": judged}

    def summary(self) -> Mapping[str, object]:
        """The contract's shape."""
        return {"hash": self.hash, "ticks": self.ticks, "submissions": self.submissions, "visitors": self.visitors}
