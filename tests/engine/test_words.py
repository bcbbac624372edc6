"""Voices that write in words: what a symbol of several characters changes for lines, cuts and streams."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.poem import Quotation, Wish
from app.engine.poem import Delta, Event, LineDone
from models.checkpoint import Style
from models.vocabulary import Vocabulary
from tests.engine.voices import a_version, engine_of, expected_logprobs, streamed

AT_A_BEGIN = ("Sea", "Wind", "Tomorrow")
WITHIN = (" rain", " falls", " on", " nobody's", " understanding")
WORDS = Vocabulary(tuple(" \n,.봄"), AT_A_BEGIN + WITHIN)
SPELLERS = Vocabulary(tuple(" \n,.abcdefghijklmnopqrstuvwxyz"), AT_A_BEGIN + WITHIN)
STYLE = Style(temperature=1.0, nucleus=1.0, shortest=4, longest=24, spell=False)
LONG = {"\n": -30.0}
WHOLE_WORDS = re.compile(r"(?: ?(?:Sea|Wind|Tomorrow|rain|falls|on|nobody's|understanding)| ?[,.봄])+")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A random network that knows eight words and no letter."""
    return a_version(tmp_path / "v", symbols=WORDS, style=STYLE, liking=LONG)


@pytest.mark.parametrize("candidates", [1, 3])
def test_lines_keep_their_length_in_characters(folder: Path, candidates: int) -> None:
    """However long the words: none is broken, none glued to another, and each line costs what reading it would say."""
    with engine_of(folder, candidates=candidates) as engine:
        lines = [line for seed in range(20) for line in engine.write("sibot", Wish(seed=seed)).lines]
        poem = engine.write("sibot", Wish(seed=3, lines=8)).lines

    assert len(lines) == 100
    for line in lines:
        assert STYLE.shortest <= len(line.text) <= STYLE.longest
        assert line.text == " ".join(line.text.split())
        assert WHOLE_WORDS.fullmatch(line.text)
    assert not re.search(r"\w(Sea|Wind|Tomorrow)", "\n".join(line.text for line in lines))
    assert len({len(line.text) for line in lines}) > 3  # cut before the word that would not fit
    assert [line.logprob for line in poem] == pytest.approx(expected_logprobs(folder, poem), abs=1e-3)


def test_a_word_that_may_not_fit_never_comes(tmp_path: Path) -> None:
    """A line of at least four and at most twelve characters has no room for one of fourteen, or of nine."""
    folder = a_version(tmp_path / "v", symbols=WORDS, style=replace(STYLE, longest=12), liking=LONG)
    with engine_of(folder) as engine:
        lines = [line.text for seed in range(20) for line in engine.write("sibot", Wish(seed=seed)).lines]

    assert all(STYLE.shortest <= len(line) <= 12 for line in lines)
    assert any("rain" in line for line in lines)
    assert not any(word in line for line in lines for word in ("understanding", "nobody's"))


def test_words_with_banned_characters_are_not_written(tmp_path: Path) -> None:
    """An apostrophe takes the words with it that have one."""
    folder = a_version(tmp_path / "v", symbols=WORDS, style=replace(STYLE, banned="'W"), liking=LONG)
    with engine_of(folder) as engine:
        text = "\n".join(line.text for seed in range(9) for line in engine.write("sibot", Wish(seed=seed)).lines)

    assert not {"'", "W"} & set(text)
    assert "rain" in text


@pytest.mark.parametrize("wish", [Wish(seed=4), Wish(seed=5, prime="Sea rain"), Wish(seed=6, prime="Sea ra")], ids=str)
@pytest.mark.parametrize("symbols", [WORDS, SPELLERS], ids=["words", "spellers"])
def test_a_stream_tells_the_same_words(tmp_path: Path, symbols: Vocabulary, wish: Wish) -> None:
    """What a reader has seen of a line stays, also of one that was cut; a beginning is gone on with."""
    folder = a_version(tmp_path / "v", symbols=symbols, style=STYLE, liking={"\n": -3.0})
    with engine_of(folder) as engine:
        events: list[Event] = list(streamed(engine, "sibot", wish))
        writing = engine.write("sibot", wish)
    told = ""
    lines = []
    for event in events:
        if isinstance(event, Delta):
            told += event.text
        elif isinstance(event, LineDone):
            assert told == event.line.text
            lines.append(told)
            told = ""

    assert lines == [line.text for line in writing.lines]
    assert lines[0].startswith(wish.prime)
    assert len(lines[0]) > len(wish.prime)


def test_nothing_is_glued_to_a_beginning(tmp_path: Path) -> None:
    """After a whole word a space or a mark comes, after the half of one its other letters may, but no other word."""
    with engine_of(a_version(tmp_path / "v", symbols=SPELLERS, style=STYLE, liking={})) as engine:
        after_word = [engine.write("sibot", Wish(seed=s, lines=1, prime="Sea rain")).lines[0].text for s in range(40)]
        after_part = [engine.write("sibot", Wish(seed=s, lines=1, prime="Sea ra")).lines[0].text for s in range(40)]

    assert all(re.match(r"Sea rain(?![a-zA-Z'])", line) for line in after_word)
    assert not any(re.match(r"Sea ra[A-Z]", line) for line in after_part)
    assert any(re.match(r"Sea ra[a-z]", line) for line in after_part)


def test_a_kept_line_is_read_in_words_and_letters(tmp_path: Path) -> None:
    """A line that somebody else wrote, with words that have no symbol, is quoted as it was and gone on from."""
    folder = a_version(tmp_path / "v", symbols=SPELLERS, style=STYLE, liking={})
    kept = Quotation(5, "Sea falls 뷁, unheard of")
    with engine_of(folder) as engine:
        first, second = engine.write("sibot", Wish(seed=1, lines=2, keep=(kept,))).lines

    assert (first.text, first.quoted) == (kept.text, kept.line)
    assert second.text
