"""Comparing networks: one text, one measure, whatever a symbol is."""

from dataclasses import replace

import pytest

from lab.bench.compare import CONTESTANTS, ORDERS, halves, in_jamo, play, row
from models.make import Order

VERSE = "봄비가 온다\n창을 닫는다\n값을 묻는다\n\n" * 30
PLAY = "ROMEO:\nBut soft, what light?\n\nJULIET:\nAy me!\n\n" * 60


@pytest.mark.parametrize(
    ("text", "letters"), [("봄", "ㅂㅗㅁ"), ("값이 까닭", "ㄱㅏㅄㅇㅣ ㄲㅏㄷㅏㄺ"), ("ᄒᆞᆫ 봄,", "ᄒᆞᆫ ㅂㅗㅁ,")]
)
def test_syllables_are_taken_apart(text: str, letters: str) -> None:
    """Into letters that normalising does not compose again; anything but a modern syllable stays."""
    assert in_jamo(text) == letters


@pytest.mark.nightly
def test_every_contestant_has_a_row() -> None:
    """Its symbols, how many of them a character takes, its size, its time and its surprise."""
    plain = Order(layers=1, size=8, embedding=8, epochs=1)
    for contestant in CONTESTANTS:
        cells = [cell.strip() for cell in row(contestant, plain, [VERSE], VERSE, [VERSE]).strip("|").split("|")]
        name, symbols, longer, parameters, _minutes, bits = cells

        assert name == contestant.name
        assert int(symbols.replace(",", "")) >= 257
        assert {"byte": 2 < float(longer) < 3, "word": float(longer) < 1}.get(name, True)
        assert int(parameters.replace(",", "")) > 1000
        assert 0 < float(bits) < 25


def test_the_last_tenth_is_kept_aside() -> None:
    """By characters, however many bytes they take."""
    learned, aside = halves("봄" * 91)

    assert (len(learned), len(aside)) == (81, 10)


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("short", [True, pytest.param(False, marks=pytest.mark.nightly)])
def test_every_network_is_measured(name: str, *, short: bool) -> None:
    """Its size, its minutes of both kinds, and its surprise, in as many ways as were asked for."""
    told = play(name, replace(ORDERS[name], size=8, embedding=8, epochs=1), PLAY, short=short)

    assert told["network"] == name
    assert {"params", "minutes", "processor_minutes", "one_pass", "passes_nanogpt"} <= set(told)
    assert ({"random_windows", "dynamic"} <= set(told)) == (not short)
    assert 0 < float(str(told["one_pass"])) < 6
