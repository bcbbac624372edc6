"""Readings of people: how well one foretells another."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from lab.simulate import people as room
from lab.simulate.people import Reading
from models import checkpoint

POEMS = 60


@pytest.fixture
def base(shipped: Path) -> checkpoint.Checkpoint:
    """The tiny base."""
    return checkpoint.read(shipped / "sibot")


@pytest.fixture
def read(base: checkpoint.Checkpoint) -> list[Reading]:
    """Two readers of verse into which lines of shuffled syllables were mixed: they tick what is verse, mostly."""
    rng = random.Random(0)
    verse = [line for line in (base.folder / "verse" / "tiny.txt").read_text("utf-8").splitlines() if len(line) > 4]

    def poem(reader: str, number: int) -> Reading:
        sense = [rng.random() < 0.4 for _ in range(5)]
        lines = [rng.choice(verse) for _ in sense]
        told = [line if real else "".join(rng.sample(line, len(line))) for line, real in zip(lines, sense, strict=True)]
        return Reading(
            reader, f"v{number // 4}", tuple(told), tuple(rng.random() < (0.6 if s else 0.02) for s in sense)
        )

    return [poem(reader, number) for reader in ("r1", "r2") for number in range(POEMS)]


def test_one_reader_foretells_another(base: checkpoint.Checkpoint, read: list[Reading]) -> None:
    """As far as both tick sense, and no worse than plausibility alone where the readings are few."""
    found = room.foresight(read, base, few=100)

    assert (found["readers"], found["lines"]) == (2, 10 * POEMS)
    assert found["plausible"] > 0.6
    assert found["auc"] >= found["plausible"] - 0.02
    assert found["auc_few"] >= found["plausible"] - 0.05


def test_what_is_no_reading_is_refused(read: list[Reading], tmp_path: Path) -> None:
    """A row that is none, one reader alone, or a mark too few; a file of readings comes back as it was."""
    file = tmp_path / "readings.jsonl"

    def write(*rows: object) -> Path:
        file.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
        return file

    rows = [{"reader": r.reader, "visitor": r.visitor, "lines": r.lines, "ticked": r.ticked} for r in read]
    assert room.read(write(*rows)) == read
    wrongs: list[list[Any]] = [[], rows[:3], [*rows, rows[0] | {"ticked": (True,)}], [{}]]
    for wrong in wrongs:
        with pytest.raises(ValueError, match="read"):
            room.read(write(*wrong))
