"""Vocabulary: any text can be learned, and whatever is written is text."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.vocabulary import END, FIRST_BYTE, FIRST_CHARACTER, REPLACEMENT, Vocabulary, normalise

KOREAN = Vocabulary.of(["봄비가 온다\n창을 닫는다\n봄비가 온다"], at_least=1)
ASCII_AND_KOREAN = Vocabulary.of(["봄비 spring rain, é — \n"], at_least=1)
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)  # half surrogates included


@given(ANY_TEXT)
def test_any_text_comes_back(text: str) -> None:
    """Encoding loses nothing but what `normalise` takes away: emoji, jamo and half surrogates included."""
    assert KOREAN.decode(KOREAN.encode(text)) == normalise(text)


@given(ANY_TEXT)
def test_normalising_twice_is_normalising_once(text: str) -> None:
    """A text that was stored is already normal."""
    once = normalise(text)

    assert normalise(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert "\r" not in once
    once.encode("utf-8")


@given(ANY_TEXT)
def test_whatever_is_encoded_is_grammatical(text: str) -> None:
    """A text's symbols are a word of the grammar, or training would teach what decoding forbids."""
    printable = "".join(c for c in normalise(text) if unicodedata.category(c) != "Cc")
    grammar, state = KOREAN.grammar, 0

    for symbol in KOREAN.encode(printable):
        assert grammar.allowed[state, symbol]
        state = int(grammar.follows[state, symbol])

    assert state == 0


@pytest.mark.parametrize("vocabulary", [KOREAN, ASCII_AND_KOREAN], ids=["korean", "mixed"])
@given(seed=st.integers(0, 2**32 - 1))
def test_a_walk_through_the_grammar_is_utf8(vocabulary: Vocabulary, seed: int) -> None:
    """However the symbols are drawn, what stands between two characters decodes without a broken byte."""
    rng, grammar = np.random.default_rng(seed), vocabulary.grammar
    state, walked, whole = 0, [], 0

    for _ in range(60):
        walked.append(int(rng.choice(np.flatnonzero(grammar.allowed[state]))))
        state = int(grammar.follows[state, walked[-1]])
        whole = len(walked) if state == 0 else whole

    text = vocabulary.decode(walked[:whole])
    assert REPLACEMENT not in text
    assert vocabulary.encode(normalise(text)) is not None
    assert text.encode("utf-8").decode("utf-8") == text


def test_the_grammar_never_spells_what_has_a_symbol() -> None:
    """One text has one spelling, so that its probability is one number."""
    grammar = ASCII_AND_KOREAN.grammar

    assert not grammar.allowed[0, FIRST_BYTE + ord("s")]
    assert grammar.allowed[0, FIRST_BYTE + ord("Z")]


def test_the_grammar_writes_no_control_characters() -> None:
    """A line never holds a NUL or a bell."""
    allowed = KOREAN.grammar.allowed[0]

    assert not allowed[FIRST_BYTE : FIRST_BYTE + 0x20].any()
    assert not allowed[FIRST_BYTE + 0x7F : FIRST_BYTE + 0xC2].any()


def test_the_end_is_allowed_only_between_characters() -> None:
    """A poem never ends inside a syllable."""
    assert KOREAN.grammar.allowed[:, END].tolist() == [True] + [False] * 7


def test_a_rare_character_is_spelled_in_bytes() -> None:
    """뷁 has no symbol, so it costs its three bytes of UTF-8."""
    ids = KOREAN.encode("뷁")

    assert ids == [FIRST_BYTE + b for b in "뷁".encode()]
    assert KOREAN.decode(ids) == "뷁"


def test_frequent_characters_come_first() -> None:
    """Ids are by frequency, then by code point, so that the same texts give the same vocabulary."""
    vocabulary = Vocabulary.of(["나나나가가가다"], at_least=1)

    assert vocabulary.characters == ("가", "나", "다")
    assert vocabulary.encode("가다") == [FIRST_CHARACTER, FIRST_CHARACTER + 2]
    assert Vocabulary.of(["나나나가가가다"], at_least=3).characters == ("가", "나")


def test_broken_bytes_are_shown_as_such() -> None:
    """Half a character is U+FFFD, never an exception."""
    assert KOREAN.decode([FIRST_BYTE + 0xEB, FIRST_BYTE + 0xB4]) == REPLACEMENT


def test_decomposed_jamo_are_composed() -> None:
    """A file name from a Mac says 봄 in two code points; it is the same syllable."""
    assert KOREAN.encode(unicodedata.normalize("NFD", "봄비")) == KOREAN.encode("봄비")


@pytest.mark.parametrize("characters", [("가", "가"), ("가나",), ("",)], ids=["doubled", "two-in-one", "empty"])
def test_a_vocabulary_is_made_of_single_characters(characters: tuple[str, ...]) -> None:
    """A symbol stands for one character, and no character has two."""
    with pytest.raises(ValueError, match="character"):
        Vocabulary(characters)
