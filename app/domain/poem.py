"""Poems and their lines: what is wished for, what was written, what a visitor was shown."""

from dataclasses import dataclass
from datetime import datetime

LINES = 5
"""Lines of a poem, as the ancestor had it."""
MOST_LINES = 16
MOST_PRIME = 60
"""Characters of a beginning, or of a line, that a visitor may give."""
TEMPERATURES = (0.3, 1.5)
CALM, BOLD = 0.7, 1.4
"""Of a voice's own temperature: what 차분하게 and 대담하게 come to."""


def boldness(usual: float) -> tuple[float, float]:
    """The calm and the bold temperature of a voice whose own is *usual*."""
    low, high = TEMPERATURES
    calm, bold = (round(min(max(usual * share, low), high), 2) for share in (CALM, BOLD))
    return calm, bold


@dataclass(frozen=True, slots=True)
class Quotation:
    """A line kept from an earlier poem, with its own id and version; or a line of the visitor's own."""

    line: int | None
    """None: the visitor wrote it himself, and nobody may tick it or be taught it."""
    text: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What a visitor asks the poet for."""

    lines: int = LINES
    prime: str = ""
    """The beginning of the first line to be written: a human's words, never taught unseen."""
    temperature: float | None = None
    """None: the voice's own."""
    seed: int | None = None
    """None: chosen at random. A poem with a seed of the visitor's makes no impressions."""
    own: str = ""
    """A line of the visitor's own, after those he keeps; what follows is written."""
    keep: tuple[Quotation | None, ...] = ()
    """By slot: a line that stays, or None for one to be written; shorter than `lines` means None."""


@dataclass(frozen=True, slots=True)
class WrittenLine:
    """One line as the engine wrote it (or a quotation it passed through)."""

    slot: int
    text: str
    logprob: float
    """Nats, summed over the line's symbols up to its line end; 0 for a quotation."""
    chance: float
    """Chance with which it was chosen among its candidates; 1 without candidates."""
    primed: bool = False
    """Are some of its words, or all, a human's?"""
    quoted: int | None = None
    """The id of the line it quotes."""
    liking: float | None = None
    """Log-odds of a tick as the voice's taste foretold them; None without a taste, and for a quotation."""


@dataclass(frozen=True, slots=True)
class Writing:
    """A finished poem as the engine wrote it: one version from its first character to its last."""

    voice: str
    version: int
    """The version's row id (`VersionRow.id`), not its number."""
    seed: int
    temperature: float
    lines: tuple[WrittenLine, ...]
    trial: int | None = None
    """The trial whose draw chose the version."""
    taste: int | None = None
    """The taste that chose among candidates; None for a poem that none did."""


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line of a stored poem as one visitor sees it."""

    id: int
    slot: int
    text: str
    version: int
    """Number of the version that wrote it: 0 is the base."""
    logprob: float
    ticked: bool
    tickable: bool
    """Was it shown to this visitor, so that a tick counts?"""
    quoted: bool
    primed: bool

    @property
    def human(self) -> bool:
        """Did the visitor write the whole of it? Then nothing of it was drawn."""
        return self.primed and self.logprob == 0


@dataclass(frozen=True, slots=True)
class Poem:
    """A stored poem as one visitor sees it."""

    id: str
    voice: str
    version: int
    """Number of the version that wrote it."""
    seed: int
    temperature: float
    prime: str
    created: datetime
    mine: bool
    """Was it written for this visitor?"""
    lines: tuple[ShownLine, ...]

    @property
    def text(self) -> str:
        """The lines, one per row."""
        return "\n".join(line.text for line in self.lines)
