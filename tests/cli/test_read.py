"""`lab read`: a bot is read blind by people."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Shell

VERSE = "\n\n".join("\n".join(f"verse {poem}.{line}" for line in range(5)) for poem in range(12))


@pytest.fixture
def verse(tmp_path: Path) -> Path:
    """A text of twelve poems."""
    file = tmp_path / "verse.txt"
    file.write_text(VERSE, encoding="utf-8")
    return file


def test_a_sheet_is_made_read_and_scored(poembot: Shell, verse: Path, tmp_path: Path) -> None:
    """From the voice, the voice otherwise set, a text and its lines shuffled; then two readers' rows become a table."""
    out = tmp_path / "readers"
    own = ["cool=voice:sibot@0,temperature=0.4,taste_share=0", "as-it-is=voice:sibot"]
    order = ["lab", "read", "sheet", "--out", out, "--each", 4, "--seed", 5]

    made = poembot(*order, "--json", *own, f"verse=file:{verse}", f"verse~shuffled=file:{verse}")

    assert made.status == 0, made.err
    assert made.json["poems"] == {"cool": 4, "as-it-is": 4, "verse": 4, "verse~shuffled": 4}
    assert sorted(file.name for file in out.iterdir()) == ["BRIEF.md", "sheet.txt"]
    key = Path(made.json["key"])
    assert not key.is_relative_to(out)
    told = json.loads(key.read_text(encoding="utf-8"))
    assert told["sources"]["cool"] == "voice:sibot@0,temperature=0.4,taste_share=0"
    sheet = [block.splitlines() for block in (out / "sheet.txt").read_text(encoding="utf-8").split("\n\n")]
    texts = {block[0].strip("[]"): block[1:] for block in sheet}
    assert [len(lines) for lines in texts.values()] == [5] * 16
    plain = {lines[0].split(".")[0] for number, lines in texts.items() if told["poems"][number] == "verse"}
    mixed = {line.split(".")[0] for number in texts for line in texts[number] if told["poems"][number].endswith("d")}
    assert (len(plain), plain & mixed) == (4, set())  # nobody reads a line twice

    for reader, liking in (("A", 3), ("B", 5)):
        marks = {"verse": f"5\t5\t5\t{liking}\t1,2", "cool": "4\t2\t2\t2\t-"}
        rows = [
            f"{number}\t{marks.get(source, f'3{chr(9)}1{chr(9)}1{chr(9)}1{chr(9)}-')}"
            for number, source in told["poems"].items()
        ]
        (tmp_path / f"{reader}.tsv").write_text("\n".join(rows), encoding="utf-8")
    readers = [tmp_path / "A.tsv", tmp_path / "B.tsv"]
    said = poembot("lab", "read", "score", "--key", key, *readers, "--json")

    assert said.status == 0, said.err
    assert said.json["readers"] == 2
    assert list(said.json["sources"])[:2] == ["verse", "cool"]
    assert said.json["sources"]["verse"] == {
        "n": 8,
        "right_lines": 1.0,
        "sense": 5.0,
        "together": 5.0,
        "liking": 4.0,
        "ticked": 0.4,
        "margins": dict.fromkeys(("right_lines", "sense", "together", "liking", "ticked"), 0.0),
    }
    assert said.json["agreement"]["sense"] == 1.0
    assert "verse~shuffled" in poembot("lab", "read", "score", "--key", key, *readers).out


def test_the_same_seed_writes_the_same_sheet(poembot: Shell, tmp_path: Path) -> None:
    """And another setting of the voice writes other poems."""
    sheets = {}
    for name, source in (("one", "x=voice:sibot"), ("two", "x=voice:sibot"), ("bold", "x=voice:sibot,temperature=1.5")):
        made = poembot("lab", "read", "sheet", "--out", tmp_path / name, "--each", "3", "--seed", "1", source)
        assert made.status == 0, made.err
        sheets[name] = (tmp_path / name / "sheet.txt").read_text(encoding="utf-8")

    assert sheets["one"] == sheets["two"] != sheets["bold"]


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("sibot", "'sibot' is not a source; use NAME=voice:SLUG"),
        ("x=voice:nobody", "voice nobody is not known here"),
        ("x=voice:sibot@7", "version sibot 7 is not known here"),
        ("x=voice:sibot@one", "version and temperature must be numbers"),
        ("x=voice:sibot,temperature=9", "the temperature lies between 0.3 and 1.5"),
        ("x=voice:sibot,rhyme=yes", "there is no setting rhyme"),
        ("x=voice:sibot,candidates=0", "POEMBOT_CANDIDATES: Input should be greater than or equal to 1"),
        ("x=file:nowhere.txt", "there is no nowhere.txt"),
        ("x=json:{verse}", "is not JSON"),
        ("x=file:{short}", "has no poem of five lines or more"),
    ],
)
def test_a_source_that_is_none_is_refused(
    poembot: Shell, verse: Path, tmp_path: Path, source: str, complaint: str
) -> None:
    """In one line, with status 2, and no sheet is left."""
    short, out = tmp_path / "short.txt", tmp_path / "out"
    short.write_text("one\ntwo", encoding="utf-8")

    said = poembot("lab", "read", "sheet", "--out", out, source.format(verse=verse, short=short))

    assert said.status == 2
    assert complaint in said.complaint
    assert not out.exists()


def test_a_sheet_that_is_being_read_is_not_written_over(poembot: Shell, verse: Path, tmp_path: Path) -> None:
    """Nor does the key come to lie with the readers."""
    order = ["lab", "read", "sheet", f"x=file:{verse}", "--each", "4", "--out", tmp_path / "out"]

    assert "must not lie in the readers' folder" in poembot(*order, "--key", tmp_path / "out" / "key.json").complaint
    assert poembot(*order).status == 0
    assert "is there already" in poembot(*order).complaint


def test_rows_that_cannot_be_read_fail_clearly(poembot: Shell, verse: Path, tmp_path: Path) -> None:
    """File, line and reason; and poems without a mark, unless a part is enough."""
    made = poembot("lab", "read", "sheet", "--each", "3", "--out", tmp_path / "out", f"x=file:{verse}", "--json")
    score = ["lab", "read", "score", "--key", made.json["key"], tmp_path / "A.tsv"]

    (tmp_path / "A.tsv").write_text("1\t5\t5\t9\t5\t-\n", encoding="utf-8")
    assert "A.tsv: line 1: together is a number from 1 to 5, not '9'" in poembot(*score).complaint
    (tmp_path / "A.tsv").write_text("1\t5\t5\t4\t5\t-\n", encoding="utf-8")
    assert "A.tsv: 2 of 3 poems are not marked: 2, 3" in poembot(*score).complaint
    assert poembot(*score, "--partial").status == 0
    (tmp_path / "A.tsv").write_bytes(b"\xff\xfe1")
    assert "A.tsv is not UTF-8 text" in poembot(*score).complaint
