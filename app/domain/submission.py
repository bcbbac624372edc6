"""Submissions: poems that visitors teach, and the validation of their texts.

The screen checks a text in three ways: for personal data, which must not be stored; for words of the block list, also
in disguised spelling; and by a sketch that finds near-duplicates. `app/actions/submissions.py` acts on the results.
"""

import hashlib
import tomllib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import regex

from app.domain.errors import Unfit

WORDS = tomllib.loads((Path(__file__).parent / "blocked_words.toml").read_text(encoding="utf-8"))
"""The block list; the file explains its parts."""
SKETCH = 24
"""Hashes in the sketch of a text."""
NEAR = 0.5
"""Two texts that share this part of their sketches are near-duplicates."""
_SHINGLE = 3
"""Letters in a row that are hashed together."""

_LEADS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_TAILS = ("", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ")
_SPELT = regex.compile(rf"([{_LEADS}])([{_VOWELS}])((?:[{''.join(_TAILS)}](?![{_VOWELS}]))?)")
_TAIL_APART = regex.compile(rf"([가-힣])([{''.join(_TAILS)}])(?![{_VOWELS}{''.join(_TAILS)}])")
_COMPATIBLE = str.maketrans(
    {chr(0x1100 + i): c for i, c in enumerate(_LEADS)}
    | {chr(0x1161 + i): c for i, c in enumerate(_VOWELS)}
    | {chr(0x11A7 + i): c for i, c in enumerate(_TAILS) if c}
)
_LOOK_ALIKE = str.maketrans("аесорхуікмтнвѕјӏԁһфαεικνορτυχսո", "aecopxyikmthbsjldhfaeiknoptuxun") | str.maketrans(
    "01345789@$!|", "oieastbgasii"
)
"""Cyrillic, Greek and Armenian letters, digits and signs that look like Latin letters."""
_IN_BOXES = {
    first + i: letter for first in (0x1F150, 0x1F170, 0x1F1E6) for i, letter in enumerate("abcdefghijklmnopqrstuvwxyz")
}
"""Letters in boxes and regional indicators, which Unicode's compatibility forms do not map to letters."""
_NOT_HANGUL = regex.compile(r"\P{Hangul}+")
_INVISIBLE = regex.compile(r"[\p{Cf}\p{Mn}\p{Me}\u115F\u1160\u3164\uFFA0]")


def _plain(text: str) -> str:
    """Normalize for the block list: NFKC, case-folded, no invisible characters, Hangul composed, jamo as letters."""
    folded = unicodedata.normalize("NFKC", text.translate(_IN_BOXES)).casefold()
    spelt = unicodedata.normalize("NFC", folded).translate(_COMPATIBLE)
    bare = _NOT_HANGUL.sub(lambda found: unicodedata.normalize("NFD", found.group()), spelt)
    return str(_INVISIBLE.sub("", bare))


def composed(text: str) -> str:
    """Compose Hangul letters that were typed separately: ㅂㅗㅁ and 보ㅁ become 봄."""

    def syllable(found: "regex.Match[str]") -> str:
        lead, vowel, tail = found.groups()
        return chr(0xAC00 + (_LEADS.index(lead) * 21 + _VOWELS.index(vowel)) * 28 + _TAILS.index(tail))

    def with_tail(found: "regex.Match[str]") -> str:
        open_, tail = found.groups()
        closed = (ord(open_) - 0xAC00) % 28
        return found.group() if closed else chr(ord(open_) + _TAILS.index(tail))

    return str(_TAIL_APART.sub(with_tail, _SPELT.sub(syllable, text)))


def _pattern(words: Iterable[str], *, between: str) -> "regex.Pattern[str]":
    """Match any of *words* at the start of a word; also with repeated letters, or with signs or spaces between them."""
    harmless = "|".join(map(regex.escape, WORDS["harmless"]))
    tight = (rf"{between}*".join(rf"{regex.escape(c)}+" for c in word) for word in words)
    loose = (r"\s+".join(regex.escape(c) for c in word) for word in words if len(word) > 1)
    return regex.compile(rf"(?<!\p{{L}})(?:(?!{harmless})(?:{'|'.join(tight)})|(?:{'|'.join(loose)})(?!\p{{L}}))")


_SIGNS = r"[^\p{L}\p{N}\s]"
_KOREAN = _pattern(WORDS["korean"], between=r"[^\p{L}\s]")
_INITIALS = _pattern(WORDS["initials"], between=_SIGNS)
_ENGLISH = _pattern(WORDS["english"], between=_SIGNS)
_MASKED = regex.compile("|".join(rf"(?<!\p{{L}}){word.replace('*', '[*#%@&]{1,2}')}" for word in WORDS["masked"]))


def blocked(text: str) -> str | None:
    """The blocked word in *text*, as it is spelled there; None if there is none."""
    plain = _plain(text)
    for pattern, seen in (
        (_KOREAN, plain),
        (_KOREAN, composed(plain)),
        (_INITIALS, plain),
        (_ENGLISH, plain),
        (_ENGLISH, plain.translate(_LOOK_ALIKE)),
        (_MASKED, plain),
    ):
        found = pattern.search(seen)
        if found:
            return str(found.group())
    return None


_READ_OUT = str.maketrans("공영일이삼사오육륙칠팔구", "001234566789")
_PERSONAL = {
    "e_mail": (
        (
            r"[\w.+-]{1,64}\s{0,3}(?:@|\[at\]|\(at\)|골뱅이)\s{0,3}"
            r"[\w-]{1,63}(?:\s{0,3}(?:\.|\(dot\)|\[dot\]|\s점\s)\s{0,3}[\w-]{2,63})+"
        ),
    ),
    "resident_number": (
        r"(?<!\d)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\s{0,3}[-–—.]?\s{0,3}[1-8]\d{6}(?!\d)",
        r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)",
    ),
    "phone": (
        (
            r"(?<!\d)(?:\+?82[-–. ]{0,3}\(?0?\)?|\(?0)(?:1[016789]|2|[3-6][1-5]|70|50\d?)\)?"
            r"[-–. ]{0,3}\d{3,4}[-–. ]{0,3}\d{4}(?!\d)"
        ),
        r"\+\d{1,3}(?:[-–. ()]{0,3}\d){8,12}(?!\d)",
        r"(?<!\d)\(?[2-9]\d{2}\)?[-–. ]\d{3}[-–.]\d{4}(?!\d)",
    ),
    "card": (r"(?<!\d)(?:\d{4}[- ]){3}\d{4}(?!\d)", r"(?<!\d)\d{16}(?!\d)"),
    "address": (
        (
            r"[가-힣]{1,10}(?:시|군|구|읍|면)\s{1,3}(?:[가-힣\d]{1,10}(?:구|읍|면|동|리)\s{1,3}){0,3}"
            r"[가-힣\d]{1,12}(?:대로|로|길)\s?\d{1,5}(?!\d*(?:년|월|일|시|분|번\s))"
        ),
        r"[가-힣]{1,10}\d{0,3}(?:동|리|가)\s?(?:산\s?)?\d{1,5}(?:-\d{1,5})?\s?번지",
        r"(?<!\d)\d{1,4}동\s?\d{1,4}호",
        (
            r"(?<!\d)\d{1,5}\s(?:[A-Z][a-z]{1,20}\s){1,3}"
            r"(?:Street|St\.|Avenue|Ave\.|Road|Rd\.|Lane|Drive|Boulevard|Blvd\.?)(?!\w)"
        ),
    ),
}
"""Patterns by kind. Every repetition is bounded, so that no text takes long to check."""
_PERSONAL_DATA = {kind: regex.compile("|".join(patterns)) for kind, patterns in _PERSONAL.items()}
_DIGITS_APART = regex.compile(
    r"(?<![\d공영일이삼사오육륙칠팔구])[공영일이삼사오육륙칠팔구\d](?:[-–. ][공영일이삼사오육륙칠팔구\d]){8,15}(?!\d)"
)
_DIGITS_READ_OUT = regex.compile(r"(?:[공영일이삼사오육륙칠팔구\d][-–. ]?){9,}")


