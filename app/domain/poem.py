"""Poems: the request for one (wish), the generated result (writing), and the stored poem as a visitor sees it.

Pieces (엮기): lines that a visitor ticked, arranged by him under a title of his own.

The poem of the day (오늘의 시): dates in the time zone of a voice, how the poem is chosen, and the seed of a new one.
"""

import hashlib
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, timezone

from app.domain.errors import Unfit
from app.domain.submission import SubmissionStatus, name_of

LINES = 5
"""Lines of a poem by default."""
MOST_LINES = 16
LARGEST_ID = 2**53 - 1
"""Largest id of a line or a submission. The database has 64 bits; JSON readers keep integers exact up to here."""
LARGEST_NUMBER = 2**31 - 1
"""Largest number of a run, a version or a seed: 32 bits."""
MOST_PRIME = 60
"""Most characters of the beginning, or of the line, that a visitor gives."""
TEMPERATURES = (0.3, 1.5)
"""The lowest and the highest temperature."""
CALM, BOLD = 0.7, 1.4
"""Factors on a voice's own temperature for 차분하게 (calm) and 대담하게 (bold)."""


def boldness(usual: float) -> tuple[float, float]:
    """The calm and the bold temperature of a voice whose own is *usual*."""
    low, high = TEMPERATURES
    calm, bold = (round(min(max(usual * share, low), high), 2) for share in (CALM, BOLD))
    return calm, bold


@dataclass(frozen=True, slots=True)
class Quotation:
    """A line kept from an earlier poem, or a line of the visitor's own."""

    line: int | None
    """Its id; None for the visitor's own line, which cannot be ticked or taught."""
    text: str


@dataclass(frozen=True, slots=True)
class Wish:
    """A request for a poem."""

    lines: int = LINES
    prime: str = ""
    """The beginning of the first generated line, in the visitor's words; never used for training."""
    temperature: float | None = None
    """None: the voice's own."""
    seed: int | None = None
    """None: random. A poem with a seed that the visitor chose makes no impressions."""
    own: str = ""
    """A whole line of the visitor's own."""
    own_slot: int | None = None
    """The slot of `own`; None: directly after the kept lines, which then come first."""
    keep: tuple[Quotation | None, ...] = ()
    """By slot: a line to keep, or None for a line to generate; missing slots are generated."""
    word: str = ""
    """What the poem is to be about."""


@dataclass(frozen=True, slots=True)
class WrittenLine:
    """A line of a writing: generated, or a quotation."""

    slot: int
    text: str
    logprob: float
    """Log-probability in nats, summed over its symbols and the line end; 0 for a quotation."""
    chance: float
    """Propensity: its probability among the candidates, times that of its take among the takes; 1 without a choice."""
    primed: bool = False
    """Does it contain words of a human?"""
    quoted: int | None = None
    """Id of the line it quotes."""
    liking: float | None = None
    """Log-odds of a tick, predicted by the voice's taste; None without a taste, and for a quotation."""


@dataclass(frozen=True, slots=True)
class Writing:
    """A poem as the engine generated it; one version writes the whole poem."""

    voice: str
    version: int
    """The version's row id (`VersionRow.id`), not its number."""
    seed: int
    temperature: float
    lines: tuple[WrittenLine, ...]
    trial: int | None = None
    """Id of the trial whose random draw selected the version."""
    taste: int | None = None
    """Id of the taste that chose among candidates, or among drafts; None: no taste did."""
    draft: int | None = None
    """Id of the draft that it was; None: it was written live."""


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line of a stored poem as one visitor sees it."""

    id: int
    slot: int
    text: str
    version: int | None
    """Number of the version that wrote it; 0 is the base. None: hidden, as for `Poem.version`."""
    logprob: float
    ticked: bool
    tickable: bool
    """Has this visitor an impression of it, so that he may tick it?"""
    quoted: bool
    primed: bool
    sealed: bool = False
    """Did the reader for whom the poem was written tick it? Others see this when he shares the poem."""

    @property
    def human(self) -> bool:
        """Did a human write the whole line?"""
        return self.primed and self.logprob == 0


@dataclass(frozen=True, slots=True)
class Poem:
    """A stored poem as one visitor sees it."""

    id: str
    voice: str
    version: int | None
    """Number of the version that wrote it. None: hidden while the reader's ticks may still decide a trial."""
    seed: int
    temperature: float
    prime: str
    created: datetime
    mine: bool
    """Was it written for this visitor?"""
    fixed_seed: bool
    """Did a visitor choose its seed? Then its lines cannot be ticked."""
    lines: tuple[ShownLine, ...]
    drafted: bool = False
    """Did it lie in the drawer before it was his?"""

    @property
    def text(self) -> str:
        """The lines, one per row."""
        return "\n".join(line.text for line in self.lines)

    @property
    def by_bot(self) -> tuple[str, ...]:
        """The lines without words of a human; previews show only these."""
        return tuple(line.text for line in self.lines if not line.primed)

    @property
    def by_humans(self) -> tuple[int, ...]:
        """Places, from 1, of the lines with words of a human, which nobody has moderated."""
        return tuple(line.slot + 1 for line in self.lines if line.primed)


