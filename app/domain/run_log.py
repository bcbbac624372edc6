"""The log of a run: events that the worker reports and the desk words.

Every kind of event is an `Entry` with typed values, and is stored as JSON. Pages word it in the reader's language
(`templates/partials/words.html`); the shell and the API show `str`, which is English. Earlier releases stored that
text instead; it is shown as it stands.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """An event of a run. Its values are of type int, float, str or tuple[str, ...]."""

    @property
    def event(self) -> str:
        """The name of its class, as it is stored."""
        return type(self).__name__

    def as_json(self) -> str:
        """The event with its values, to be stored."""
        return json.dumps({"event": self.event, **asdict(self)}, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class LessonMade(Entry):
    """The size of the lesson."""

    hash: str
    ticks: int
    poems: int
    readers: int

    def __str__(self) -> str:
        return f"lesson {self.hash}: {self.ticks} ticks, {self.poems} poems, {self.readers} readers"


@dataclass(frozen=True, slots=True)
class StepsCut(Entry):
    """The number of training steps was reduced to fit the time limit."""

    minutes: float
    done: int
    of: int

    def __str__(self) -> str:
        steps = f"{self.done} of at most {self.of} steps of lesson and rehearsal"
        return f"cut to fit {self.minutes:g} minutes on this machine: {steps}"


@dataclass(frozen=True, slots=True)
class DreamsCut(Entry):
    """The number of dreams was reduced to fit the time limit."""

    minutes: float
    done: int
    of: int

    def __str__(self) -> str:
        return f"cut to fit {self.minutes:g} minutes on this machine: {self.done} of {self.of} dreams"


@dataclass(frozen=True, slots=True)
class StepTaken(Entry):
    """A point of the loss curve."""

    step: int
    of: int
    loss: float

    def __str__(self) -> str:
        return f"step {self.step} of {self.of}: loss {self.loss:.4f}"


@dataclass(frozen=True, slots=True)
class Recited(Entry):
    """A sample poem that the network writes during training."""

    step: int
    poem: tuple[str, ...]

    def __str__(self) -> str:
        return f"writes after {self.step} steps: {' / '.join(self.poem)}"


@dataclass(frozen=True, slots=True)
class Taught(Entry):
    """The training has ended."""

    steps: int
    loss: float
    rate: float

    def __str__(self) -> str:
        return f"taught in {self.steps} steps, loss {self.loss:.3f}, {self.rate:,.0f} char/s"


@dataclass(frozen=True, slots=True)
class Measured(Entry):
    """The metrics of one of the three versions that are compared."""

    version: str
    """`base`, `champion` or `candidate`."""
    bits: float
    distinct: float
    more: str
    """Further metrics, which differ between releases."""

    def __str__(self) -> str:
        return f"{self.version}: {self.bits:.4f} bits/char, distinct {self.distinct:.3f}, {self.more}"


@dataclass(frozen=True, slots=True)
class LikingMeasured(Entry):
    """How well the candidate agrees with held-out readers."""

    readers: int
    bits: float

    def __str__(self) -> str:
        return f"liking of {self.readers} held-out readers: {self.bits:+.4f} bits/char"


@dataclass(frozen=True, slots=True)
class Judged(Entry):
    """The verdict of the gate, and the rules that turned the candidate away or could not be measured."""

    verdict: str
    """`admitted`, `undecided` or `rejected`."""
    rules: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.verdict}: {', '.join(self.rules)}" if self.rules else self.verdict


@dataclass(frozen=True, slots=True)
class ChampionLost(Entry):
    """The champion's folder cannot be read, so the candidate is compared with the base."""

    version: int
    error: str

    def __str__(self) -> str:
        return f"compared with the base: version {self.version} can't be read, {self.error}"


@dataclass(frozen=True, slots=True)
class GivenBack(Entry):
    """The worker was shut down."""

    def __str__(self) -> str:
        return "the worker is shutting down; back in the queue"


KINDS: tuple[type[Entry], ...] = (
    LessonMade,
    StepsCut,
    DreamsCut,
    StepTaken,
    Recited,
    Taught,
    Measured,
    LikingMeasured,
    Judged,
    ChampionLost,
    GivenBack,
)
_KINDS = {kind.__name__: kind for kind in KINDS}


def read(text: str) -> Entry | None:
    """The event that is stored as *text*; None for a sentence of an earlier release, or an event of a later one."""
    try:
        values = json.loads(text)
        kind = _KINDS[values.pop("event")]
        return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
    except (ValueError, AttributeError, KeyError, TypeError):
        return None


@dataclass(frozen=True, slots=True)
class Said:
    """A stored line of the log."""

    at: datetime
    text: str

    def __str__(self) -> str:
        """Time in UTC and message, for the API and the shell."""
        return f"{self.at:%H:%M:%S} {self.entry or self.text}"

    @property
    def entry(self) -> Entry | None:
        """The event; None for a line that can only be shown as it stands."""
        return read(self.text)