def personal_data(text: str) -> str | None:
    """The kind of personal data in *text* (`e_mail`, `resident_number`, `phone`, `card`, `address`), or None."""
    plain = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    read_out = _DIGITS_READ_OUT.sub(lambda found: found.group().translate(_READ_OUT), plain)
    together = _DIGITS_APART.sub(lambda found: regex.sub("[-–. ]", "", found.group()).translate(_READ_OUT), plain)
    for kind, pattern in _PERSONAL_DATA.items():
        if any(pattern.search(seen) for seen in (plain, read_out, together)):
            return kind
    return None


def letters(text: str) -> str:
    """The letters and digits of a text, normalized by NFKC and case folding."""
    return str(regex.sub(r"[^\p{L}\p{N}]", "", unicodedata.normalize("NFKC", text).casefold()))


def sketch(text: str) -> frozenset[int]:
    """The smallest hashes of the text's shingles (MinHash): near-duplicates share most of them."""
    bare = letters(text)
    runs = {bare[i : i + _SHINGLE] for i in range(max(1, len(bare) - _SHINGLE + 1))}
    hashes = (int.from_bytes(hashlib.blake2b(run.encode(), digest_size=4).digest(), "big") >> 1 for run in runs)
    return frozenset(sorted(hashes)[:SKETCH])


