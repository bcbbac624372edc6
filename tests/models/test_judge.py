"""The judge: what it counts in a poem, that its marks are a poem's own, and that what ships knows poems from rubble."""

import gzip
import json
import random
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from app.store.shelf import SHIPPED
from lab.recipes import judge as recipe
from models import checkpoint
from models.corpus import read_poems
from models.judge import FILE, MARKS, VERSE, Judge, Poem, shape
from models.shapes import width
from models.step import read_along, unrestricted
from models.vocabulary import END
from tests.support.judges import mixed, with_judge

JUDGED = 80
LINES = 5


@pytest.fixture(scope="module")
def base(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> checkpoint.Checkpoint:
    """The tiny voice with a judge."""
    return checkpoint.read(with_judge(shipped, tmp_path_factory.mktemp("judged") / "base") / "sibot")


@pytest.fixture(scope="module")
def judge(base: checkpoint.Checkpoint) -> Judge:
    """Its judge."""
    found = Judge.of(base)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def poems(base: checkpoint.Checkpoint) -> list[Poem]:
    """Verse that the tiny voice was taught, and poems of other shapes."""
    verse = [tuple(poem.splitlines()) for poem in read_poems(*sorted((base.folder / VERSE).glob("*.txt")))]
    return [*verse[60:140], ("가",), ("밤새 눈이 내린다",) * 16, ("",), ("봄", "", "여름")]


def test_a_base_without_a_judge_has_none(shipped: Path) -> None:
    """Nobody guesses marks for it."""
    assert Judge.of(checkpoint.read(shipped / "sibot")) is None


def test_marks_lie_between_1_and_5(judge: Judge, poems: list[Poem]) -> None:
    """Four of them a poem; and for each of its lines a log-probability."""
    marks, logprobs = judge.read(poems)

    assert marks.shape == (len(poems), len(MARKS))
    assert ((marks >= 1) & (marks <= 5)).all()
    assert marks.std(0).min() > 0
    for poem, row in zip(poems, logprobs, strict=True):
        assert (row[: len(poem)] < 0).all()
        assert (row[len(poem) :] == 0).all()


def test_a_poem_is_read_alike_in_any_company(judge: Judge, poems: list[Poem]) -> None:
    """Alone, among others, and in another order."""
    marks, logprobs = judge.read(poems)

    backwards = judge.read(poems[::-1])
    assert np.allclose(backwards[0][::-1], marks, atol=1e-3)
    for i in (0, 7, len(poems) - 3):
        alone = judge.read([poems[i]])
        assert np.allclose(alone[0][0], marks[i], atol=1e-3)
        assert np.allclose(alone[1][0], logprobs[i][: len(poems[i])], atol=1e-2)


def test_nothing_to_read_has_no_marks(judge: Judge) -> None:
    """And is no error."""
    marks, logprobs = judge.read([])

    assert (marks.shape, logprobs.shape) == ((0, 4), (0, 0))


def test_a_line_costs_what_it_costs_the_base(base: checkpoint.Checkpoint, judge: Judge, poems: list[Poem]) -> None:
    """Symbol by symbol, after the lines before it, its end included."""
    poem, symbols = poems[0], base.vocabulary
    step = base.step("int8", rules=unrestricted(len(symbols), width(len(symbols))))
    ids = symbols.encode("".join(f"{line}\n" for line in poem))
    told = [float(row[i]) for row, i in zip(read_along(step, [END, *ids[:-1]]), ids, strict=True)]
    first = len(symbols.encode(poem[0])) + 1

    (logprobs,) = judge.read([poem])[1]

    assert logprobs.sum() == pytest.approx(sum(told), abs=0.05)
    assert logprobs[0] == pytest.approx(sum(told[:first]), abs=0.05)


def test_shapes_are_counted() -> None:
    """Endings, openings, the most of one word, lines said twice, closed lines."""
    said = shape(["바다가 밝다", "바다는 밝다", "바다가 밝다."])

    assert said[:4] == [1, 1, 1, 3]
    assert (said[6], said[9]) == (1.0, 1.0)
    assert all(map(np.isfinite, shape([""])))
    assert len(shape([""])) == len(said)


def test_a_forest_says_the_same_as_onnx(tmp_path: Path) -> None:
    """Within a ten thousandth, also at its thresholds."""
    dice = np.random.default_rng(0)
    x = dice.normal(size=(200, 6)).astype(np.float32).round(1)
    marks = np.clip(3 + x[:, :4] + 0.1 * dice.normal(size=(200, 4)), 1, 5)
    forest = recipe.fit(x, marks)
    (tmp_path / FILE).write_bytes(recipe.as_onnx(forest, 6))
    session = onnxruntime.InferenceSession(tmp_path / FILE, providers=["CPUExecutionProvider"])
    (found,) = session.run(["marks"], {"features": x})

    assert np.abs(found - forest.predict(x)).max() < 1e-4


def test_readers_marks_are_kept_as_they_were_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row a poem and reader; a second reader's rows are added; what is no answer is counted and left out."""
    monkeypatch.setattr(recipe, "FOLDER", tmp_path / "marks")
    sheet = tmp_path / "sheet.json"
    sheet.write_text(json.dumps([["warm", ["봄", "밤"]], ["our", ["눈", "비"]]], ensure_ascii=False), encoding="utf-8")
    rows = ["[1]\t4\t3.5\t2\t1\t2", "2\t5\t5\t5\t5\t", "3\t1\t1\t1\t1\t0", "1\t6\t1\t1\t1\t0", "1\t1\t1", "", "x"]
    for reader, told in (("a", rows), ("b", rows[:1])):
        (tmp_path / f"{reader}.tsv").write_text("\n".join(told), encoding="utf-8")

    assert recipe.collect("sibot", sheet, tmp_path / "a.tsv") == (2, 4)
    assert recipe.collect("sibot", sheet, tmp_path / "b.tsv") == (1, 0)

    kept = recipe.read(tmp_path / "marks" / "sibot.jsonl.gz")
    first = recipe.Marked("a", "warm", ("봄", "밤"), (4, 3.5, 2, 1), 2)
    assert kept[0] == first
    assert (kept[1].source, kept[1].breaks) == ("our", 0)
    assert [one.sheet for one in kept] == ["a", "a", "b"]


@pytest.mark.parametrize("marks", ["[1, 2, 3]", "[1, 2, 3, 6]", '"abcd"'])
def test_a_wrong_row_is_named(tmp_path: Path, marks: str) -> None:
    """Nothing is learned from a file with one."""
    file = tmp_path / "marks.jsonl.gz"
    with gzip.open(file, "wt", encoding="utf-8") as opened:
        opened.write(f'{{"sheet": "a", "source": "warm", "lines": ["봄"], "marks": {marks}, "breaks": 0}}\n')

    with pytest.raises(ValueError, match="row 1"):
        recipe.read(file)


def test_a_strict_reader_is_as_good_as_a_mild_one() -> None:
    """Each sheet's mean is moved to the mean of all; within a sheet nothing changes."""
    rows = [
        recipe.Marked(sheet, "warm", (f"{i}",), (mark, mark, mark, mark), 0)
        for sheet, marks in (("strict", (1.0, 2.0)), ("mild", (3.0, 4.0)))
        for i, mark in enumerate(marks)
    ]

    assert recipe.centred(rows)[:, 0].tolist() == [2, 3, 2, 3]


@pytest.mark.slow
@pytest.mark.parametrize("voice", ["sibot", "bard"])
def test_the_judge_that_ships_knows_drafts_from_rubble(voice: str) -> None:
    """Of drafts: their lines mixed, their words mixed within each line, and then their letters, are worth less.

    It was trained on drafts, and says nothing of verse: what people wrote it finds improbable, and marks low.
    """
    if not (SHIPPED / voice / FILE).is_file():
        pytest.skip(f"{voice} has no {FILE}: python -m lab.recipes.judge train --voice {voice}")
    judge = Judge.of(checkpoint.read(SHIPPED / voice))
    assert judge is not None
    marked = recipe.read(recipe.FOLDER / f"{voice}.jsonl.gz")
    texts = dict.fromkeys(one.lines for one in marked if one.source not in recipe.ANCHORS and len(one.lines) == LINES)
    drafts = list(texts)[:JUDGED]
    dice = random.Random(0)
    words = [tuple(" ".join(dice.sample(line.split(), len(line.split()))) for line in poem) for poem in drafts]
    letters = [tuple("".join(dice.sample(line, len(line))) for line in poem) for poem in drafts]

    marks = [judge.read(poems)[0].mean(0) for poems in (drafts, mixed(drafts), words, letters)]

    for rubble in marks[1:]:
        assert (marks[0] > rubble + 0.1).all()
    assert marks[2].mean() < marks[1].mean() > marks[3].mean()
    assert max(marks[2].mean(), marks[3].mean()) < 2
