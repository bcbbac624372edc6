"""Comparing: one text, one measure, whatever a symbol is."""

import pytest

from lab.bench.compare import CONTESTANTS, in_jamo, teach
from models.make import Order

VERSE = "봄비가 온다\n창을 닫는다\n값을 묻는다\n\n" * 30


@pytest.mark.parametrize(
    ("text", "letters"), [("봄", "ㅂㅗㅁ"), ("값이 까닭", "ㄱㅏㅄㅇㅣ ㄲㅏㄷㅏㄺ"), ("ᄒᆞᆫ 봄,", "ᄒᆞᆫ ㅂㅗㅁ,")]
)
def test_syllables_are_taken_apart(text: str, letters: str) -> None:
    """Into letters that no normalising puts together; what is no syllable of today stays."""
    assert in_jamo(text) == letters


@pytest.mark.nightly
def test_every_contestant_has_a_row() -> None:
    """Its symbols, how many of them a character takes, its size, its time and its surprise."""
    plain = Order(layers=1, size=8, embedding=8, epochs=1)
    for contestant in CONTESTANTS:
        cells = [cell.strip() for cell in teach(contestant, plain, [VERSE], VERSE, [VERSE]).strip("|").split("|")]
        name, symbols, longer, parameters, _minutes, bits = cells

        assert name == contestant.name
        assert int(symbols.replace(",", "")) >= 257
        assert {"byte": 2 < float(longer) < 3, "word": float(longer) < 1}.get(name, True)
        assert int(parameters.replace(",", "")) > 1000
        assert 0 < float(bits) < 25
