"""A submission: a visitor teaches a poem, takes it back; a moderator decides. And: is the text fit to be learned?"""

import hashlib
import unicodedata
from collections.abc import Sequence

import regex

from app.actions.visitors import greet
from app.bootstrap import Bot
from app.domain.errors import Unfit
from app.domain.screening import NEAR, blocked, letters, personal_data, sketch
from app.domain.submission import LONGEST, LONGEST_TITLE, SHORTEST, Flag, Offer, Submission, SubmissionStatus
from app.domain.visitor import Visitor
from app.store.audit import Audit
from app.store.guesses import Guesses
from app.store.submissions import Submissions
from app.store.voices import Voices

_FORBIDDEN = regex.compile(r"[\p{Cc}\p{Cs}\p{Co}\p{Cn}\uFFFD--[\n\r\t]]", regex.VERSION1)
_DIRECTION = regex.compile(r"[\u202A-\u202E\u2066-\u2069\u200E\u200F\u061C]")
_GRAPHEME = regex.compile(r"\X")
_FLOOD = regex.compile(r"\p{M}{5,}")
"""More marks on one letter than any living orthography has: Zalgo."""
_LETTER = regex.compile(r"\p{L}")


def teach(
    bot: Bot,
    voice: str,
    *,
    by: Visitor,
    text: str,
    title: str | None = None,
    author: str | None = None,
    consent: bool,
    quotable: bool = False,
) -> tuple[Submission, bool]:
    """Take what a visitor teaches; True when it is new. Raises Unfit, AlreadyTaught, UnknownVoice.

    It waits for a moderator, or, where the deployment trusts its checks (`AUTO_APPROVE`), goes straight into the
    lesson; what the screen has flagged waits in either case. *quotable*: single lines of it may be shown in the
    guessing game.
    """
    with bot.reads(Voices) as voices:
        voices.check(voice)
    offer = examine(text, title, author, consent=consent)
    with bot.transaction() as session:
        greet(session, bot, by)
        submissions = Submissions(session)
        twin = submissions.has_twin(offer.sketch, voice, share=NEAR)
        flags = [flag for flag, up in ((Flag.BLOCKED, offer.blocked), (Flag.TWIN, twin)) if up]
        status = SubmissionStatus.APPROVED if bot.settings.auto_approve and not flags else SubmissionStatus.WAITING
        given, new = submissions.add(
            offer, voice, by.id, address=by.address, status=status, now=bot.clock(), flags=flags
        )
        if quotable:
            Guesses(session).allow(given.id)
        return given, new


def withdraw(bot: Bot, token: str) -> Submission:
    """Its author takes it back: the next lesson is without it. Raises UnknownSubmission."""
    with bot.transaction() as session:
        return Submissions(session).withdraw(token, bot.clock())


def decide(bot: Bot, ids: Sequence[int], status: SubmissionStatus, *, by: str) -> list[Submission]:
    """Approve or reject, or put back into the queue; what its author has withdrawn stays so. Raises UnknownSubmission.

    All of them, or none.
    """
    with bot.transaction() as session:
        decided = Submissions(session).decide(ids, status, by=by, now=bot.clock())
        for given in decided:
            detail = f"now {given.status}"
            Audit(session).add(by, f"submission.{status}", f"submission {given.id}", detail, bot.clock())
    return decided


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
