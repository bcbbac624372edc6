"""Readings of people: how well one foretells another, and an audience that ticks as they did."""

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.simulate import people as room
from lab.simulate.people import Readers, Reading
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


def test_an_audience_that_reads_never_ticks_nonsense(
    base: checkpoint.Checkpoint, read: list[Reading], tmp_path: Path
) -> None:
    """It ticks as those readers did; the judge must be another base, as wide as the voice at least."""
    judge = replace(base, meta=replace(base.meta, base="a judge"))
    model = tmp_path / "readers.json"
    texts = (base.folder / "holdout.txt").read_text("utf-8").split("\n\n")[:20]
    model.write_text(json.dumps(room.model(read, judge, texts).as_dict()), encoding="utf-8")
    readers = Readers(judge, base, model)
    lines = ["봄이 온다", "뷁쀍쮋 뿕쒧"]

    real, nonsense = readers.expect([read[0].lines[0], lines[1]])
    visitor = next(readers.audience("sibot", random.Random(1)))

    assert nonsense == 0 <= real < 1
    assert not any(visitor.read(lines)[1] for _ in range(20))
    assert visitor.honest
    assert visitor.attentive
    with pytest.raises(ValueError, match="judge"):
        Readers(base, base, model)
