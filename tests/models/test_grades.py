"""Grades: sheets that readers can read, and answers that become comparisons."""

import gzip
import random
from pathlib import Path

import numpy as np
import pytest

from lab import blind
from lab.recipes import grades
from tests.engine.voices import a_version


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    """Two sheets of twelve places, of a random network."""
    folder = a_version(tmp_path / "version")
    grades.ask(folder, groups=12, sheets=2, seed=1, out=tmp_path / "out")
    return tmp_path / "out"


def sheet(out: Path, number: int) -> str:
    """What a reader sees."""
    return (out / f"sheet-{number}.txt").read_text(encoding="utf-8")


def test_a_sheet_shows_beginnings_and_what_could_follow(asked: Path) -> None:
    """Numbered from 0, candidates marked from a, the brief beside it; some places begin or end a poem."""
    both = sheet(asked, 0) + sheet(asked, 1)

    assert both.count("[0]") == 2
    assert "  a " in both
    assert "(first line)" in both
    assert "(last line)" in both
    assert (asked / "BRIEF.md").read_text(encoding="utf-8").startswith("# Grading lines")


def test_answers_become_groups(asked: Path, tmp_path: Path) -> None:
    """Each row of as many digits as candidates; what is no answer is counted. Rounds come by number."""
    shown = [len(one.split("\n  ")) - 1 for one in sheet(asked, 0).split("\n\n")]
    rows = [f"{i}\t{('0123' * 2)[:count]}" for i, count in enumerate(shown)]
    (asked / "answers-0.txt").write_text("\n".join([*rows, "99\t000", "0\t9", "nothing", ""]), encoding="utf-8")
    file = tmp_path / "kept.jsonl.gz"

    assert grades.collect(asked, file, 10) == (len(shown), 3)
    assert grades.collect(asked, file, 2) == (len(shown), 3)
    by_round = grades.read(file)
    assert list(by_round) == [2, 10]
    assert by_round[2] == by_round[10]
    found = by_round[2]
    assert len(found) == len(shown)
    assert found[0].grades[:2] == (0.0, 1.0)
    assert all(f"  a {one.lines[0]}" in sheet(asked, 0) for one in found)
    assert all(one.ends == (len(one.before) == 4) for one in found)


def test_marks_of_whole_poems_become_pairs(tmp_path: Path) -> None:
    """The better half of a sheet's poems with the other half, as many ranks apart; one left over is in no pair."""
    poems = [tuple(f"{n}번째 시의 {slot}행" for slot in range(5)) for n in range(5)]
    sheet = blind.Sheet(tuple(poems), ("",) * len(poems))
    (tmp_path / "sheet-00.txt").write_text(sheet.text, encoding="utf-8")
    (tmp_path / "sheet-01.txt").write_text(sheet.text, encoding="utf-8")  # which nobody has read
    sense = (3, 1, 5, 2, 4)
    rows = [f"{n}\t5\t{mark}\t3\t{mark}\t-" for n, mark in enumerate(sense, 1)]
    (tmp_path / "answers-00.tsv").write_text("\n".join(rows), encoding="utf-8")

    assert grades.whole(tmp_path, tmp_path / "kept.jsonl.gz", 1) == 4
    groups = grades.read(tmp_path / "kept.jsonl.gz")[1]
    assert [group.lines for group in groups] == [
        ("\n".join(poems[2]), "\n".join(poems[3])),
        ("\n".join(poems[4]), "\n".join(poems[1])),
    ]
    assert all(group.before == () and group.ends and group.grades == (1.0, 0.0) for group in groups)

    (tmp_path / "answers-00.tsv").write_text("1\t9\t1\t1\t1\t-", encoding="utf-8")
    with pytest.raises(blind.Unreadable, match="line 1"):
        grades.whole(tmp_path, tmp_path / "kept.jsonl.gz", 1)
    (tmp_path / "answers-00.tsv").unlink()
    with pytest.raises(blind.Unreadable, match="no sheet"):
        grades.whole(tmp_path, tmp_path / "kept.jsonl.gz", 1)


def test_what_is_liked_for_saying_what_all_say_is_no_better(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two poems of common words are marked above two of rare ones: compared is what each has beyond that."""
    monkeypatch.setattr(grades, "PRICE", np.ones(2))
    common = [("달이 뜬다", "별이 뜬다"), ("별이 뜬다", "달이 뜬다")]
    rare = [("소가 웃는다", "말이 운다"), ("닭이 존다", "개가 짖는다")]
    sheet = blind.Sheet((*common, *rare), ("",) * 4)
    (tmp_path / "sheet-00.txt").write_text(sheet.text, encoding="utf-8")
    rows = [f"{n}\t5\t{mark}\t{mark}\t{mark}\t-" for n, mark in enumerate((4, 5, 2, 3), 1)]
    (tmp_path / "answers-00.tsv").write_text("\n".join(rows), encoding="utf-8")

    grades.whole(tmp_path, tmp_path / "kept.jsonl.gz", 1)

    better = {group.lines[0] for group in grades.read(tmp_path / "kept.jsonl.gz")[1]}
    assert better == {"\n".join(common[1]), "\n".join(rare[1])}
    words, lines = grades.commonness([*common, *rare]).T
    assert min(words[:2]) > max(words[2:])
    assert min(lines[:2]) > max(lines[2:])


@pytest.mark.parametrize(
    "row",
    [
        "no json",
        '{"before": [], "ends": false}',
        '{"before": [], "ends": false, "lines": ["a"], "grades": [], "round": 1}',
    ],
)
def test_a_torn_file_is_named(tmp_path: Path, row: str) -> None:
    """With the row that is none."""
    file = tmp_path / "torn.jsonl.gz"
    file.write_bytes(gzip.compress(row.encode()))

    with pytest.raises(ValueError, match="row 1"):
        grades.read(file)


@pytest.mark.parametrize(
    ("price", "liked", "among_the_better"),
    [((1.0, 1.0), 1, (-20, 20)), (None, 1, (-200, -20)), (None, -1, (-20, 20))],
    ids=["once", "as it is", "as it is, where readers mark it lower"],
)
def test_nor_what_is_liked_for_lines_that_many_poems_have(
    price: tuple[float, float] | None,
    liked: int,
    among_the_better: tuple[int, int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of poems of the same words those with a stock line are marked higher: among the better they are no more, or at
    the price that is asked fewer. Where they are marked lower they are no fewer.
    """
    if price:
        monkeypatch.setattr(grades, "PRICE", np.array(price))
    dice = random.Random(0)
    words = [f"{one}{other}" for one in "가나다" for other in "바사아자"]
    stock = " ".join(words[:3])

    def line() -> str:
        return " ".join(dice.choices(words, k=3))

    poems = [(line(), line(), stock if n % 2 else line()) for n in range(400)]
    marks = [[dice.randint(2, 4) + liked * (n % 2) for _ in range(3)] for n in range(400)]
    (tmp_path / "sheet-00.txt").write_text(blind.Sheet(tuple(poems), ("",) * 400).text, encoding="utf-8")
    rows = ["\t".join(map(str, (n, 5, *mark, "-"))) for n, mark in enumerate(marks, 1)]
    (tmp_path / "answers-00.tsv").write_text("\n".join(rows), encoding="utf-8")

    grades.whole(tmp_path, tmp_path / "kept.jsonl.gz", 1)

    groups = grades.read(tmp_path / "kept.jsonl.gz")[1]
    better, worse = (sum(stock in group.lines[which] for group in groups) for which in (0, 1))
    assert among_the_better[0] < better - worse < among_the_better[1]
