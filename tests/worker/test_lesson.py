"""What a run reads: the lesson in its place, rehearsal beside it, and no more than there is time for."""

import pytest

from app.domain.lesson import Lesson, Text
from models.vocabulary import END, Vocabulary
from worker.trainer import BESIDE_DREAMS, MAX_TEXT_WEIGHT, MIN_REHEARSAL, passages

VERSE = tuple(f"시 {i}\n둘째 줄" for i in range(1000))


def lesson(*texts: Text) -> Lesson:
    """A lesson of these texts."""
    return Lesson(texts, len(texts), 0, 1)


def test_a_ticked_line_is_read_where_it_stood() -> None:
    """The lines above it are read without being taught, and no end of the poem is learned after it."""
    (line,) = passages(lesson(Text("별이 진다", 1.0, "line", before="밤이다")), (), most=100, seed=0)

    ids, weights = line.symbols(Vocabulary(tuple("밤이다별진 \n")))
    assert weights.tolist() == [0] * 4 + [1] * 6
    assert ids[-1] != END


def test_a_taught_poem_is_read_whole() -> None:
    """A submission is taught with its end."""
    (poem,) = passages(lesson(Text("별이 진다\n밤이다", 2.0, "poem")), (), most=100, seed=0)

    ids, weights = poem.symbols(Vocabulary(tuple("밤이다별진 \n")))
    assert ids[-1] == END
    assert (weights == 1).all()  # its weight is the lesson's mean


def test_weights_are_relative_and_capped() -> None:
    """A line that everybody ticked counts more than one that one reader ticked, but not without bound."""
    quiet = [Text(f"줄 {i}", 1.0, "line") for i in range(99)]

    read = passages(lesson(*quiet, Text("모두의 줄", 1000.0, "line")), (), most=1000, seed=0)

    loud = next(p for p in read if p.text == "모두의 줄")
    assert loud.weight == MAX_TEXT_WEIGHT
    assert all(0 < p.weight < 1 for p in read if p is not loud)


def test_beside_dreams_a_lesson_weighs_less() -> None:
    """Its texts in proportion; rehearsal as ever."""
    told = lesson(Text("줄", 1.0, "line"), Text("둘째 줄", 3.0, "line"))

    whole, less = (passages(told, VERSE, most=10_000, seed=0, weight=weight) for weight in (1.0, BESIDE_DREAMS))

    assert [one.weight for one in less[:2]] == pytest.approx([BESIDE_DREAMS * one.weight for one in whole[:2]])
    assert less[2:] == whole[2:]


def test_a_small_lesson_is_outweighed_by_rehearsal() -> None:
    """Three ticks must not make the base forget how to write."""
    read = passages(lesson(*(Text(f"줄 {i}", 1.0, "line") for i in range(3))), VERSE, most=10_000, seed=0)

    assert len(read) == 3 + MIN_REHEARSAL
    assert len({p.text for p in read}) == len(read)


def test_what_is_rehearsed_is_held_and_not_taught() -> None:
    """It counts where the network is compared with its base, and next to nothing in what is learned."""
    read = passages(lesson(Text("줄", 1.0, "line")), VERSE, most=10_000, seed=0)

    rehearsed = [p.weight for p in read if p.text != "줄"]
    assert len(rehearsed) == MIN_REHEARSAL
    assert all(0 < weight < 1e-3 for weight in rehearsed)


def test_a_large_lesson_is_drawn_by_weight() -> None:
    """What does not fit into the time is left to chance, heavier texts stay; half the time is the lesson's."""
    texts = [Text(f"줄 {i}", 50.0 if i < 20 else 0.1, "line") for i in range(400)]

    read = passages(lesson(*texts), VERSE, most=100, seed=0)

    taught = [p for p in read if p.text.startswith("줄")]
    assert len(read) == 100
    assert len(taught) == 50
    assert sum(p.text in {f"줄 {i}" for i in range(20)} for p in taught) >= 19


def test_the_same_seed_draws_the_same() -> None:
    """A run can be repeated."""
    texts = lesson(*(Text(f"줄 {i}", 1.0, "line") for i in range(300)))

    assert passages(texts, VERSE, most=100, seed=3) == passages(texts, VERSE, most=100, seed=3)
    assert passages(texts, VERSE, most=100, seed=3) != passages(texts, VERSE, most=100, seed=4)


def test_a_text_without_weight_is_not_taught() -> None:
    """A visitor over his cap gives nothing."""
    assert passages(lesson(Text("줄", 0.0, "line")), (), most=100, seed=0) == []
