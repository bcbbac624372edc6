"""Finishing: sheets of what the voice has begun, and answers that it learns from without learning its own words."""

from pathlib import Path

import pytest

from lab.recipes import finish
from lab.recipes.package import VOICES
from models.vocabulary import Vocabulary
from tests.engine.voices import a_version


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    """Two sheets of beginnings of ten poems, of a random network."""
    finish.ask(a_version(tmp_path / "version"), poems=10, sheets=2, seed=1, out=tmp_path / "out")
    return tmp_path / "out"


def beginnings(out: Path, sheet: int) -> list[list[str]]:
    """What a poet sees, without the numbers."""
    shown = (out / f"sheet-{sheet}.txt").read_text(encoding="utf-8").strip()
    return [one.splitlines()[1:] for one in shown.split("\n\n")]


def test_a_sheet_shows_beginnings(asked: Path) -> None:
    """Numbered from 0, of one to four lines, none twice; the brief beside it."""
    both = [*beginnings(asked, 0), *beginnings(asked, 1)]

    assert len({tuple(one) for one in both}) == len(both) > 12
    assert {len(one) for one in both} == {1, 2, 3, 4}
    assert (asked / "sheet-0.txt").read_text(encoding="utf-8").startswith("[0]\n")
    assert (asked / "BRIEF.md").read_text(encoding="utf-8").startswith("# Finishing")


def test_answers_become_passages(asked: Path, tmp_path: Path) -> None:
    """Of five lines in all; the beginning is read, the end learned. What is no answer is counted, not kept."""
    shown = beginnings(asked, 0)
    rows = [f"{i}\t" + " / ".join(["눈이 온다"] * (5 - len(one))) for i, one in enumerate(shown)]
    wrong = ["99\t눈", "0\t" + " / ".join(["눈"] * 5), "0\tsnow / snow / snow / snow", "nothing", "0\t / / / /", ""]
    (asked / "answers-0.txt").write_text("\n".join([*rows, *wrong]), encoding="utf-8")
    file = tmp_path / "kept.jsonl"

    assert finish.collect(asked, file, writes=VOICES["sibot"].writes) == (len(shown), 5)
    found = finish.read(file)
    assert [one.before.splitlines() for one in found] == shown
    vocabulary = Vocabulary.of(["눈이 온다", *(one.before for one in found)], at_least=1)
    symbols, weights = found[0].symbols(vocabulary)
    learned = [symbol for symbol, weight in zip(symbols[1:], weights, strict=True) if weight]
    assert vocabulary.decode([symbol for symbol in learned if symbol]).split("\n")[0] == "눈이 온다"
    assert len(learned) == 6 * (5 - len(shown[0])) + 1  # each with its line end, and the poem's end


def test_nothing_is_kept_that_would_be_turned_away(asked: Path, tmp_path: Path) -> None:
    """What a visitor may not teach, a poet may not either."""
    missing = 5 - len(beginnings(asked, 0)[0])
    (asked / "answers-0.txt").write_text("0\t" + " / ".join(["시발"] * missing), encoding="utf-8")

    assert finish.collect(asked, tmp_path / "kept.jsonl", writes=VOICES["sibot"].writes) == (0, 1)


@pytest.mark.parametrize(
    "row", ["no json", '{"before": ["눈"]}', '{"before": ["눈"], "after": ["눈"]}', '{"before": [], "after": []}']
)
def test_a_torn_file_is_named(tmp_path: Path, row: str) -> None:
    """With the row that is none."""
    file = tmp_path / "torn.jsonl"
    file.write_text(row + "\n", encoding="utf-8")

    with pytest.raises(ValueError, match="row 1"):
        finish.read(file)
