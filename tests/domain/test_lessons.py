"""Lessons: everybody is heard, nobody too loudly, and the same feedback gives the same lesson."""

from collections import defaultdict
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.lesson import (
    AT_LEAST,
    MOST_PER_ADDRESS,
    MOST_PER_VISITOR,
    POEM_WEIGHT,
    Feedback,
    Given,
    build,
    weights,
)

NAMES = st.sampled_from("abcde")
ADDRESSES = st.sampled_from(["", "home", "café"])
TICKS = st.builds(Given, kind=st.just("line"), source=st.integers(1, 40), text=NAMES, visitor=NAMES, address=ADDRESSES)
POEMS = st.builds(Given, kind=st.just("poem"), source=st.integers(1, 40), text=NAMES, visitor=NAMES, address=ADDRESSES)
FEEDBACK = st.builds(
    lambda ticks, poems: Feedback(tuple(ticks), tuple(poems)), st.lists(TICKS, max_size=30), st.lists(POEMS, max_size=9)
)


def tick(line: int, text: str, visitor: str = "a", address: str = "", before: str = "") -> Given:
    """A ticked line."""
    return Given("line", line, text, visitor, address, before)


def many(visitors: int, each: int, address: str) -> Feedback:
    """So many ticks, all of different lines, by so many visitors from one address."""
    ticks = [tick(v * each + n, f"{v}/{n}", f"visitor {v}", address) for v in range(visitors) for n in range(each)]
    return Feedback(tuple(ticks), ())


def test_no_feedback_is_an_empty_lesson() -> None:
    """Nothing was given, so nothing is taught."""
    lesson = build(Feedback((), ()))

    assert lesson.texts == ()
    assert (lesson.ticks, lesson.submissions, lesson.visitors) == (0, 0, 0)


def test_a_line_that_two_visitors_ticked_counts_twice() -> None:
    """What more readers like is taught more."""
    lesson = build(Feedback((tick(1, "봄비"), tick(1, "봄비", "b"), tick(2, "눈")), ()))

    assert {t.text: t.weight for t in lesson.texts} == {"봄비": 2.0, "눈": 1.0}
    assert (lesson.ticks, lesson.visitors) == (3, 2)


def test_a_text_counts_once_per_visitor() -> None:
    """Who ticks the same words in ten poems has said one thing; all ten lines are named as its source."""
    lesson = build(Feedback(tuple(tick(n, "봄비") for n in range(10)), ()))

    (text,) = lesson.texts
    assert text.weight == 1.0
    assert text.sources == tuple(range(10))


def test_a_taught_poem_says_more_than_a_tick() -> None:
    """It was typed on purpose, and is learned as a whole poem."""
    lesson = build(Feedback((tick(1, "봄비"),), (Given("poem", 7, "눈이 온다\n창을 닫는다", "b", ""),)))

    poem = next(t for t in lesson.texts if t.kind == "poem")
    assert poem.weight == POEM_WEIGHT
    assert poem.sources == (7,)
    assert lesson.submissions == 1


def test_a_line_is_read_after_what_stood_above_it() -> None:
    """The network learns the line in its place, as the reader saw it."""
    lesson = build(Feedback((tick(1, "봄비", before="눈이 녹는다"),), ()))

    assert [t.before for t in lesson.texts] == ["눈이 녹는다"]


def test_a_few_addresses_do_not_outweigh_many() -> None:
    """Ten addresses that tick and teach all they can, among a hundred readers of two ticks each: 100 to 200 at most."""
    honest = [tick(2 * n + k, f"{n}/{k}", f"reader {n}", f"home {n}") for n in range(100) for k in range(2)]
    theirs = [tick(1000 + n, f"x{n}", f"x{n % 20}", f"den {n % 10}") for n in range(2000)]
    poems = [Given("poem", n, f"{n}번째 밤의 이야기 {n * 7919}", f"x{n % 20}", f"den {n % 10}") for n in range(250)]
    feedback = Feedback((*honest, *theirs), tuple(poems))

    heard = weights(feedback)

    assert sum(heard[f"reader {n}"] for n in range(100)) == pytest.approx(200)
    assert sum(heard[f"x{n}"] for n in range(20)) <= 10 * AT_LEAST * (1 + 1e-9)
    assert sum(heard.values()) == pytest.approx(sum(text.weight for text in build(feedback).texts), rel=1e-4)


