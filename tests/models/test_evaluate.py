"""Evaluation: bits per character mean the same for every network."""

import math

import pytest
import torch

from models.corpus import Passage, ReadingMode
from models.evaluate import (
    Surprise,
    nats_of,
    nats_of_lines,
    surprise_of,
    surprise_of_poems,
    surprise_of_stream,
    surprise_of_windows,
)
from models.network import Architecture, CharNetwork
from models.vocabulary import Vocabulary

VOCABULARY = Vocabulary.of(["봄비가 온다\n창을 닫는다"], at_least=1)
POEMS = ["봄비가 온다", "창을 닫는다\n봄비가 온다", "뷁"]


def network(*, knows_nothing: bool = False) -> CharNetwork:
    """A tiny network; one that knows nothing finds every symbol equally likely."""
    torch.manual_seed(0)
    tiny = CharNetwork(Architecture(len(VOCABULARY), "lstm", 2, 12, 8))
    for weight in tiny.parameters():
        torch.nn.init.normal_(weight, std=0.0 if knows_nothing else 0.5)
    return tiny.eval()


def test_who_knows_nothing_pays_the_logarithm_of_the_vocabulary() -> None:
    """A uniform network is the one case whose surprise is known beforehand."""
    surprise = surprise_of_poems(network(knows_nothing=True), VOCABULARY, ["봄비"])

    # 봄, 비, the line end and END: four symbols over four characters (the blank line is END).
    assert surprise.chars == 4
    assert surprise.bits_per_char == pytest.approx(math.log2(len(VOCABULARY)), rel=1e-5)
    assert surprise.bits_per_byte == pytest.approx(surprise.bits_per_char * 4 / 8, rel=1e-5)


def test_a_line_costs_what_it_costs_where_it_stands() -> None:
    """Poems of several lengths side by side, each read once: as if each line were read after those before it."""
    poems = [["봄비가 온다"], ["창을 닫는다", "봄비가 온다", "뷁"]]

    found = nats_of_lines(tiny := network(), VOCABULARY, poems)

    for lines, costs in zip(poems, found, strict=True):
        before = ["\n".join(lines[:slot]) for slot in range(len(lines))]
        passages = [Passage(line, before=told, ends=False) for line, told in zip(lines, before, strict=True)]
        assert costs == pytest.approx(nats_of(tiny, VOCABULARY, passages), rel=1e-4)


def test_a_rare_character_costs_its_bytes() -> None:
    """뷁 is one character and three symbols, so a network pays three times for it: no symbol is free."""
    surprise = surprise_of_poems(network(knows_nothing=True), VOCABULARY, ["뷁"])

    assert surprise.chars == 3
    assert surprise.nats == pytest.approx(5 * math.log(len(VOCABULARY)), rel=1e-5)


@pytest.mark.parametrize("steps", [1, 3, 512])
def test_the_length_of_a_step_does_not_matter(steps: int) -> None:
    """The state is carried, so a text in small pieces costs what it costs in one."""
    text = "\n".join(POEMS)

    pieces = surprise_of_stream(network(), VOCABULARY, text, steps=steps)

    assert pieces.nats == pytest.approx(surprise_of_stream(network(), VOCABULARY, text).nats, rel=1e-5)
    assert pieces.chars == len(text)
    assert pieces.bytes == len(text.encode())


@pytest.mark.parametrize("steps", [1, 3])
def test_long_poems_are_read_in_pieces(steps: int) -> None:
    """The state is carried within a poem too, or a long one would take all memory."""
    whole = surprise_of_poems(network(), VOCABULARY, POEMS)

    assert surprise_of_poems(network(), VOCABULARY, POEMS, steps=steps).nats == pytest.approx(whole.nats, rel=1e-5)


def test_a_text_is_read_in_either_way() -> None:
    """As poems parted by blank lines, each from silence, or from its first character to its last."""
    text = "\n\n".join(POEMS) + "\n\n"
    as_poems = surprise_of(network(), VOCABULARY, text, "poems")
    as_stream = surprise_of(network(), VOCABULARY, text, "stream")

    assert as_poems == surprise_of_poems(network(), VOCABULARY, POEMS)
    assert as_stream == surprise_of_stream(network(), VOCABULARY, text)
    assert as_poems.chars == as_stream.chars == len(text)
    assert as_poems.nats != pytest.approx(as_stream.nats, rel=1e-3)


def test_it_is_told_how_far_the_reading_is() -> None:
    """Whoever waits for a long text hears of it, up to the end."""
    heard: dict[ReadingMode, list[tuple[int, int]]] = {"stream": [], "poems": []}
    for reads, told in heard.items():

        def watch(done: int, of: int, told: list[tuple[int, int]] = told) -> None:
            told.append((done, of))

        surprise_of(network(), VOCABULARY, "가\n\n" * 600, reads, watch=watch)

    assert all(len(told) > 1 and told == sorted(told) for told in heard.values())
    assert [told[-1][0] / told[-1][1] for told in heard.values()] == [1, 1]


def test_words_cost_their_symbols_over_their_characters() -> None:
    """A known word is one symbol for all of its characters, an unknown one pays for each: both count by character."""
    words = Vocabulary(tuple("se \n"), (" sea",))
    torch.manual_seed(0)
    uniform = CharNetwork(Architecture(len(words), "gru", 1, 6, 5))
    for weight in uniform.parameters():
        torch.nn.init.zeros_(weight)
    known, unknown = (surprise_of_stream(uniform, words, text) for text in (" sea", " sex"))

    assert known.chars == unknown.chars == 4
    assert known.bits_per_char == pytest.approx(math.log2(len(words)) / 4, rel=1e-5)
    assert unknown.bits_per_char == pytest.approx(math.log2(len(words)), rel=1e-5)


def test_random_windows_count_characters() -> None:
    """Not symbols: of words each has several, of bytes some have none."""
    text = "창을 닫는다 뷁 " * 120
    for vocabulary in (VOCABULARY, Vocabulary(()), Vocabulary.of([text], words=9)):
        uniform = CharNetwork(Architecture(len(vocabulary), "gru", 1, 6, 5))
        for weight in uniform.parameters():
            torch.nn.init.zeros_(weight)
        found = surprise_of_windows(uniform, vocabulary, text, batches=2)
        expected = math.log2(len(vocabulary)) * len(vocabulary.encode(text)) / len(text)

        assert found.bits_per_char == pytest.approx(expected, rel=0.02)


def test_poems_together_cost_what_each_costs_alone() -> None:
    """Each begins in silence; its neighbours in the batch don't matter."""
    together = surprise_of_poems(network(), VOCABULARY, POEMS).nats
    alone = sum(surprise_of_poems(network(), VOCABULARY, [poem]).nats for poem in POEMS)

    assert together == pytest.approx(alone, rel=1e-5)


def test_the_shape_is_the_contracts() -> None:
    """`poembot evaluate --json` prints these names."""
    figures = Surprise(nats=math.log(2) * 12, chars=4, bytes=12).as_dict()

    assert figures == {"bits_per_char": 3.0, "bits_per_byte": 1.0, "nats_per_char": pytest.approx(2.07944), "chars": 4}


def test_nothing_costs_nothing() -> None:
    """No division by zero for a text without a character."""
    assert Surprise(nats=0.0, chars=0, bytes=0).bits_per_char == 0
