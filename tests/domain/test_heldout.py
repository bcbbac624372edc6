"""Held-out readers: who is asked what a version makes of him was not taught to it, nor to the champion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.lesson import FEWEST_HELD_OUT, MOST_HELD_OUT, Feedback, Given, ReadLine, choosers, split


def feedback(visitors: int, *, addresses: int | None = None, ticks: int = 2) -> Feedback:
    """So many visitors, the oldest first, who ticked lines each."""
    return Feedback(
        tuple(
            Given("line", 10 * v + t, f"{v}행 {t}", f"v{v:03}", f"a{v % addresses}" if addresses else f"a{v}")
            for v in range(visitors)
            for t in range(ticks)
        ),
        (),
    )


@pytest.mark.parametrize("visitors", [0, 1, 8, 23])
def test_on_a_small_site_nobody_is_held_out(visitors: int) -> None:
    """Everything is taught; the gate will say that too few read."""
    assert split(feedback(visitors), ()) == (feedback(visitors), frozenset())


@given(visitors=st.integers(24, 400))
def test_the_newest_fifth_is_held_out(visitors: int) -> None:
    """At least eight, at most a third, never over fifty; nothing of theirs is taught, everything of the others'."""
    everything = feedback(visitors)

    taught, held = split(everything, ())

    assert max(FEWEST_HELD_OUT, min(MOST_HELD_OUT, visitors // 5 - 1)) <= len(held)
    assert len(held) <= min(MOST_HELD_OUT, visitors / 3)
    assert held == {f"v{v:03}" for v in range(visitors - len(held), visitors)}
    assert taught.ticks == tuple(tick for tick in everything.ticks if tick.visitor not in held)


def test_whom_the_champion_was_taught_is_not_asked() -> None:
    """Of his lines the champion would know more than its rival."""
    everything = feedback(60)
    known = {tick.source for tick in everything.ticks if tick.visitor >= "v020"}

    _, held = split(everything, known)

    assert len(held) == 12
    assert max(held) < "v020"


def test_when_too_few_are_new_nobody_is_held_out() -> None:
    """All but seven were taught to the champion."""
    everything = feedback(60)
    known = {tick.source for tick in everything.ticks if tick.visitor >= "v007"}

    assert split(everything, known)[1] == frozenset()


def test_one_address_is_asked_once() -> None:
    """Cookies are free: a hundred of them from five addresses are five readers."""
    assert split(feedback(100, addresses=5), ())[1] == frozenset()
    assert len(split(feedback(100, addresses=50), ())[1]) == 20


def test_who_ticks_everything_has_chosen_nothing() -> None:
    """Only readers who passed over a line, too, can be agreed with."""
    lines = [
        ReadLine("picky", "가", "", ticked=True),
        ReadLine("picky", "나", "", ticked=False),
        ReadLine("eager", "다", "", ticked=True),
        ReadLine("silent", "라", "", ticked=False),
    ]

    assert choosers(lines) == lines[:2]
