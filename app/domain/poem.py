"""Poems and their lines: what is wished for, what was written, what a visitor was shown.

Pieces (엮기): lines that a visitor ticked, arranged by him under a title of his own.

오늘의 시: one poem a day. Which day it is where a voice is read, and the seed of a day on which nobody chose.
"""

import hashlib
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, timezone

from app.domain.errors import Unfit
from app.domain.submission import SubmissionStatus

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
    own_slot: int | None = None
    """Where it stands; None: after those he keeps, whatever their places were."""
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
    """Chance with which it was chosen among its candidates, times its take's among the takes; 1 without any."""
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
    version: int | None
    """Number of the version that wrote it: 0 is the base. None: it isn't told yet."""
    logprob: float
    ticked: bool
    tickable: bool
    """Was it shown to this visitor, so that a tick counts?"""
    quoted: bool
    primed: bool
    sealed: bool = False
    """Did the reader for whom the poem was written tick it? What others see of his choice where he shares it."""

    @property
    def human(self) -> bool:
        """Did the visitor write the whole of it? Then nothing of it was drawn."""
        return self.primed and self.logprob == 0


@dataclass(frozen=True, slots=True)
class Poem:
    """A stored poem as one visitor sees it."""

    id: str
    voice: str
    version: int | None
    """Number of the version that wrote it. None: a trial drew which, and its reader may still answer."""
    seed: int
    temperature: float
    prime: str
    created: datetime
    mine: bool
    """Was it written for this visitor?"""
    fixed_seed: bool
    """Did somebody choose its seed? Then none of its lines can be ticked."""
    lines: tuple[ShownLine, ...]

    @property
    def text(self) -> str:
        """The lines, one per row."""
        return "\n".join(line.text for line in self.lines)

    @property
    def by_bot(self) -> tuple[str, ...]:
        """The lines that the bot wrote whole. They alone stand for the poem where only a part of it is shown."""
        return tuple(line.text for line in self.lines if not line.primed)

    @property
    def by_humans(self) -> tuple[int, ...]:
        """Places, from 1, of the lines with a human's words in them, which nobody has moderated."""
        return tuple(line.slot + 1 for line in self.lines if line.primed)


def check(wish: Wish) -> Wish:
    """The wish, if it can be fulfilled. Raises Unfit."""
    if not 1 <= wish.lines <= MOST_LINES:
        raise Unfit("bad_lines", f"a poem has 1 to {MOST_LINES} lines")
    low, high = TEMPERATURES
    if wish.temperature is not None and not low <= wish.temperature <= high:
        raise Unfit("bad_temperature", f"the temperature lies between {low} and {high}")
    return replace(wish, prime=words(wish.prime), own=words(wish.own))


def words(text: str) -> str:
    """A visitor's words for a poem: one clean line. Raises Unfit."""
    clean = unicodedata.normalize("NFC", " ".join(text.split()))
    if len(clean) > MOST_PRIME:
        raise Unfit("prime_too_long", f"a beginning has at most {MOST_PRIME} characters")
    if not all(c.isprintable() for c in clean):
        raise Unfit("not_text", "a beginning is text")
    return clean


def arrange(wish: Wish, quoted: Sequence[Quotation], stood: Mapping[int, int]) -> Wish:
    """The wish with what is *quoted* kept, each where it *stood* (line: slot); before a line of the visitor's own that
    has no place, one after the other.

    Raises Unfit.
    """
    if wish.own and wish.own_slot is None:
        return _before(quoted, wish)
    places: list[Quotation | None] = [None] * wish.lines
    if wish.own and wish.own_slot is not None:
        if wish.own_slot >= wish.lines:
            raise Unfit("bad_lines", f"a poem of {wish.lines} lines has no slot {wish.own_slot}")
        places[wish.own_slot] = Quotation(None, wish.own)
    if len(quoted) > places.count(None):
        raise Unfit("too_many_kept", f"at most {places.count(None)} lines can be kept")
    for quotation in sorted(quoted, key=lambda q: stood.get(q.line or 0, 0)):
        wanted = min(stood.get(quotation.line or 0, 0), wish.lines - 1)
        free = [slot for slot, place in enumerate(places) if place is None]
        places[min(free, key=lambda slot: abs(slot - wanted))] = quotation
    return replace(wish, keep=tuple(places))


def _before(quoted: Sequence[Quotation], wish: Wish) -> Wish:
    """What is kept, the visitor's line, and at least one line that follows it."""
    keep = (*quoted, Quotation(None, wish.own))
    if len(keep) >= MOST_LINES:
        raise Unfit("too_many_kept", f"after a line of one's own there is room for one more, of {MOST_LINES}")
    return replace(wish, keep=keep, lines=max(wish.lines, len(keep) + 1))


FEWEST, MOST = 2, 16
"""Lines of a piece."""


@dataclass(frozen=True, slots=True)
class PieceLine:
    """A line in a piece: where it was first written, and by which version."""

    line: int
    text: str
    poem: str | None
    """None: that poem has a human's words in it, to which no page leads."""
    version: int | None
    """None: it isn't told yet; see `Poem.version`."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece as one visitor sees it."""

    id: str
    voice: str
    title: str
    author: str | None
    status: SubmissionStatus
    """Moderated like a submission: the title is a human's."""
    created: datetime
    mine: bool
    lines: tuple[PieceLine, ...]
    reason: str | None = None
    """Why it was declined, as for a submission."""

    @property
    def text(self) -> str:
        """Its lines, one per row."""
        return "\n".join(line.text for line in self.lines)

    @property
    def versions(self) -> tuple[int, ...]:
        """Numbers of the versions that wrote its lines, as far as they are told."""
        return tuple(sorted({line.version for line in self.lines if line.version is not None}))


KOREA = timezone(timedelta(hours=9), "KST")
FEWEST_READERS = 2
"""Who must have ticked a poem for it to be the next day's: one reader would only meet his own choice again."""


@dataclass(frozen=True, slots=True)
class Day:
    """The poem of one day."""

    date: date
    poem: Poem
    readers: int
    """Who ticked it the day before; 0: nobody chose, it was written from the day's seed."""


def zone_of(language: str) -> timezone:
    """Whose midnight begins the day of a voice, or of a page: Korea's where it is Korean, else UTC's."""
    return KOREA if language.partition("-")[0] == "ko" else UTC


def date_of(language: str, moment: datetime) -> date:
    """The date at that moment where a voice is read."""
    return moment.astimezone(zone_of(language)).date()


def begin_of(language: str, day: date) -> datetime:
    """The midnight that begins a day there."""
    return datetime.combine(day, time(), zone_of(language))


def chosen(loved: Iterable[Day], language: str, *, had: Collection[str]) -> Day | None:
    """The day that readers chose; None: nobody did, and the seed decides.

    *loved*: the days that loved poems would make, the most loved first. *had*: poems that had a day already.

    Its poem was written the day before: a day is for what is new, and an older poem has had its chance. Several readers
    ticked it. And it had no day yet: everybody has met that one.
    """
    for one in loved:
        fresh = date_of(language, one.poem.created) == one.date - timedelta(days=1)
        if fresh and one.readers >= FEWEST_READERS and one.poem.id not in had:
            return one
    return None


def seed_of(voice: str, day: date) -> int:
    """The seed of a day's poem: 31 bits that nobody chose."""
    return int.from_bytes(hashlib.sha256(f"{voice}|{day}".encode()).digest()[:4]) >> 1
