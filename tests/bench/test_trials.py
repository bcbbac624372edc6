"""How often the gate errs between equals: several samples of one voice, each judged beside each other."""

from dataclasses import replace
from math import nan
from pathlib import Path

from app.settings import Settings
from lab.bench.trials import samples, turned_away


def test_samples_of_one_voice_are_judged_in_pairs(voice: Path) -> None:
    """Each has seeds of its own; what is turned away is counted with its reasons, a broken one in every pair."""
    first, second = samples(voice, 2, Settings(samples=40, candidates=2))

    assert first != second
    assert first.bits_per_char == second.bits_per_char
    assert turned_away([first, first]) == (0, {}, 2)
    away, reasons, pairs = turned_away([first, first, replace(first, distinct=nan)])
    assert (pairs, reasons["repeats_itself"]) == (6, 4)
    assert away == 4
