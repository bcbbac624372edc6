"""4. A worker takes the run up, builds the lesson from what was given, and teaches the base."""

import numpy as np

from tests.story.conftest import READERS, TAUGHT, Trip


def test_one_look_carried_out_one_run(trip: Trip) -> None:
    """And left nothing to do."""
    assert trip.run

    assert trip.trainings == [1]


def test_the_lesson_is_what_was_given(trip: Trip) -> None:
    """Every tick and the approved poems; not the one that waits."""
    lesson = trip.version(1).meta.lesson

    assert lesson["ticks"] == 2 * READERS
    assert lesson["submissions"] == len(TAUGHT)
    assert lesson["visitors"] == READERS
    assert len(str(lesson["hash"])) == 64


def test_the_network_has_changed(trip: Trip) -> None:
    """Its weights are not the base's any more, but it is still the same network."""
    base, taught = trip.version(0), trip.version(1)

    assert taught.meta.architecture == base.meta.architecture
    assert taught.vocabulary == base.vocabulary
    changed = [name for name, weight in base.weights.items() if not np.array_equal(weight, taught.weights[name])]
    assert len(changed) == len(base.weights)
    assert all(np.isfinite(weight).all() for weight in taught.weights.values())


def test_the_taught_poems_surprise_it_less(trip: Trip) -> None:
    """The taught poems are likelier to the new version than they were to the base."""
    from models.evaluate import surprise_of_poems
    from worker.trainer import network_of

    base, taught = (
        surprise_of_poems(network_of(version), version.vocabulary, TAUGHT).bits_per_char
        for version in (trip.version(0), trip.version(1))
    )

    assert taught < base


def test_the_log_says_what_happened(trip: Trip) -> None:
    """The lesson, both scorecards, the verdict."""
    log = "\n".join(trip.run["log"])

    assert f"{2 * READERS} ticks, {len(TAUGHT)} poems, {READERS} readers" in log
    assert "base:" in log
    assert "candidate:" in log
