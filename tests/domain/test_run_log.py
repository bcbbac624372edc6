"""The log of a run: the desk reads out of a sentence what the worker put into it."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import run_log
from app.domain.run_log import (
    Admitted,
    BaseMeasured,
    CandidateMeasured,
    ChampionLost,
    ChampionMeasured,
    DreamsCut,
    Entry,
    GivenBack,
    LessonMade,
    LikingMeasured,
    Recited,
    Rejected,
    StepsCut,
    StepTaken,
    Taught,
    Undecided,
    read,
)

EVERY_KIND = [
    kind for kind in vars(run_log).values() if isinstance(kind, type) and issubclass(kind, Entry) and kind is not Entry
]
WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1)
FACTS: dict[object, st.SearchStrategy[object]] = {
    int: st.integers(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: WORDS,
    tuple[str, ...]: st.lists(WORDS).map(tuple),
}


@pytest.mark.parametrize("kind", EVERY_KIND)
@given(data=st.data())
def test_what_is_said_is_read(kind: type[Entry], data: st.DataObject) -> None:
    """Every kind, whatever its facts: the same entry but for the figures its sentence leaves out."""
    said = data.draw(st.builds(kind, **{fact.name: FACTS[fact.type] for fact in fields(kind)}))

    heard = read(str(said))

    assert type(heard) is kind
    assert str(heard) == str(said)
    exact = [fact.name for fact in fields(kind) if fact.type is not float]
    assert [getattr(heard, name) for name in exact] == [getattr(said, name) for name in exact]


FIGURES = "pairs 0.412, copied 0.000, blocked 0.000, strange words 0.0150"


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (LessonMade("0123456789ab", 66, 1, 22), "lesson 0123456789ab: 66 ticks, 1 poems, 22 readers"),
        (
            StepsCut(20.0, 31, 240),
            "cut to fit 20 minutes on this machine: 31 of at most 240 steps of lesson and rehearsal",
        ),
        (DreamsCut(0.5, 31, 300), "cut to fit 0.5 minutes on this machine: 31 of 300 dreams"),
        (StepTaken(10, 240, 2.3401), "step 10 of 240: loss 2.3401"),
        (Recited(40, ("눈이 온다", "문을 연다")), "writes after 40 steps: 눈이 온다 / 문을 연다"),
        (Taught(240, 2.31, 4700.0), "taught in 240 steps, loss 2.310, 4,700 char/s"),
        (BaseMeasured(2.1, 0.98, FIGURES), f"base: 2.1000 bits/char, distinct 0.980, {FIGURES}"),
        (ChampionMeasured(2.1, 0.98, FIGURES), f"champion: 2.1000 bits/char, distinct 0.980, {FIGURES}"),
        (CandidateMeasured(2.1, 0.98, FIGURES), f"candidate: 2.1000 bits/char, distinct 0.980, {FIGURES}"),
        (LikingMeasured(8, 0.02), "liking of 8 held-out readers: +0.0200 bits/char"),
        (Admitted(), "admitted"),
        (Undecided(("too_few_readers",)), "undecided: too_few_readers"),
        (Rejected(("copies", "strange_words")), "turned away: copies, strange_words"),
        (ChampionLost(3, "no folder"), "compared with the base: version 3 can't be read, no folder"),
        (GivenBack(), "the worker is shutting down; back in the queue"),
    ],
)
def test_what_earlier_runs_said_is_read(entry: Entry, sentence: str) -> None:
    """Deployments keep these sentences, and programs read them: no word of them changes."""
    assert str(entry) == sentence
    assert read(sentence) == entry


@pytest.mark.parametrize("text", ["", "a new thing", "step 1 of ten: loss 2.3", "step 1 of 9: loss nan", "admitted!"])
def test_what_is_of_no_kind_stays_as_it_is(text: str) -> None:
    """A line of another release or of nobody's, and one whose figure is not a number."""
    assert read(text) is None
