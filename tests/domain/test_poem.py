"""Poems: their text is their lines."""

from datetime import UTC, datetime

from app.domain.poem import Poem, ShownLine


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
