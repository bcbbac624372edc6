"""An owner's texts: whatever their shape, what comes out are poems of short lines."""

import json
from pathlib import Path

import pytest

from models.texts import LARGEST, MOST_CHARACTERS, MOST_LINES, NoText, pieces, read

POEM = "강가에 앉아\n너를 기다린다"
OTHER = "봄이 온다\n창을 연다"
BOTH = f"{POEM}\n\n{OTHER}"
ROWS = f'title,text\n하나,"{POEM}"\n둘,"{OTHER}"\n'


@pytest.mark.parametrize(
    "raw",
    [
        BOTH.encode(),
        BOTH.encode("utf-8-sig"),
        BOTH.replace("\n", "\r\n").encode(),
        BOTH.encode("euc-kr"),
        json.dumps([POEM, OTHER], ensure_ascii=False).encode(),
        json.dumps([{"title": "하나", "text": POEM}, {"title": "둘", "text": OTHER}]).encode(),
        json.dumps({"poems": [{"lines": POEM.split("\n")}, {"lines": OTHER.split("\n")}]}).encode(),
        "\n".join(json.dumps({"id": 7, "poem": one}) for one in (POEM, OTHER)).encode(),
        ROWS.encode(),
        ROWS.replace(",", "\t").encode("cp949"),
        f"<p>{POEM.replace(chr(10), '<br>')}</p><p>{OTHER.replace(chr(10), '<br/>')}</p>".encode(),
        BOTH.replace(" ", "&nbsp;").encode(),
    ],
    ids=["verse", "bom", "crlf", "euc-kr", "list", "objects", "lines", "jsonl", "csv", "tsv", "html", "entities"],
)
def test_every_shape_is_the_same_two_poems(raw: bytes) -> None:
    """Encoding, line ends, export and markup are no part of a poem."""
    assert pieces([read(raw, "a file")], longest=32) == ([POEM, OTHER], 2)


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (bytes(100), "f.txt is not text"),
        (b"\xff\xfe\x00\xd8", "f.txt is not UTF-8 text; save it as UTF-8"),
        ("😀 🌙\n✨".encode(), "f.txt has no letters"),
        (b"a" * (LARGEST + 1), "f.txt has 20 MB; 20 MB are the most"),
    ],
    ids=["zeros", "binary", "emoji", "large"],
)
def test_what_is_no_text_is_refused(raw: bytes, complaint: str) -> None:
    """With one line that says why."""
    with pytest.raises(NoText, match=complaint):
        read(raw, "f.txt")


def test_an_empty_file_has_no_poems() -> None:
    """It is text, but there is none of it."""
    assert pieces([read(b"", "f.txt")], longest=32) == ([], 0)


def test_prose_becomes_short_lines() -> None:
    """Sentences end lines, no word is lost, and no piece is longer than a network reads."""
    prose = "The river went on. " * 40 + "Nobody saw where the long grey boats had gone that evening in the rain."

    found, poems = pieces([prose], longest=40)

    assert poems == 1
    assert " ".join(" ".join(found).split()) == prose
    assert max(len(line) for piece in found for line in piece.splitlines()) <= 40
    assert max(len(piece) for piece in found) <= 1.2 * MOST_CHARACTERS
    assert max(piece.count("\n") for piece in found) < MOST_LINES


def test_one_endless_word_is_cut() -> None:
    """A line of 100,000 letters without a space is read in lines, too."""
    found, _ = pieces(["가" * 100_000], longest=32)

    assert "".join(found).replace("\n", "") == "가" * 100_000
    assert max(len(line) for piece in found for line in piece.splitlines()) == 32


def test_lines_without_a_blank_one_are_cut_into_poems() -> None:
    """One line a row, as lyrics are kept: about twelve of them are a poem, in their order."""
    rows = [f"line {i} of the song" for i in range(100)]

    found, _ = pieces(["\n".join(rows)], longest=60)

    assert [line for piece in found for line in piece.splitlines()] == rows
    assert 9 <= len(found) <= 13


def test_an_export_without_a_known_field_is_verse() -> None:
    """A poem whose first line has a comma is no table."""
    assert pieces([read("봄, 여름\n가을, 겨울".encode(), "f")], longest=32)[0] == ["봄, 여름\n가을, 겨울"]


def test_the_tutorials_text_is_fourteen_poems() -> None:
    """Without their titles, and short enough to be read whole."""
    file = Path(__file__).parents[2] / "docs" / "tutorials" / "harbour.txt"

    found, poems = pieces([read(file.read_bytes(), file.name)], longest=60)

    assert (len(found), poems) == (14, 14)
    assert found[0].startswith("The harbour keeps its hours by the moon.")