def check(wish: Wish) -> Wish:
    """The wish with cleaned texts. Raises Unfit if it is invalid."""
    if not 1 <= wish.lines <= MOST_LINES:
        raise Unfit("bad_lines", f"a poem has 1 to {MOST_LINES} lines")
    low, high = TEMPERATURES
    if wish.temperature is not None and not low <= wish.temperature <= high:
        raise Unfit("bad_temperature", f"the temperature lies between {low} and {high}")
    return replace(wish, prime=words(wish.prime), own=words(wish.own), word=words(wish.word))


def words(text: str) -> str:
    """A visitor's words as one clean line. Raises Unfit."""
    clean = unicodedata.normalize("NFC", " ".join(text.split()))
    if len(clean) > MOST_PRIME:
        raise Unfit("prime_too_long", f"a beginning has at most {MOST_PRIME} characters")
    if refused := next((c for c in clean if not c.isprintable()), ""):
        raise Unfit("not_text", "a beginning is text", sign=name_of(refused))
    return clean


def arrange(wish: Wish, quoted: Sequence[Quotation], stood: Mapping[int, int]) -> Wish:
    """The wish with its `keep` filled in: *quoted* lines in or near the slots where they *stood* (slot by line id).

    If the visitor's own line has no slot, the quoted lines come first, then his. Raises Unfit.
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
    """The quoted lines, then the visitor's own line, then at least one line to generate. Raises Unfit."""
    keep = (*quoted, Quotation(None, wish.own))
    if len(keep) >= MOST_LINES:
        raise Unfit("too_many_kept", f"after a line of one's own there is room for one more, of {MOST_LINES}")
    return replace(wish, keep=keep, lines=max(wish.lines, len(keep) + 1))


FEWEST_PIECE_LINES, MOST_PIECE_LINES = 2, 16
"""Fewest and most lines of a piece."""


@dataclass(frozen=True, slots=True)
class PieceLine:
    """A line of a piece, with the poem and the version it comes from."""

    line: int
    text: str
    poem: str | None
    """None: the poem contains words of a human, so no page links to it."""
    version: int | None
    """None: hidden, as for `Poem.version`."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece as one visitor sees it."""

    id: str
    voice: str
    title: str
    author: str | None
    status: SubmissionStatus
    """Pieces are moderated like submissions, because the title is a human's."""
    created: datetime
    mine: bool
    lines: tuple[PieceLine, ...]
    reason: str | None = None
    """Why it was rejected, as for a submission."""

    @property
    def text(self) -> str:
        """Its lines, one per row."""
        return "\n".join(line.text for line in self.lines)

    @property
    def versions(self) -> tuple[int, ...]:
        """Numbers of the versions that wrote its lines, without hidden ones."""
        return tuple(sorted({line.version for line in self.lines if line.version is not None}))


KOREA = timezone(timedelta(hours=9), "KST")
FEWEST_READERS = 2
"""Readers who must have ticked a poem for it to become the next day's: a single one would only see his own choice."""


@dataclass(frozen=True, slots=True)
class Day:
    """A day with its poem."""

    date: date
    poem: Poem
    readers: int
    """How many readers ticked it the day before; 0: it was written from the day's seed."""


def zone_of(language: str) -> timezone:
    """The time zone of a voice or page: Korea's for Korean, else UTC."""
    return KOREA if language.partition("-")[0] == "ko" else UTC


def date_of(language: str, moment: datetime) -> date:
    """The date at that moment in the language's time zone."""
    return moment.astimezone(zone_of(language)).date()


def begin_of(language: str, day: date) -> datetime:
    """The midnight at which a day begins in the language's time zone."""
    return datetime.combine(day, time(), zone_of(language))


def chosen(loved: Iterable[Day], language: str, *, had: Collection[str]) -> Day | None:
    """The first candidate in *loved* that may be the poem of the day; None: a poem is written from the day's seed.

    *loved*: candidates, most ticked first. *had*: ids of poems that were the poem of a day before. The poem must have
    been written the day before, because older poems had their chance; enough readers must have ticked it; and it must
    not have been the poem of a day before.
    """
    for one in loved:
        fresh = date_of(language, one.poem.created) == one.date - timedelta(days=1)
        if fresh and one.readers >= FEWEST_READERS and one.poem.id not in had:
            return one
    return None


def seed_of(voice: str, day: date) -> int:
    """The seed of a day's poem: a 31-bit hash of voice and date."""
    return int.from_bytes(hashlib.sha256(f"{voice}|{day}".encode()).digest()[:4]) >> 1
