"""The log of a run: what the worker stores, the desk and the shell read."""

import json

import pytest

from app.domain.run_log import (
    KINDS,
    ChampionLost,
    DreamsCut,
    Entry,
    GivenBack,
    Judged,
    LessonMade,
    LikingMeasured,
    Measured,
    Recited,
    StepsCut,
    StepTaken,
    Taught,
    read,
)

FIGURES = "pairs 0.412, copied 0.000, blocked 0.000, strange words 0.0150"
ENTRIES: list[tuple[Entry, str]] = [
    (LessonMade("0123456789ab", 66, 1, 22), "lesson 0123456789ab: 66 ticks, 1 poems, 22 readers"),
    (StepsCut(20.0, 31, 240), "cut to fit 20 minutes on this machine: 31 of at most 240 steps of lesson and rehearsal"),
    (DreamsCut(0.5, 31, 300), "cut to fit 0.5 minutes on this machine: 31 of 300 dreams"),
    (StepTaken(10, 240, 2.3401), "step 10 of 240: loss 2.3401"),
    (Recited(40, ("눈이 온다", "문을 연다")), "writes after 40 steps: 눈이 온다 / 문을 연다"),
    (Taught(240, 2.31, 4700.0), "taught in 240 steps, loss 2.310, 4,700 char/s"),
    (Measured("base", 2.1, 0.98, FIGURES), f"base: 2.1000 bits/char, distinct 0.980, {FIGURES}"),
    (LikingMeasured(8, 0.02), "liking of 8 held-out readers: +0.0200 bits/char"),
    (Judged("admitted"), "admitted"),
    (Judged("rejected", ("copies", "strange_words")), "rejected: copies, strange_words"),
    (ChampionLost(3, "no folder"), "compared with the base: version 3 can't be read, no folder"),
    (GivenBack(), "the worker is shutting down; back in the queue"),
]


@pytest.mark.parametrize(("entry", "sentence"), ENTRIES)
def test_what_is_stored_is_read(entry: Entry, sentence: str) -> None:
    """The same values come back, exactly; the shell and the API show them as a sentence."""
    assert json.loads(entry.as_json())["event"] == type(entry).__name__
    assert read(entry.as_json()) == entry
    assert str(entry) == sentence


def test_every_kind_is_tested() -> None:
    """So that a new kind is written and read here, too."""
    assert {type(entry) for entry, _ in ENTRIES} == set(KINDS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3",
        "[]",
        "admitted",
        "step 1 of 9: loss 2.3",
        "{}",
        '{"event": "Sung"}',
        '{"event": "StepTaken", "step": 1}',
    ],
)
def test_what_is_of_no_kind_stays_as_it_is(text: str) -> None:
    """A sentence of an earlier release, or an event of a later one."""
    assert read(text) is None
