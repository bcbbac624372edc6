"""Sampling: what may be written, by which numbers, and that the nucleus is the nucleus."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.sample import AFTER_SPACE, BETWEEN, DRAWS, STATES, WHOLE, Rules, draw, key, uniform, uniforms
from models.shapes import FORBIDDEN, LANE, width
from models.vocabulary import AFTER_WORD, END, FIRST_BYTE, SPELLING, Vocabulary

KOREAN = Vocabulary(tuple("가나다라 \n.#\t"))
WORDS = Vocabulary(tuple("aes \n.#"), ("sea", " sea", " see"))
W = 3 * LANE


def some_probabilities(rows: int, seed: int = 0) -> NDArray[np.float32]:
    """Distributions of which some are sharp and some are flat: (rows, W)."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(rows, W)) * rng.uniform(0.1, 4, (rows, 1))
    probabilities = np.exp(logits)
    return np.asarray(probabilities / probabilities.sum(axis=1, keepdims=True), np.float32)


def some_numbers(rows: int, seed: int = 0) -> NDArray[np.float32]:
    """Random numbers of so many rows: (rows, DRAWS)."""
    return uniforms(np.array([key(seed, i) for i in range(rows)], np.uint64), np.zeros(rows, np.int64), DRAWS)


def nucleus_of(probabilities: NDArray[np.float32], share: float) -> set[int]:
    """The smallest set of likeliest symbols that has *share* of the probability."""
    order = np.argsort(-probabilities, kind="stable")
    before = np.concatenate([[0.0], np.cumsum(probabilities[order].astype(float))[:-1]])
    return set(order[before < share - 1e-6].tolist())


@pytest.mark.parametrize("share", [0.05, 0.5, 0.85, 1.0])
def test_only_the_nucleus_is_drawn_and_all_of_it(share: float) -> None:
    """Frequencies are those of the renormalised nucleus; nothing outside is ever drawn."""
    probabilities, many = some_probabilities(1, seed=4), 40_000
    drawn = draw(np.repeat(probabilities, many, axis=0), some_numbers(many), np.full(many, share, np.float32))
    inside = nucleus_of(probabilities[0], share)
    expected = np.zeros(W)
    expected[list(inside)] = probabilities[0, list(inside)] / probabilities[0, list(inside)].sum()
    found = np.bincount(drawn, minlength=W) / many

    assert set(np.flatnonzero(found).tolist()) <= inside
    assert np.abs(found - expected).sum() / 2 < 3 * np.sqrt(expected / many).sum() / 2


def test_a_row_is_drawn_the_same_alone() -> None:
    """Its symbol depends on its own probabilities and numbers only."""
    probabilities, numbers, share = some_probabilities(64), some_numbers(64), np.full(64, 0.6, np.float32)
    together = draw(probabilities, numbers, share)

    assert [draw(probabilities[i : i + 1], numbers[i : i + 1], share[:1])[0] for i in range(64)] == together.tolist()
    shuffled = np.random.default_rng(1).permutation(64)
    assert draw(probabilities[shuffled], numbers[shuffled], share).tolist() == together[shuffled].tolist()


@pytest.mark.parametrize("share", [0.05, 0.6])
def test_probabilities_need_not_sum_to_one(share: float) -> None:
    """Whoever lowers some of them need not raise the others."""
    probabilities, numbers, nucleus = some_probabilities(64), some_numbers(64), np.full(64, share, np.float32)

    assert (
        draw(np.float32(0.25) * probabilities, numbers, nucleus).tolist()
        == draw(probabilities, numbers, nucleus).tolist()
    )


def test_a_row_of_nan_harms_nobody() -> None:
    """It gets some symbol, without a warning; the others get theirs."""
    probabilities, numbers, share = some_probabilities(3), some_numbers(3), np.full(3, 0.85, np.float32)
    whole = draw(probabilities, numbers, share)
    probabilities[1] = np.nan
    drawn = draw(probabilities, numbers, share)

    assert (drawn[0], drawn[2]) == (whole[0], whole[2])
    assert 0 <= drawn[1] < W


def test_uniforms_are_even_and_its_own() -> None:
    """Numbers of one key are spread over [0, 1); those of another key, or further on, are others."""
    keys = np.array([key(1, 2), key(2, 1)], np.uint64)
    numbers = uniforms(keys, np.zeros(2, np.int64), 20_000)

    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert np.abs(np.histogram(numbers[0], 20, (0, 1))[0] - 1000).max() < 150
    assert abs(np.mean((numbers[0] - 0.5) * (numbers[1] - 0.5)) * 12) < 0.03
    assert uniforms(keys, np.array([5, 7]), 3)[1].tolist() == numbers[1, 7:10].tolist()
    assert numbers[:, 0].tolist() == [uniform(1, 2), uniform(2, 1)]


@given(st.lists(st.integers(-(2**70), 2**70), min_size=1, max_size=4), st.integers(0, 3), st.integers(1, 2**64))
def test_keys_tell_their_parts_apart(parts: list[int], which: int, more: int) -> None:
    """Another number in any place gives another key of 64 bits."""
    which %= len(parts)
    changed = [*parts[:which], parts[which] + more, *parts[which + 1 :]]

    assert 0 <= key(*parts) < 2**64
    if (parts[which] + more - parts[which]) % 2**64:
        assert key(*changed) != key(*parts)


def allowed(rules: Rules, state: int) -> set[int]:
    """The symbols a rule allows."""
    return set(np.flatnonzero(rules.forbidden[state] == 0).tolist())