@pytest.mark.parametrize(("honest", "liars"), [(30, 10), (100, 10), (300, 100)])
def test_attackers_weigh_no_more_than_the_bound(honest: int, liars: int) -> None:
    """8 A / (H - A) of what H honest addresses weigh, or 10 each where that is more, however much the A give."""
    rng = Random(honest)
    ticks = [tick(n, f"{n}", f"r{n % honest}", f"home {n % honest}") for n in range(honest * 6) if rng.random() < 0.5]
    ticks += [tick(10_000 + n, f"x{n}", f"x{n % (2 * liars)}", f"den {n % liars}") for n in range(liars * 80)]

    heard = weights(Feedback(tuple(ticks), ()))

    theirs = sum(weight for who, weight in heard.items() if who.startswith("x"))
    ours = sum(heard.values()) - theirs
    assert theirs <= max(8 * liars / (honest - liars) * ours, AT_LEAST * liars) * (1 + 1e-9)


@pytest.mark.parametrize(("visitors", "each", "most"), [(1, 1000, MOST_PER_VISITOR), (50, 30, MOST_PER_ADDRESS)])
def test_who_clicks_much_is_not_heard_more(visitors: int, each: int, most: float) -> None:
    """A thousand ticks of one visitor, or of fifty cookies from one address, weigh no more than the cap."""
    total = sum(t.weight for t in build(many(visitors, each, "one address")).texts)

    assert total == pytest.approx(most, rel=1e-3)


def test_readers_at_different_addresses_are_all_heard() -> None:
    """The cap of an address is not the cap of the site."""
    feedback = Feedback(tuple(tick(n, f"{n}", f"visitor {n}", f"address {n}") for n in range(300)), ())

    assert sum(t.weight for t in build(feedback).texts) == pytest.approx(300)


def test_an_unknown_address_is_no_common_address() -> None:
    """Visitors whose address is not known are not lumped together."""
    assert sum(t.weight for t in build(many(50, 15, "")).texts) == pytest.approx(50 * 15)


@given(FEEDBACK, st.randoms())
def test_the_same_feedback_gives_the_same_lesson(feedback: Feedback, random: Random) -> None:
    """In whatever order it was read: the hash of a lesson is a hash of what was given."""
    ticks, poems = list(feedback.ticks), list(feedback.submissions)
    random.shuffle(ticks)
    random.shuffle(poems)

    shuffled, lesson = build(Feedback(tuple(ticks), tuple(poems))), build(feedback)

    assert {(t.kind, t.text) for t in shuffled.texts} == {(t.kind, t.text) for t in lesson.texts}
    assert (shuffled.ticks, shuffled.submissions, shuffled.visitors) == (
        lesson.ticks,
        lesson.submissions,
        lesson.visitors,
    )


@given(FEEDBACK)
def test_every_text_weighs_something_and_names_its_sources(feedback: Feedback) -> None:
    """Nothing that was given is dropped, nothing is invented, nothing counts for more than its givers do."""
    lesson = build(feedback)
    givers: dict[tuple[str, str], set[str]] = defaultdict(set)
    for line in feedback.ticks:
        givers["line", line.text].add(line.visitor)
    for poem in feedback.submissions:
        givers["poem", poem.text].add(poem.visitor)

    assert {(t.kind, t.text) for t in lesson.texts} == set(givers)
    for text in lesson.texts:
        worth = 1.0 if text.kind == "line" else POEM_WEIGHT
        assert 0 < text.weight <= worth * len(givers[text.kind, text.text]) + 1e-6
    assert {s for t in lesson.texts if t.kind == "line" for s in t.sources} == {line.source for line in feedback.ticks}
