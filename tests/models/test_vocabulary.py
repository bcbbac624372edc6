"""Vocabulary: any text can be learned, and whatever is written is text."""

import unicodedata
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.vocabulary import (
    AFTER_WORD,
    END,
    FIRST_BYTE,
    FIRST_CHARACTER,
    LETTER,
    SPELLING,
    Vocabulary,
    normalise,
)

BETWEEN = {0, SPELLING, AFTER_WORD}
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
KOREAN = Vocabulary.of(["봄비가 온다\n창을 닫는다\n봄비가 온다"], at_least=1)
ASCII_AND_KOREAN = Vocabulary.of(["봄비 spring rain, é — \n"], at_least=1)
VERSE = "The sea, the sea! I don't know\nthe  sea_side’s 12 winds—봄비가 온다\nof The sea"
WORDS = Vocabulary.of([VERSE], at_least=1, words=100)
FEW_WORDS = Vocabulary.of([VERSE], at_least=2, words=3)
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)  # half surrogates included
LIKE_THE_VERSE = st.lists(st.sampled_from([*" \n,!—’'_1봄뷁\u0301", "the", "sea", "ea", "The", "know", " the", " sea"]))
SOME_TEXT = ANY_TEXT | LIKE_THE_VERSE.map("".join)
EACH = {"korean": KOREAN, "mixed": ASCII_AND_KOREAN, "bytes": Vocabulary(()), "words": WORDS, "few words": FEW_WORDS}
each_vocabulary = pytest.mark.parametrize("vocabulary", EACH.values(), ids=EACH)


@each_vocabulary
@given(text=SOME_TEXT)
def test_any_text_comes_back(vocabulary: Vocabulary, text: str) -> None:
    """Encoding loses nothing but what `normalise` takes away: emoji, jamo, spaces and half surrogates included."""
    ids = vocabulary.encode(text)

    assert vocabulary.decode(ids) == normalise(text)
    assert vocabulary.sizes[ids].sum() == len(normalise(text))


@given(ANY_TEXT)
def test_normalising_twice_is_normalising_once(text: str) -> None:
    """A text that was stored is already normal."""
    once = normalise(text)

    assert normalise(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert "\r" not in once
    once.encode("utf-8")


@each_vocabulary
@given(text=SOME_TEXT)
def test_whatever_is_encoded_is_grammatical(vocabulary: Vocabulary, text: str) -> None:
    """A text's symbols are a word of the grammar, or training would teach what decoding forbids."""
    printable = "".join(c for c in normalise(text) if unicodedata.category(c) != "Cc")
    grammar, state = vocabulary.grammar, 0

    for symbol in vocabulary.encode(printable):
        assert grammar.allowed[state, symbol]
        state = int(grammar.follows[state, symbol])

    assert state in BETWEEN


@each_vocabulary
@given(seed=st.integers(0, 2**32 - 1))
def test_a_walk_through_the_grammar_is_utf8(vocabulary: Vocabulary, seed: int) -> None:
    """However the symbols are drawn, what stands between two characters decodes without a broken byte."""
    rng, grammar = np.random.default_rng(seed), vocabulary.grammar
    state, walked, whole = 0, [], 0

    for _ in range(60):
        walked.append(int(rng.choice(np.flatnonzero(grammar.allowed[state]))))
        state = int(grammar.follows[state, walked[-1]])
        whole = len(walked) if state in BETWEEN else whole

    text, itself = vocabulary.decode(walked[:whole]), [FIRST_BYTE + byte for byte in REPLACEMENT.encode()]
    assert text.count(REPLACEMENT) == sum(walked[i : i + 3] == itself for i in range(whole)), "but where it is meant"
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
    assert set(np.flatnonzero(KOREAN.grammar.allowed[:, END])) == BETWEEN


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


def said(vocabulary: Vocabulary, text: str) -> list[str]:
    """What each symbol of *text* says alone."""
    return [vocabulary.decode([symbol]) for symbol in vocabulary.encode(text)]


def test_a_word_brings_the_space_before_it() -> None:
    """So that the space between two words costs nothing of its own; every other space is a character."""
    assert said(WORDS, "The sea, I don't  know\nThe") == ["The", " sea", ",", " I", " don't", " ", " know", "\n", "The"]


def test_an_unknown_word_is_spelled() -> None:
    """In characters, an unknown one of them in bytes; a word that is known without its space keeps its symbol."""
    assert said(WORDS, "The seas") == ["The", *" seas"]
    assert said(WORDS, "know 12winds") == [*"know 12winds"]  # never seen at a line's begin; never seen in one word
    assert said(Vocabulary(("a", " "), ("sea",)), "a sea") == ["a", " ", "sea"]
    assert WORDS.encode(" 뷁")[1:] == [FIRST_BYTE + b for b in "뷁".encode()]


@given(seed=st.integers(0, 2**32 - 1))
def test_words_do_not_touch(seed: int) -> None:
    """However the symbols are drawn, no word is glued to a letter: that would be another word, spelled otherwise."""
    rng, grammar, state = np.random.default_rng(seed), WORDS.grammar, 0
    walked: list[str] = []

    for _ in range(60):
        options = np.flatnonzero(grammar.allowed[state])
        symbol = int(rng.choice(options[options >= FIRST_CHARACTER]))
        walked.append(WORDS.decode([symbol]))
        state = int(grammar.follows[state, symbol])

    for before, after in pairwise(walked):
        touch = LETTER.match(before[-1]) and LETTER.match(after[0])
        assert not touch or len(before) == len(after) == 1


def test_the_most_frequent_words_are_symbols() -> None:
    """At most so many, by frequency, as the same texts always give them; a word of one letter is that letter."""
    vocabulary = Vocabulary.of(["I see\nI see, we see, we see\nsee"], at_least=2, words=2)

    assert vocabulary.words == (" see", " we")
    assert "I" in vocabulary.characters
    assert Vocabulary.of(["I see"], at_least=1).words == ()


@each_vocabulary
def test_a_vocabulary_is_kept_as_its_pieces(vocabulary: Vocabulary) -> None:
    """What `vocabulary.json` holds."""
    assert Vocabulary.of_pieces(vocabulary.pieces) == vocabulary


@pytest.mark.parametrize("words", [("see", "see"), ("a b",), ("a",), ("  see",), ("see ",), ("",)])
def test_words_are_runs_of_letters(words: tuple[str, ...]) -> None:
    """With the one space before them."""
    with pytest.raises(ValueError, match="character"):
        Vocabulary((), words)
