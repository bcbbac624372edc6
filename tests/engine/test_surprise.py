"""Surprise: what the champion expects of a text that it has not written."""

from pathlib import Path

import numpy as np
import pytest

from app.domain.errors import UnknownVoice
from app.engine.surprise import SurpriseMeter
from app.settings import Settings
from tests.engine.voices import a_version, champion


@pytest.fixture
def meter(tmp_path: Path) -> SurpriseMeter:
    """A meter whose one voice is small."""
    folder = a_version(tmp_path / "v")
    return SurpriseMeter(
        champions=lambda: [champion("sibot", 7, 3, "v")], fetch=lambda _: folder, settings=Settings(home=tmp_path)
    )


def test_every_character_has_its_surprise(meter: SurpriseMeter) -> None:
    """The pieces are the text, characters that are spelled in bytes too; what comes next is ranked."""
    reading = meter.read("sibot", "가 나🦉다")

    assert "".join(one.text for one in reading.read) == "가 나🦉다"
    assert all(one.bits > 0 and len(one.expected) == 3 for one in reading.read)
    shares = [guess.share for guess in reading.following]
    assert shares == sorted(shares, reverse=True)
    assert 0 < sum(shares) <= 1.0001
    assert reading.version == 3
    assert reading.bits_per_char == pytest.approx(sum(one.bits for one in reading.read) / 5)


def test_what_was_expected_is_what_comes_next_without_it(meter: SurpriseMeter) -> None:
    """Reading on changes nothing in what was read: the second piece is expected as after the first alone."""
    first, both = meter.read("sibot", "가"), meter.read("sibot", "가나")

    assert both.read[0] == first.read[0]
    assert [g.text for g in both.read[1].expected] == [g.text for g in first.following[:3]]
    share = next((g.share for g in first.following if g.text == "나"), None)
    if share is not None:
        assert both.read[1].bits == pytest.approx(-np.log2(share))


def test_an_empty_text_has_a_beginning(meter: SurpriseMeter) -> None:
    """Nothing was read, and still something is expected."""
    reading = meter.read("sibot", "")

    assert (reading.read, reading.bits_per_char) == ((), 0.0)
    assert reading.following


def test_an_unknown_voice_reads_nothing(meter: SurpriseMeter) -> None:
    """There is nobody to ask."""
    with pytest.raises(UnknownVoice):
        meter.read("nobody", "가")
