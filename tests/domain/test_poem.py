"""Poems: their text is their lines; what a visitor may wish for, and where the lines he keeps go."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import Unfit
from app.domain.poem import MOST_LINES, MOST_PRIME, Poem, Quotation, ShownLine, Wish, arrange, boldness, check


def quoted(*lines: int) -> list[Quotation]:
    """Lines that are kept."""
    return [Quotation(line, f"line {line}") for line in lines]


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
        fixed_seed=False,
        lines=(shown(0, "봄비가 온다"), shown(1, "창을 닫는다")),
    )

    assert poem.text == "봄비가 온다\n창을 닫는다"


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (Wish(lines=0), "bad_lines"),
        (Wish(lines=MOST_LINES + 1), "bad_lines"),
        (Wish(temperature=0.0), "bad_temperature"),
        (Wish(temperature=99.0), "bad_temperature"),
        (Wish(temperature=float("nan")), "bad_temperature"),
        (Wish(prime="가" * (MOST_PRIME + 1)), "prime_too_long"),
        (Wish(prime="봄\x00"), "not_text"),
        (Wish(prime="봄\u202e비"), "not_text"),
        (Wish(own="가" * (MOST_PRIME + 1)), "prime_too_long"),
        (Wish(own="봄\x00"), "not_text"),
    ],
)
def test_a_wish_that_cannot_be_fulfilled_is_refused(wish: Wish, code: str) -> None:
    """With the reason, before the network is asked."""
    with pytest.raises(Unfit) as refused:
        check(wish)

    assert refused.value.code == code


def test_a_beginning_is_one_line() -> None:
    """White space in it is evened, so that it cannot end the line it begins."""
    assert check(Wish(prime="  봄비가\n 온다 ")).prime == "봄비가 온다"


def test_kept_lines_stay_where_they_stood() -> None:
    """The rest is written anew around them."""
    wish = arrange(Wish(lines=4), quoted(13, 11), {11: 0, 13: 2})

    assert wish.keep == (Quotation(11, "line 11"), None, Quotation(13, "line 13"), None)


def test_lines_from_two_poems_find_a_place() -> None:
    """Two lines that stood in the same place end up beside each other, and one from a longer poem still fits."""
    wish = arrange(Wish(lines=3), quoted(1, 2, 3), {1: 0, 2: 0, 3: 9})

    assert wish.keep == (Quotation(1, "line 1"), Quotation(2, "line 2"), Quotation(3, "line 3"))


def test_a_line_of_ones_own_follows_what_is_kept() -> None:
    """In the order given, wherever the kept lines stood; and at least one line follows it."""
    wish = arrange(Wish(lines=2, own="내 행"), quoted(11, 13), {11: 4, 13: 2})

    assert wish.keep == (Quotation(11, "line 11"), Quotation(13, "line 13"), Quotation(None, "내 행"))
    assert wish.lines == 4


def test_a_line_of_ones_own_stands_in_its_slot() -> None:
    """The kept lines stay around it, and what has neither is written; there is no slot beyond the poem."""
    wish = arrange(Wish(lines=4, own="내 행", own_slot=1), quoted(11, 13), {11: 0, 13: 3})

    assert wish.keep == (Quotation(11, "line 11"), Quotation(None, "내 행"), None, Quotation(13, "line 13"))
    for unfit in (Wish(lines=2, own="내 행", own_slot=2), Wish(lines=2, own="내 행", own_slot=0)):
        with pytest.raises(Unfit):
            arrange(unfit, quoted(11, 13), {11: 0, 13: 1})


def test_a_line_of_ones_own_may_be_the_first() -> None:
    """Nothing is kept, and the rest of the poem follows it."""
    wish = arrange(check(Wish(own="  내\n행 ")), [], {})

    assert (wish.keep, wish.lines) == ((Quotation(None, "내 행"),), 5)


def test_after_a_line_of_ones_own_there_must_be_room() -> None:
    """A poem has sixteen lines at most."""
    with pytest.raises(Unfit) as refused:
        arrange(Wish(own="내 행"), quoted(*range(1, MOST_LINES)), {})

    assert refused.value.code == "too_many_kept"


@given(st.dictionaries(st.integers(1, 99), st.integers(0, MOST_LINES), max_size=8), st.integers(1, MOST_LINES))
def test_every_kept_line_is_in_the_poem_once(stood: dict[int, int], lines: int) -> None:
    """Whatever stood where: none is lost, none is doubled, and the poem gets no longer."""
    if len(stood) > lines:
        with pytest.raises(Unfit):
            arrange(Wish(lines=lines), quoted(*stood), stood)
        return

    kept = [q.line or 0 for q in arrange(Wish(lines=lines), quoted(*stood), stood).keep if q is not None]

    assert sorted(kept) == sorted(stood)


@pytest.mark.parametrize(
    ("usual", "told"), [(0.6, (0.42, 0.84)), (1.0, (0.7, 1.4)), (1.4, (0.98, 1.5)), (0.3, (0.3, 0.42))]
)
def test_calm_and_bold_follow_from_the_voice(usual: float, told: tuple[float, float]) -> None:
    """Cooler and hotter than its own temperature, within what a visitor may ask for."""
    assert boldness(usual) == told
