"""Submissions: what is text is taken, in any script; what is not is said so, and nothing crashes."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import Unfit
from app.domain.submission import LONGEST, LONGEST_TITLE, SHORTEST, examine, fingerprint, graphemes

FAMILY = "👨‍👩‍👧‍👦"
POEM = "봄비가 온다\n창을 닫는다"
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)  # half surrogates and all


def refused(text: str, *, title: str | None = None, author: str | None = None, consent: bool = True) -> str | None:
    """The code with which a text is refused; None when it is taken."""
    try:
        examine(text, title, author, consent=consent)
    except Unfit as unfit:
        return unfit.code
    return None


def test_a_poem_is_taken_as_it_was_typed() -> None:
    """Lines stay lines; spaces at their ends and more than one blank line go."""
    offer = examine("  봄비가   온다 \r\n\r\n\r\n\r\n창을 닫는다\n", " 봄 ", "", consent=True)

    assert offer.text == "봄비가 온다\n\n창을 닫는다"
    assert offer.title == "봄"
    assert offer.author is None


@pytest.mark.parametrize("text", ["", "   ", "\n\n\t\n", "\u3000\u00a0"])
def test_nothing_is_no_poem(text: str) -> None:
    """Empty, or white: the box was sent by mistake."""
    assert refused(text) == "empty"


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("가나다라마바사아자", 9),
        ("가나다라마바사아자차", 10),
        ("봄비가 온다\n창을", 9),
        ("봄비가 온다\n창을 ", 9),
        ("봄비가 온다\n창을 닫", 11),
    ],
)
def test_ten_characters_are_enough_and_nine_are_not(text: str, length: int) -> None:
    """The promise of the page, counted on the server after trimming; a space between words is a character."""
    assert graphemes(text.strip()) == length
    assert refused(text) == (None if length >= SHORTEST else "too_short")


def test_a_family_is_one_character() -> None:
    """Seven code points joined are one character, as a reader counts them."""
    assert graphemes(FAMILY * 3) == 3
    assert refused(f"봄 {FAMILY * 7}") == "too_short"
    assert refused(f"봄 {FAMILY * 8}") is None


def test_unnormalised_jamo_are_counted_as_syllables() -> None:
    """Nine syllables from a Mac, twenty code points, are still nine; ten are taken, composed."""
    nine, ten = "봄비가온다창을닫는", "봄비가온다창을닫는다"

    assert refused(unicodedata.normalize("NFD", nine)) == "too_short"
    assert examine(unicodedata.normalize("NFD", ten), None, None, consent=True).text == ten


@pytest.mark.parametrize(
    "text",
    [
        POEM + "\x00",
        POEM + chr(0xD800),
        chr(0xDC00) + POEM,
        POEM + "\x1b[31m",
        POEM + "\ufffd",
        POEM + "\ue000",
        "Z" + "\u0301" * 40 + POEM,
        "1234567890123",
        "..........!!!!",
    ],
    ids=["nul", "high-surrogate", "low-surrogate", "escape", "replacement", "private", "zalgo", "digits", "dots"],
)
def test_what_is_not_text_is_refused(text: str) -> None:
    """Bytes, floods of marks and rows of dots are turned away with a reason, not learned."""
    assert refused(text) == "not_text"


def test_direction_marks_are_taken_out() -> None:
    """An override could make a page read backwards; the words stay."""
    offer = examine(f"\u202e{POEM}\u202c\u2066", None, None, consent=True)

    assert offer.text == POEM


@pytest.mark.parametrize(
    "text",
    [
        "यह एक छोटी सी कविता है",
        "هذه قصيدة قصيرة جدا",
        "นี่คือบทกวีสั้นๆ ของฉัน",
        "Ceci n’est pas un poème",
        "春は曙やうやう白くなりゆく",
    ],
    ids=["hindi", "arabic", "thai", "french", "japanese"],
)
def test_every_script_is_text(text: str) -> None:
    """Marks and right-to-left letters are how half the world writes."""
    assert refused(text) is None


def test_a_poem_has_an_end() -> None:
    """Five thousand characters are taken, one more is not, and a megabyte is refused without being looked at."""
    longest = "가나다라 마바사아\n" * (LONGEST // 10 - 1) + "가나다라마바사아자차"

    assert refused(longest) is None
    assert refused("가" * (LONGEST + 1)) == "too_long"
    assert refused("가" * 1_000_000) == "too_long"


def test_title_and_author_are_short() -> None:
    """A novel does not go into the title."""
    assert refused(POEM, title="봄" * LONGEST_TITLE) is None
    assert refused(POEM, title="봄" * (LONGEST_TITLE + 1)) == "title_too_long"
    assert refused(POEM, author="봄" * (LONGEST_TITLE + 1)) == "title_too_long"
    assert refused(POEM, title="a\x00b") == "not_text"


def test_nothing_is_taken_without_consent() -> None:
    """The box must be ticked."""
    assert refused(POEM, consent=False) == "no_consent"


def test_personal_data_is_not_kept() -> None:
    """Nobody's telephone number is learned, wherever it stands."""
    assert refused(POEM + "\n전화는 010-1234-5678") == "personal_data"
    assert refused(POEM, author="kim@example.com") == "personal_data"


@given(ANY_TEXT, st.none() | ANY_TEXT, st.none() | ANY_TEXT, st.booleans())
def test_whatever_is_typed_is_taken_or_refused(text: str, title: str | None, author: str | None, consent: bool) -> None:
    """No text at all crashes the check, and what it takes is clean: storable, composed, long enough."""
    code = refused(text, title=title, author=author, consent=consent)
    if code is not None:
        assert code in {"empty", "not_text", "too_short", "too_long", "title_too_long", "personal_data", "no_consent"}
        return
    offer = examine(text, title, author, consent=consent)
    assert consent
    assert graphemes(offer.text) >= SHORTEST
    for part in filter(None, (offer.text, offer.title, offer.author)):
        assert part.encode("utf-8").decode("utf-8") == part == part.strip()
        assert "\x00" not in part
        assert unicodedata.is_normalized("NFC", part)


@given(st.text(min_size=10, max_size=60))
def test_what_was_taken_once_is_taken_again_unchanged(text: str) -> None:
    """Cleaning is done once: a form that comes back filled and is sent again gives the same poem."""
    if refused(text) is None:
        first = examine(text, None, None, consent=True)

        assert examine(first.text, None, None, consent=True) == first


@pytest.mark.parametrize(
    "twin",
    [
        "봄비가  온다 창을 닫는다",
        "봄비가 온다,\n창을 닫는다!",
        unicodedata.normalize("NFD", POEM),
        "“봄비가 온다”\n\n창을 닫는다.",
    ],
    ids=["spacing", "punctuation", "decomposed", "quotes"],
)
def test_a_twin_has_the_same_fingerprint(twin: str) -> None:
    """Spaces, case and punctuation make no new poem."""
    assert fingerprint(twin) == fingerprint(POEM)


def test_fingerprints_tell_poems_apart() -> None:
    """One letter more is another poem; case and width are not."""
    assert fingerprint(POEM) != fingerprint(POEM + "요")
    assert fingerprint("Spring Rain falls") == fingerprint("ｓｐｒｉｎｇ rain, FALLS")
