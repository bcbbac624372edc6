"""Submissions: poems that visitors teach, and whether a text is fit to be one."""

import hashlib
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import regex

from app.domain.errors import Unfit
from app.domain.screening import blocked, letters, personal_data, sketch

SHORTEST = 10
"""Characters (graphemes), as the ancestor's page promised."""
LONGEST = 5_000
LONGEST_TITLE = 100
_FORBIDDEN = regex.compile(r"[\p{Cc}\p{Cs}\p{Co}\p{Cn}\uFFFD--[\n\r\t]]", regex.VERSION1)
_DIRECTION = regex.compile(r"[\u202A-\u202E\u2066-\u2069\u200E\u200F\u061C]")
_GRAPHEME = regex.compile(r"\X")
_FLOOD = regex.compile(r"\p{M}{5,}")
"""More marks on one letter than any living orthography has: Zalgo."""
_LETTER = regex.compile(r"\p{L}")


class SubmissionStatus(StrEnum):
    """Where a submission stands."""

    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class Decline(StrEnum):
    """The usual reasons for declining a poem; its author reads them in his language."""

    NOT_VERSE = "not_verse"
    RIGHTS = "rights"
    PERSONAL = "personal"
    HURTFUL = "hurtful"
    KNOWN = "known"


LONGEST_REASON = 200
"""Characters of a moderator's own words."""


class Flag(StrEnum):
    """Why a person should look at a submission before it is learned, whatever the settings say."""

    BLOCKED = "blocked"
    """It holds a word of the block list."""
    TWIN = "twin"
    """Nearly the same poem has been taught."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A poem a visitor taught."""

    id: int
    token: str
    """The author's private key to its page."""
    voice: str
    status: SubmissionStatus
    text: str
    title: str | None
    author: str | None
    created: datetime
    decided: datetime | None
    taught_in: tuple[int, ...]
    """Numbers of the versions whose lesson held it, oldest first."""
    flags: tuple[str, ...] = ()
    """What the screen found; for moderators only."""
    reason: str | None = None
    """Why it was declined, if the moderator said so: a `Decline`, or words of his own."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a visitor typed into the teach box, cleaned and found fit."""

    text: str
    title: str | None
    author: str | None
    fingerprint: str
    """Equal for texts that differ in nothing but spacing, case and punctuation."""
    sketch: frozenset[int] = frozenset()
    """Shared in large part by texts that are nearly the same."""
    blocked: bool = False
    """Does it hold a word of the block list?"""


def graphemes(text: str) -> int:
    """Characters as a reader counts them; the spaces between words are characters too."""
    return sum(1 for _ in _GRAPHEME.finditer(text))


def clean(text: str) -> str:
    """NFC, one kind of line end, no trailing space, at most one blank line in a row, no direction marks."""
    whole = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    lines = [" ".join(line.split()) for line in _DIRECTION.sub("", whole).split("\n")]
    return regex.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def fingerprint(text: str) -> str:
    """SHA-256 of the letters and digits alone, compatibility forms and case folded."""
    return hashlib.sha256((letters(text) or text).encode()).hexdigest()


def checked(text: str) -> str:
    """The text cleaned. Raises Unfit for what is not text."""
    if _FORBIDDEN.search(text) or _FLOOD.search(unicodedata.normalize("NFC", text)):
        raise Unfit("not_text", "this is not readable text")
    return clean(text)


def one_line(words: str) -> str:
    """A title or a name, cleaned. Raises Unfit for what is not text."""
    return " ".join(checked(words).split())


def reason_for(status: SubmissionStatus, typed: str) -> str | None:
    """Why something is declined, for its author; None for other decisions. Raises Unfit for what is not text."""
    said = one_line(typed)[:LONGEST_REASON].strip()
    return said or None if status is SubmissionStatus.REJECTED else None


def screened(text: str, *names: str | None) -> str:
    """The text with its *names*, as the screen is to see them. Raises Unfit: `title_too_long`, `personal_data`."""
    if any(name and len(name) > LONGEST_TITLE for name in names):
        raise Unfit("title_too_long", f"a title or a name has at most {LONGEST_TITLE} characters")
    whole = "\n".join(filter(None, (text, *names)))
    if kind := personal_data(whole):
        raise Unfit("personal_data", f"there is personal data in it: {kind.replace('_', ' ')}")
    return whole


def examine(text: str, title: str | None, author: str | None, *, consent: bool) -> Offer:
    """What a visitor typed, cleaned and found fit. Raises Unfit, with its reason as `code`.

    `empty`, `not_text`, `too_short` (under ten graphemes after NFC and trimming),
    `too_long`, `title_too_long`, `personal_data`, `no_consent`.
    """
    if not text.strip():
        raise Unfit("empty", "there is no poem here yet")
    if len(text) > LONGEST * 4:
        raise Unfit("too_long", f"a poem has at most {LONGEST} characters")
    kept = checked(text)
    if graphemes(kept) < SHORTEST:
        raise Unfit("too_short", f"a poem has at least {SHORTEST} characters")
    if len(kept) > LONGEST:
        raise Unfit("too_long", f"a poem has at most {LONGEST} characters")
    if not _LETTER.search(kept):
        raise Unfit("not_text", "a poem has letters in it")
    names = [one_line(name or "") or None for name in (title, author)]
    whole = screened(kept, *names)
    if not consent:
        raise Unfit("no_consent", "without your consent the poem cannot be learned")
    return Offer(kept, names[0], names[1], fingerprint(kept), sketch(kept), blocked=blocked(whole) is not None)
