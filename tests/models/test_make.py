"""Making a base: what is kept aside, how it will speak, what its symbols are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.make import chars_per_symbol, set_aside, stream, style_of, vocabulary_of

POEM = "The sea is out\nthe sea comes in\n\n"


@given(st.lists(st.sampled_from(["the sea", "봄비", "\n", "\n\n", " "]), min_size=20, max_size=200).map("".join))
def test_nothing_is_both_taught_and_kept_aside(text: str) -> None:
    """The text falls into what is learned and its last part; only blank lines between them are lost."""
    taught, aside = set_aside(text)

    assert (taught + aside).replace("\n", "") == text.replace("\n", "")
    assert text.startswith(taught.rstrip("\n"))
    assert text.endswith(aside)
    assert len(aside) <= max(len(text) // 10 + 1, 1)


@pytest.mark.parametrize(("poems", "share"), [(50, 0.1), (300, 0.1), (2000, 0.05)])
def test_of_a_short_text_more_is_kept_aside(poems: int, share: float) -> None:
    """A tenth of a short one, a twentieth of a long one; whole poems."""
    text = POEM * poems
    taught, aside = set_aside(text)

    assert len(aside) / len(text) == pytest.approx(share, abs=0.03)
    assert aside.startswith("The sea is out")
    assert taught.endswith("comes in\n")


def test_it_speaks_in_lines_like_those_it_read() -> None:
    """Nearly as long as the longest, half as long as the shortest; a text without lines gets lines all the same."""
    style = style_of("\n".join("x" * length for length in range(12, 34)), "char")

    assert (style.shortest, style.longest) == (6, 31)
    assert style_of("", "char").longest == 38
    assert style_of("아\n" * 9, "char").shortest == 1
    assert style_of("a" * 5000, "word").longest == 80


@pytest.mark.parametrize(
    ("text", "banned"),
    [("# The sea\nIt is out", "#"), ("It is out", ""), ("# The sea\nNumber #9 is out", ""), ("#include <sea.h>", "")],
)
def test_it_writes_no_titles(text: str, banned: str) -> None:
    """A line of a poem never begins with the mark of a title; where that mark is more, it may be written."""
    assert style_of(text, "char").banned == banned


def test_only_bytes_are_spelled() -> None:
    """A base of characters or words writes what has a symbol; one of bytes could write nothing else."""
    assert [style_of(POEM, level).spell for level in ("char", "word", "byte")] == [False, False, True]


def test_in_a_short_text_fewer_characters_are_spelled() -> None:
    """One seen twice is a symbol there; in a long one, and beside words, it is spelled. One seen once always is."""
    short, long = POEM + "뷁뷁뷃", POEM * 4000 + "뷁뷁뷃"

    assert "뷁" in vocabulary_of([short], "char").characters
    assert "뷁" not in vocabulary_of([long], "char").characters
    assert "뷁" not in vocabulary_of([short], "word").characters
    assert "뷃" not in vocabulary_of([short], "char").characters


def test_levels_are_kinds_of_symbols() -> None:
    """Bytes have no pieces, characters are single, words are both; a symbol stands for so many characters."""
    texts = [POEM * 5]
    char, word, byte = (vocabulary_of(texts, level) for level in ("char", "word", "byte"))

    assert (char.words, byte.pieces) == ((), ())
    assert char.characters == word.characters
    assert word.words[0] == " sea"
    assert chars_per_symbol(texts, char) == chars_per_symbol(texts, byte) == 1
    assert chars_per_symbol(texts, word) == pytest.approx(33 / 11)
    assert chars_per_symbol(["봄비" * 9], byte) == pytest.approx(1 / 3)


def test_words_are_batched_by_as_much_text() -> None:
    """A word is longer than a character, so a batch of them has fewer steps."""
    texts = [POEM * 900]
    chars, words = (stream(texts, vocabulary_of(texts, level)) for level in ("char", "word"))

    assert len(words) == pytest.approx(len(chars) * 11 / 33 * 2, abs=2)
