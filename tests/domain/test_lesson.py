"""Lesson: its hash says what was taught, and nothing else."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from app.domain.lesson import Lesson, Text

TEXTS = st.lists(
    st.builds(
        Text,
        text=st.text(min_size=1, max_size=12),
        weight=st.floats(0.01, 4, allow_nan=False),
        kind=st.sampled_from(["line", "poem"]),
    ),
    max_size=6,
)


def lesson(texts: list[Text]) -> Lesson:
    """A lesson of those texts; its counts don't matter here."""
    return Lesson(tuple(texts), ticks=1, submissions=0, visitors=1)


@given(TEXTS, st.randoms())
def test_the_hash_does_not_depend_on_the_order(texts: list[Text], random: Random) -> None:
    """The same feedback read in another order is the same lesson."""
    shuffled = list(texts)
    random.shuffle(shuffled)

    assert lesson(shuffled).hash == lesson(texts).hash


@given(TEXTS.filter(bool))
def test_the_hash_depends_on_text_and_weight(texts: list[Text]) -> None:
    """A lesson without one of its texts, or with another weight, is another lesson."""
    first, *others = texts
    heavier = Text(first.text, first.weight + 1, first.kind)

    assert lesson(others).hash != lesson(texts).hash
    assert lesson([heavier, *others]).hash != lesson(texts).hash


def test_the_summary_is_the_contracts() -> None:
    """`/versions` shows hash, ticks, submissions and visitors."""
    taught = Lesson((Text("봄비가 온다", 1.0, "line"),), ticks=3, submissions=2, visitors=4)

    assert taught.summary() == {"hash": taught.hash, "ticks": 3, "submissions": 2, "visitors": 4}
