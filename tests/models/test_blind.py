"""Blind sheets: what is on them, and what is made of readers' rows."""

import random
from collections import Counter

import pytest

from app.domain.poem import LINES
from lab import blind
from lab.blind import Unreadable
from models.corpus import poems_in


def poems(name: str, count: int) -> list[blind.Poem]:
    """Poems whose lines say where they come from."""
    return [tuple(f"{name} {poem}.{line}" for line in range(LINES)) for poem in range(count)]


KEY = {"1": "ours", "2": "ours", "3": "old", "4": "old"}


def rows(*told: str) -> str:
    """A reader's file; a space stands for a tab."""
    return "\n".join(row.replace(" ", "\t") for row in told)


def test_a_sheet_mixes_sources_and_does_not_name_them() -> None:
    """Every poem is there once, under a number whose source the key knows; the same seed makes the same sheet."""
    given = {"ours": poems("a", 30), "old": poems("b", 30)}

    sheet = blind.mix(given, seed=3)

    assert Counter(sheet.poems) == Counter(given["ours"] + given["old"])
    assert "ours" not in sheet.text
    assert sheet.sources[:30].count("ours") not in {0, 30}
    assert sheet.text.startswith("[1]\n" + "\n".join(sheet.poems[0]) + "\n\n[2]\n")
    assert sheet.key["60"] == sheet.sources[59] == {"a": "ours", "b": "old"}[sheet.poems[59][0][0]]
    assert sheet == blind.mix(given, seed=3) != blind.mix(given, seed=4)


def test_shuffled_lines_are_five_strangers() -> None:
    """The floor: the same lines, no two of a poem from one poem, and first lines not always first."""
    given = poems("a", 20)

    mixed = blind.shuffled(given, random.Random(1))

    assert Counter(line for poem in mixed for line in poem) == Counter(line for poem in given for line in poem)
    assert all(len({line.partition(".")[0] for line in poem}) == LINES for poem in mixed)
    assert len({poem[0].partition(".")[2] for poem in mixed}) > 1
    assert [name for name in blind.mix({"a~shuffled": given}, seed=1).poems if name in given] == []


def test_only_whole_poems_are_read_out_of_a_text() -> None:
    """Titles and short poems are left out, long ones cut: length must not tell a source."""
    text = "# Title\none\ntwo\nthree \n four\nfive\nsix\n \nshort\n\n\none\r\ntwo\r\n"

    assert blind.first_five_lines(poem.split("\n") for poem in poems_in(text, titles=False)) == [
        ("one", "two", "three", "four", "five")
    ]


def test_marks_are_means_by_source() -> None:
    """Two readers, two poems a source, by hand."""
    one = blind.answers(rows("1 5 4 5 3 1,2", "2 4 2 3 2 -", "3 0 1 1 1 -", "4 1 1 2 1 5"), KEY)
    other = blind.answers(
        rows("number good_lines sense", "[2] 4 3 3 2 1", "1 5 4 4 4 1,2,3", "3 0 1 1 1 -", "4 2 1 2 1 5"), KEY
    )

    table = blind.by_source([one, other], KEY)

    assert list(table) == ["ours", "old"]
    assert table["ours"].n == 4
    assert table["ours"].means == pytest.approx(
        {"right_lines": 0.9, "sense": 3.25, "together": 3.75, "liking": 2.75, "ticked": 0.3}
    )
    assert table["ours"].margins["sense"] == pytest.approx(1.96 * 1.5 / 2)  # poems of 4.0 and 2.5


def test_readers_who_agree_and_one_who_does_not_look() -> None:
    """1 for the same order, -1 for the opposite one; not said where a reader gave all poems one mark."""
    one = blind.answers(rows("1 5 4 5 3 -", "2 4 3 4 3 -", "3 3 2 2 3 -", "4 0 1 1 3 -"), KEY)
    other = blind.answers(rows("1 5 1 5 3 -", "2 4 2 4 3 -", "3 3 3 2 3 -", "4 0 4 1 3 1"), KEY)

    agreement = blind.agreement([one, other])

    assert agreement["together"] == pytest.approx(1)
    assert agreement["sense"] == pytest.approx(-1)
    assert agreement["liking"] is None
    assert set(blind.agreement([one]).values()) == {None}


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("1 5 4 5 3", "a row has 6 cells separated by tabs"),
        ("9 5 4 5 3 -", "there is no poem '9' on the sheet"),
        ("x 5 4 5 3 -", "there is no poem 'x' on the sheet"),
        ("1 6 4 5 3 -", "good_lines is a number from 0 to 5, not '6'"),
        ("1 5 0 5 3 -", "sense is a number from 1 to 5, not '0'"),
        ("1 5 4 nan 3 -", "together is a number from 1 to 5, not 'nan'"),
        ("1 5 4 5 good -", "liking is a number from 1 to 5, not 'good'"),
        ("1 5 4 5 3 6", "ticks are lines from 1 to 5 with commas between, or -, not '6'"),
        ("1 5 4 5 3 1,1", "ticks are lines"),
        ("2 5 4 5 3 -", "poem 2 was marked before"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(row: str, complaint: str) -> None:
    """With its line; nothing is guessed or dropped, since a silent gap would move the mean."""
    with pytest.raises(Unreadable) as refused:
        blind.answers(rows("2 5 4 5 3 -", row, "3 5"), KEY)

    assert f"line 2: {complaint}" in str(refused.value)
    assert "(1 more rows cannot be read)" in str(refused.value)


def test_poems_without_marks_are_named() -> None:
    """Unless the reader is known to have read a part."""
    with pytest.raises(Unreadable, match="2 of 4 poems are not marked: 2, 4"):
        blind.answers(rows("1 5 4 5 3 -", "3 5 4 5 3 -"), KEY)

    assert set(blind.answers(rows("1 5 4 5 3 -", "3 5 4 5 3 -"), KEY, partial=True)) == {"1", "3"}
    with pytest.raises(Unreadable):
        blind.answers("", KEY, partial=True)


def test_what_is_no_key_is_refused() -> None:
    """A plain list of sources is one: its first poem is 0."""
    assert blind.key_of({"poems": {"1": "ours"}}) == {"1": "ours"}
    assert blind.key_of(["ours", "old"]) == {"0": "ours", "1": "old"}
    others: list[object] = [{}, [], {"poems": {"1": 2}}, "ours", None]
    for other in others:
        with pytest.raises(Unreadable):
            blind.key_of(other)
