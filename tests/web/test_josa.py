"""Particles follow the sound of the word before them."""

import jinja2
import pytest

from app.web.http.language import josa, josa_filter


@pytest.mark.parametrize(
    ("word", "pair", "expected"),
    [
        ("시봇", "은/는", "시봇은"),
        ("바다", "은/는", "바다는"),
        ("바다", "이/가", "바다가"),
        ("행", "을/를", "행을"),
        ("서울", "으로/로", "서울로"),
        ("부산", "으로/로", "부산으로"),
        ("제주", "으로/로", "제주로"),
        ("‘바람’", "과/와", "‘바람’과"),
    ],
)
def test_hangul_takes_the_particle_of_its_final(word: str, pair: str, expected: str) -> None:
    """A syllable with a final consonant takes the first of the pair; ㄹ takes 로; closing quotes are silent."""
    assert josa(word, pair) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "판 0은"),
        (1, "판 1은"),
        (2, "판 2는"),
        (3, "판 3은"),
        (9, "판 9는"),
        (10, "판 10은"),
        (100, "판 100은"),
        (12, "판 12는"),
    ],
)
def test_numbers_are_read_in_sino_korean(number: int, expected: str) -> None:
    """영, 일, 이, 삼 … 십, 백: the last word of the number decides."""
    assert josa(f"판 {number}", "은/는") == expected


def test_one_ends_in_rieul() -> None:
    """일, 칠 and 팔 end in ㄹ, which takes 로; 십 does not."""
    assert [josa(n, "으로/로") for n in (1, 7, 8, 10, 1000)] == ["1로", "7로", "8로", "10으로", "1000으로"]


def test_latin_letters_are_named() -> None:
    """엘, 엠, 엔, 알 end in consonants; a word in Latin letters goes by its last letter."""
    assert [josa(w, "이/가") for w in ("URL", "bard", "RNN", "GPU")] == ["URL이", "bard가", "RNN이", "GPU가"]


def test_an_unknown_sound_takes_both() -> None:
    """Where the sound can't be told, both particles are written."""
    assert josa("詩", "을/를") == "詩을(를)"
    assert josa("", "이/가") == "이(가)"


def test_decomposed_hangul_is_composed_first() -> None:
    """Jamo as some keyboards send them are read as the syllable they make."""
    assert josa("봇", "은/는").endswith("은")


def test_other_languages_get_the_bare_word() -> None:
    """On an English page the filter adds nothing."""
    environment = jinja2.Environment(autoescape=True)
    environment.filters["josa"] = josa_filter
    template = environment.from_string("{{ 3|josa('은/는') }}")

    assert template.render(lang="ko") == "3은"
    assert template.render(lang="en") == "3"