def test_a_line_is_one_clean_row() -> None:
    """No END, no tab, no doubled, leading or trailing space; a line that is too short does not end."""
    rules = Rules.of(KOREAN, spell=False)
    space, newline, tab, letters = (KOREAN.ids_of(c) for c in (" ", "\n", "\t", "가나다라"))

    assert allowed(rules, BETWEEN) == {*letters, *space, *newline, *KOREAN.ids_of(".#")}
    assert allowed(rules, AFTER_SPACE) == {*letters, *KOREAN.ids_of(".#")}
    assert allowed(rules, BETWEEN + STATES) == allowed(rules, BETWEEN) - {*newline}
    assert not {END, *tab} & allowed(rules, BETWEEN)
    assert rules.follows[BETWEEN, space[0]] == rules.follows[AFTER_SPACE, newline[0]] == AFTER_SPACE
    assert rules.follows[AFTER_SPACE, letters[0]] == BETWEEN


def test_a_joiner_joins() -> None:
    """It comes only between two characters, if the text had it: other marks that nobody sees never come."""
    emoji = Vocabulary(tuple("👩👧 \n\u200d\u200f"))
    rules = Rules.of(emoji, spell=False)
    woman, girl, space, newline, joiner, _mark = emoji.ids_of("👩👧 \n\u200d\u200f")

    assert allowed(rules, BETWEEN) == {woman, girl, space, newline, joiner}
    assert allowed(rules, AFTER_SPACE) == {woman, girl}
    assert rules.follows[BETWEEN, joiner] == AFTER_SPACE
    assert rules.follows[AFTER_SPACE, girl] == BETWEEN
    assert rules.after(emoji.encode("👩\u200d👧")) == BETWEEN


def test_what_is_banned_is_never_allowed() -> None:
    """Banned characters, and the byte of one that has no symbol of its own."""
    rules = Rules.of(KOREAN, banned="#가x")
    banned = {*KOREAN.ids_of("#가"), FIRST_BYTE + ord("x")}

    assert FIRST_BYTE + ord("y") in allowed(rules, BETWEEN)
    assert not any(banned & allowed(rules, state) for state in range(2 * STATES) if state % STATES in (0, AFTER_SPACE))


def test_words_keep_apart() -> None:
    """At a line's begin no word with a space; after a letter none without; after a word no letter either."""
    rules = Rules.of(WORDS, spell=False)
    a, e, s, space, newline, dot, mark, sea, far_sea, far_see = (WORDS.encode(piece)[0] for piece in WORDS.pieces)

    assert allowed(rules, AFTER_SPACE) == {a, e, s, sea, dot, mark}
    assert allowed(rules, SPELLING) == {a, e, s, space, newline, far_sea, far_see, dot, mark}
    assert allowed(rules, AFTER_WORD) == {space, newline, far_sea, far_see, dot, mark}
    assert [rules.after([sea]), rules.after([s]), rules.after([sea, dot])] == [AFTER_WORD, SPELLING, BETWEEN]
    assert set(np.flatnonzero(rules.spaced)) == {space, far_sea, far_see}
    assert rules.sizes[[sea, far_sea, a, END]].tolist() == [3, 4, 1, 0]


def test_words_too_long_or_banned_are_never_allowed() -> None:
    """One that has a banned character in it, and one that might not fit."""
    short, without_e = Rules.of(WORDS, longest=3), Rules.of(WORDS, banned="e")

    assert set(WORDS.encode("sea see")) & allowed(short, BETWEEN) == set(WORDS.encode("sea"))
    assert not set(WORDS.encode("sea sea see")) & allowed(without_e, BETWEEN)


def test_a_style_that_bans_everything_is_refused() -> None:
    """Better said at loading than found out in mid-poem."""
    with pytest.raises(ValueError, match="bans every character"):
        Rules.of(Vocabulary(tuple("가 \n")), banned="가", spell=False)


@pytest.mark.parametrize("vocabulary", [KOREAN, WORDS], ids=["characters", "words"])
@given(choices=st.lists(st.integers(0, 2**32), min_size=40, max_size=60), spell=st.booleans())
def test_whatever_the_rules_allow_is_text(vocabulary: Vocabulary, choices: list[int], *, spell: bool) -> None:
    """Any walk along the rules is UTF-8 without controls, odd spaces, overrides of direction or doubled spaces."""
    rules, state, walked = Rules.of(vocabulary, spell=spell), AFTER_SPACE, []
    for choice in choices:
        options = sorted(allowed(rules, state))
        walked.append(options[choice % len(options)])
        state = int(rules.follows[state, walked[-1]])
    while state not in WHOLE:
        walked.append(min(allowed(rules, state)))
        state = int(rules.follows[state, walked[-1]])
    text = vocabulary.decode(walked)

    assert rules.after(walked) == state
    assert "\N{REPLACEMENT CHARACTER}" not in text
    assert "  " not in text
    assert len(text.splitlines()) == len(text.split("\n")) - text.endswith("\n")
    assert not any("\u2000" <= c <= "\u207f" or c < " " != c != "\n" for c in text)


def test_the_surplus_is_forbidden() -> None:
    """Symbols beyond the vocabulary are drawn in no state."""
    rules = Rules.of(KOREAN)

    assert rules.forbidden.shape == (2 * STATES, width(len(KOREAN)))
    assert (rules.forbidden[:, len(KOREAN) :] == FORBIDDEN).all()
