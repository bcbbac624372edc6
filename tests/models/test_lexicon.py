"""The lexicon: which words stand beside one another in a base's verse."""

import math

import pytest

from models.lexicon import UNRELATED, WORDS, Lexicon, stem

VERSE = ["바다가 밝은 아침이다\n배가 떠난다", "바다는 밝은 아침을 본다\n새가 운다"]
UNKNOWN, UNKNOWN_SHARE = 0, 1
PAIRS, MISSING_PAIRS, TRIPLES, MISSING_TRIPLES = 7, 8, 9, 10
NEAR, ACROSS, FIRST = 11, 13, 16


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    """Of two poems."""
    return Lexicon(VERSE)


def test_words_are_counted_by_their_stems() -> None:
    """Two syllables of a Korean word, since endings follow; other words whole."""
    assert [stem(word) for word in ("바다에서", "봄", "Sea,", "!", "")] == ["바다", "봄", "sea", "", ""]


def test_pairs_and_triples_of_the_verse_are_known(lexicon: Lexicon) -> None:
    """Whatever their endings; in another order they are not."""
    said = lexicon.features(["바다를 밝은 아침에 본다"])
    turned = lexicon.features(["본다 아침에 밝은 바다를"])

    assert (said[PAIRS], said[MISSING_PAIRS], said[TRIPLES], said[MISSING_TRIPLES]) == (1, 0, 1, 0)
    assert (turned[PAIRS], turned[MISSING_PAIRS], turned[TRIPLES], turned[MISSING_TRIPLES]) == (0, 3, 0, 2)
    assert said[NEAR] > turned[NEAR]


def test_a_phrase_said_twice_is_counted_twice(lexicon: Lexicon) -> None:
    """Two words that met twice, each in all three lines where it might, are nearer than two that met once."""
    twice, once = lexicon.features(["바다가 밝은"])[NEAR], lexicon.features(["새가 운다"])[NEAR]

    assert twice == pytest.approx(math.log(3) - math.log(3))
    assert once == pytest.approx(math.log(2) - math.log(2))
    assert lexicon.features(["바다가 운다"])[NEAR] == pytest.approx(-0.5 * (math.log(3) + math.log(2)))


def test_lines_are_related_as_neighbours_in_the_verse_were(lexicon: Lexicon) -> None:
    """In their order; of a single line nothing can be said, nor of the same word twice."""
    follows, turned = lexicon.features(["바다가 밝다", "배가 떠난다"]), lexicon.features(["떠난다", "바다가"])

    assert follows[ACROSS] > turned[ACROSS] > UNRELATED
    assert lexicon.features(["바다가"])[ACROSS] == lexicon.features(["바다가", "바다는"])[ACROSS] == UNRELATED
    assert lexicon.features(["바다가", "없다", "배가"])[FIRST] > UNRELATED


def test_a_word_it_does_not_know_is_counted(lexicon: Lexicon) -> None:
    """It meets nothing: not even another that is unknown."""
    said = lexicon.features(["기차가 소금밭에", "바다가 간다"])

    assert (said[UNKNOWN], said[UNKNOWN_SHARE], said[MISSING_PAIRS]) == (3, 0.75, 2)


@pytest.mark.parametrize("poem", [[], [""], ["..."], ["바다"], [" ".join(["말"] * 3 * WORDS)]])
def test_every_poem_has_as_many_features(lexicon: Lexicon, poem: list[str]) -> None:
    """Finite ones, with words or without, and with an empty verse too."""
    for one in (lexicon, Lexicon([]), Lexicon([""])):
        features = one.features(poem)
        assert len(features) == 18
        assert all(map(math.isfinite, features))
