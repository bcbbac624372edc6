"""Poems: their text is their lines."""

from datetime import UTC, datetime

import pytest

from app.domain.poem import Poem, ShownLine, boldness


def shown(slot: int, text: str) -> ShownLine:
    """A line as a visitor sees it."""
    return ShownLine(
        id=slot + 1,
        slot=slot,
        text=text,
        version=0,
        logprob=-9.0,
        ticked=False,
        tickable=True,
        quoted=False,
        primed=False,
    )


def test_a_poems_text_has_one_line_per_row() -> None:
    """Copied as text, it looks as it was read."""
    poem = Poem(
        id="abc",
        voice="sibot",
        version=0,
        seed=7,
        temperature=0.8,
        prime="",
        created=datetime(2026, 11, 24, tzinfo=UTC),
        mine=True,
        lines=(shown(0, "봄비가 온다"), shown(1, "창을 닫는다")),
    )

    assert poem.text == "봄비가 온다\n창을 닫는다"


@pytest.mark.parametrize(
    ("usual", "told"), [(0.6, (0.42, 0.84)), (1.0, (0.7, 1.4)), (1.4, (0.98, 1.5)), (0.3, (0.3, 0.42))]
)
def test_calm_and_bold_follow_from_the_voice(usual: float, told: tuple[float, float]) -> None:
    """Cooler and hotter than its own temperature, within what a visitor may ask for."""
    assert boldness(usual) == told