SHORTEST = 10
"""Fewest characters (graphemes) of a poem."""
LONGEST = 5_000
LONGEST_TITLE = 100
_FORBIDDEN = regex.compile(r"[\p{Cc}\p{Cs}\p{Co}\p{Cn}\uFFFD--[\n\r\t]]", regex.VERSION1)
_DIRECTION = regex.compile(r"[\u202A-\u202E\u2066-\u2069\u200E\u200F\u061C]")
_GRAPHEME = regex.compile(r"\X")
_FLOOD = regex.compile(r"\p{M}{5,}")
"""More combining marks on one letter than any orthography uses ("Zalgo" text)."""
_LETTER = regex.compile(r"\p{L}")
_NOT_HAN = regex.compile(r"[\p{L}--\p{Han}]", regex.VERSION1)
_HANGUL = regex.compile(r"\p{Hangul}")


class SubmissionStatus(StrEnum):
    """The moderation status of a submission or piece."""

    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class Decline(StrEnum):
    """Standard reasons for rejecting a poem, translated for its author."""

    NOT_VERSE = "not_verse"
    RIGHTS = "rights"
    PERSONAL = "personal"
    HURTFUL = "hurtful"
    KNOWN = "known"


LONGEST_REASON = 200
"""Most characters of a reason in the moderator's own words."""


class Flag(StrEnum):
    """Why a moderator must look at a submission, even with `AUTO_APPROVE`."""

    BLOCKED = "blocked"
    """It contains a word of the block list."""
    TWIN = "twin"
    """It is a near-duplicate of another submission."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A poem a visitor taught."""

    id: int
    token: str
    """Secret part of the address of its page, which only the author knows."""
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
    """Results of the screen, for moderators only."""
    reason: str | None = None
    """Why it was rejected: a `Decline`, or the moderator's own words."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A validated text that a visitor wants to submit."""

    text: str
    title: str | None
    author: str | None
    fingerprint: str
    """Equal for texts that differ only in spacing, case and punctuation."""
    sketch: frozenset[int] = frozenset()
    """Near-duplicates share most of it."""
    blocked: bool = False
    """Does it contain a word of the block list?"""


def graphemes(text: str) -> int:
    """Number of characters as a reader counts them (grapheme clusters), spaces included."""
    return sum(1 for _ in _GRAPHEME.finditer(text))


def clean(text: str) -> str:
    """Normalize: NFC, Unix line ends, single spaces, at most one blank line in a row, no direction marks."""
    whole = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    lines = [" ".join(line.split()) for line in _DIRECTION.sub("", whole).split("\n")]
    return regex.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def fingerprint(text: str) -> str:
    """SHA-256 of the text's normalized letters and digits."""
    return hashlib.sha256((letters(text) or text).encode()).hexdigest()


def checked(text: str) -> str:
    """The text normalized. Raises Unfit for control characters and the like."""
    found = _FORBIDDEN.search(text) or _FLOOD.search(unicodedata.normalize("NFC", text))
    if found:
        sign = name_of(found.group()[0])
        raise Unfit("not_text", f"this is not readable text: {sign}", sign=sign)
    return clean(text)


def name_of(sign: str) -> str:
    """The code point of a character, with its Unicode name if it has one."""
    return f"U+{ord(sign):04X} {unicodedata.name(sign, '')}".strip()


def in_script(text: str, language: str) -> bool:
    """Is the text in the script of a language? Told apart are only Hangul, for Korean, and all others."""
    hangul, all_ = len(_HANGUL.findall(text)), len(_NOT_HAN.findall(text))
    return not all_ or (hangul * 2 >= all_) == (language.split("-", maxsplit=1)[0] == "ko")


def one_line(words: str) -> str:
    """A title or name, normalized to one line. Raises Unfit."""
    return " ".join(checked(words).split())


def first_status(*, flagged: bool, auto_approve: bool) -> SubmissionStatus:
    """The initial status: waiting, or approved with `AUTO_APPROVE` if nothing was flagged."""
    return SubmissionStatus.APPROVED if auto_approve and not flagged else SubmissionStatus.WAITING


def reason_for(status: SubmissionStatus, typed: str) -> str | None:
    """The reason for a rejection, for its author; None for other decisions. Raises Unfit."""
    said = one_line(typed)[:LONGEST_REASON].strip()
    return said or None if status is SubmissionStatus.REJECTED else None


def screened(text: str, *names: str | None) -> str:
    """The text with title and author, for the block list. Raises Unfit: `title_too_long`, `personal_data`."""
    if any(name and len(name) > LONGEST_TITLE for name in names):
        raise Unfit("title_too_long", f"a title or a name has at most {LONGEST_TITLE} characters")
    whole = "\n".join(filter(None, (text, *names)))
    if kind := personal_data(whole):
        raise Unfit("personal_data", f"there is personal data in it: {kind.replace('_', ' ')}")
    return whole


def examine(text: str, title: str | None, author: str | None, *, consent: bool) -> Offer:
    """Validate what a visitor typed. Raises Unfit.

    Its codes: `empty`, `not_text`, `too_short` (under ten graphemes after normalization), `too_long`,
    `title_too_long`, `personal_data`, `no_consent`.
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
