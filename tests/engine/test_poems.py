"""What the engine writes: lines of text, by the wish, by the seed, and by the network's own account."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.poem import Quotation, Wish, Writing
from app.engine.poem import Delta, Done, Event, LineDone, Start
from app.store.shelf import SHIPPED
from models.checkpoint import Style
from models.vocabulary import Vocabulary
from tests.engine.voices import STYLE, a_version, engine_of, eventually, expected_logprobs, streamed

LONG = {" ": 4.0, "\n": -30.0}
"""The liking of a network that never ends a line by itself."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random network."""
    return a_version(tmp_path_factory.mktemp("version") / "v")


def write(folder: Path, wish: Wish) -> Writing:
    """One poem by an engine of its own."""
    with engine_of(folder) as engine:
        return engine.write("sibot", wish)


def texts(writing: Writing) -> list[str]:
    """Its lines."""
    return [line.text for line in writing.lines]


def test_a_poem_has_five_lines(folder: Path) -> None:
    """In order, by the version that serves, at the voice's own temperature, each of a length the style allows."""
    writing = write(folder, Wish())

    assert (writing.voice, writing.version, writing.temperature) == ("sibot", 7, STYLE.temperature)
    assert [line.slot for line in writing.lines] == [0, 1, 2, 3, 4]
    for line in writing.lines:
        assert STYLE.shortest <= len(line.text) <= STYLE.longest
        assert line.text == " ".join(line.text.split())
        assert (line.chance, line.primed, line.quoted) == (1.0, False, None)


def test_a_seed_is_a_poem(folder: Path) -> None:
    """The same seed writes the same poem, another one another; a seed drawn by the engine can be used again."""
    once, again, other = (write(folder, Wish(seed=s)) for s in (5, 5, 6))
    drawn = write(folder, Wish())

    assert once == again
    assert texts(once) != texts(other)
    assert write(folder, Wish(seed=drawn.seed)) == drawn
    assert 0 <= drawn.seed < 2**31
    assert write(folder, Wish(seed=-(2**80))).lines  # whatever a visitor types


@pytest.mark.parametrize("candidates", [1, 3])
def test_a_poem_is_the_same_in_a_crowd(folder: Path, candidates: int) -> None:
    """Alone, or among a hundred others that come and go."""
    wishes = [Wish(seed=s, lines=1 + s % 5, temperature=0.7 + s % 3 / 5, prime="가 나" * (s % 2)) for s in range(60)]
    with engine_of(folder, slots=16, candidates=candidates) as engine:
        alone = [engine.write("sibot", wish) for wish in wishes[:12]]
        with ThreadPoolExecutor(30) as readers:
            crowd = list(readers.map(lambda wish: engine.write("sibot", wish), wishes))

    assert crowd[:12] == alone
    assert len({tuple(texts(writing)) for writing in crowd}) == len(crowd)


def test_many_poems_come_in_the_order_of_their_wishes(folder: Path) -> None:
    """More than the rows hold, each as it would be alone; who has enough gives up the rest."""
    wishes = [Wish(seed=seed) for seed in range(30)]
    with engine_of(folder, slots=4) as engine:
        assert list(engine.write_all("sibot", wishes)) == [engine.write("sibot", wish) for wish in wishes]
        assert list(engine.write_all("sibot", [])) == []
        some = engine.write_all("sibot", wishes)
        next(some)
        some.close()
        assert eventually(lambda: engine.load() == (0, 0))


@pytest.mark.parametrize("threads", [1, 2])
def test_the_shipped_voice_is_the_same_in_a_crowd(threads: int) -> None:
    """At its real size, where kernels and threads share the work otherwise for few than for many."""
    wishes = [Wish(seed=seed, lines=2) for seed in range(40)]
    with engine_of(SHIPPED / "sibot", slots=32, threads=threads) as engine:
        alone = [engine.write("sibot", wish) for wish in wishes[:4]]
        with ThreadPoolExecutor(40) as readers:
            crowd = list(readers.map(lambda wish: engine.write("sibot", wish), wishes))

    assert crowd[:4] == alone


@pytest.mark.parametrize("candidates", [1, 3])
def test_logprobs_are_the_networks_own(folder: Path, candidates: int) -> None:
    """What a line cost is what reading the whole poem again would say: untempered, with its line end."""
    with engine_of(folder, candidates=candidates) as engine:
        writing = engine.write("sibot", Wish(seed=3, lines=8, temperature=1.4))

    assert [line.logprob for line in writing.lines] == pytest.approx(expected_logprobs(folder, writing.lines), abs=1e-3)


def test_kept_lines_are_quotations(folder: Path) -> None:
    """They stand in their slots as they were, cost nothing, and the network has read them when it goes on."""
    first, last = Quotation(11, "다라 마바"), Quotation(12, "하")
    kept = write(folder, Wish(seed=3, keep=(None, first, None, None, last)))
    fresh = write(folder, Wish(seed=3))

    assert [(line.slot, line.text, line.quoted) for line in kept.lines if line.quoted] == [
        (1, "다라 마바", 11),
        (4, "하", 12),
    ]
    assert kept.lines[0] == fresh.lines[0]
    assert kept.lines[2].text != fresh.lines[2].text
    assert [line.logprob for line in kept.lines] == pytest.approx(expected_logprobs(folder, kept.lines), abs=1e-3)


def test_a_poem_of_quotations_needs_no_network(folder: Path) -> None:
    """Everything is kept: everything is there, and what is kept beyond the last line is left out."""
    keep = tuple(Quotation(i, f"줄 {i}") for i in range(1, 5))
    writing = write(folder, Wish(lines=3, keep=keep, prime="가"))

    assert [(line.text, line.quoted, line.primed) for line in writing.lines] == [
        ("줄 1", 1, False),
        ("줄 2", 2, False),
        ("줄 3", 3, False),
    ]


def test_a_line_of_the_visitors_own_is_read_like_any_other(folder: Path) -> None:
    """It stands in its slot, marked as a human's and drawn by nobody, and the network goes on from it."""
    own = write(folder, Wish(seed=3, keep=(None, Quotation(None, "다라 마바"))))
    quoted = write(folder, Wish(seed=3, keep=(None, Quotation(11, "다라 마바"))))

    assert [(line.primed, line.quoted, line.logprob == 0) for line in own.lines[:2]] == [
        (False, None, False),
        (True, None, True),
    ]
    assert [line.text for line in own.lines] == [line.text for line in quoted.lines]


def test_a_beginning_begins_the_first_written_line(folder: Path) -> None:
    """After the quotation before it; the line is marked, and costs what the network added."""
    writing = write(folder, Wish(seed=1, prime="바 사\n아", keep=(Quotation(9, "가"),)))

    assert [line.primed for line in writing.lines] == [False, True, False, False, False]
    assert writing.lines[1].text.startswith("바 사 아")
    expected = expected_logprobs(folder, writing.lines, given="바 사 아")
    assert [line.logprob for line in writing.lines] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("prime", ["바" * 60, "🦉 owl", "e\u0301", "가" * (STYLE.longest - 1)])
def test_any_beginning_can_be_gone_on_with(tmp_path: Path, prime: str) -> None:
    """One longer than a line, or of characters that have no symbol: something is added to it, but not much."""
    first, second = write(a_version(tmp_path / "v", liking=LONG), Wish(seed=1, lines=2, prime=prime)).lines

    assert first.text.startswith(prime)
    assert len(prime) < len(first.text) <= max(STYLE.longest, len(prime) + 8)
    assert len(second.text) <= STYLE.longest


def test_a_long_line_is_cut_at_a_words_end(tmp_path: Path) -> None:
    """It ends before the last space that fits, and the poem goes on from there; a quarter of a line is too short."""
    short, long = (replace(STYLE, longest=longest) for longest in (12, 400))
    cut, whole = (a_version(tmp_path / str(style.longest), style=style, liking=LONG) for style in (short, long))
    with engine_of(cut) as cutting, engine_of(whole) as going_on:
        poems = [cutting.write("sibot", Wish(seed=seed, lines=3)).lines for seed in range(20)]
        uncuts = [going_on.write("sibot", Wish(seed=seed, lines=1)).lines[0].text for seed in range(20)]
    firsts = [(poem[0].text, uncut[:13]) for poem, uncut in zip(poems, uncuts, strict=True)]
    spaced = [(line, uncut) for line, uncut in firsts if " " in uncut[3:]]
    too_early = [(line, uncut) for line, uncut in firsts if " " in uncut[:3] and " " not in uncut[3:]]

    assert [line for line, _ in spaced] == [uncut.rpartition(" ")[0] for _, uncut in spaced]
    assert [line for line, _ in too_early] == [uncut[:12] for _, uncut in too_early]
    assert min(len(spaced), len(too_early)) >= 3
    for lines in poems:
        assert all(len(line.text) <= 12 for line in lines)
        assert [line.logprob for line in lines] == pytest.approx(expected_logprobs(cut, lines), abs=1e-3)


def test_a_line_without_words_is_cut_all_the_same(tmp_path: Path) -> None:
    """Where no space is written the last character that fits is the last."""
    folder = a_version(tmp_path / "v", liking={" ": -30.0, "\n": -30.0})
    lines = write(folder, Wish(seed=2, lines=3)).lines

    assert [len(line.text) for line in lines] == [STYLE.longest] * 3
    assert [line.logprob for line in lines] == pytest.approx(expected_logprobs(folder, lines), abs=1e-3)


@pytest.mark.parametrize("characters", ["가 \n", "\n", " ", "가나다", ""])
def test_whatever_the_vocabulary_it_is_text(tmp_path: Path, characters: str) -> None:
    """A random network that spells most of what it writes in bytes, in a vocabulary of next to nothing."""
    symbols = Vocabulary(tuple(characters))
    style = Style(temperature=1.5, nucleus=1.0, shortest=1, longest=30)
    folder = a_version(tmp_path / "v", symbols=symbols, style=style, liking={})
    with engine_of(folder) as engine, ThreadPoolExecutor(8) as readers:
        poems = list(readers.map(lambda seed: engine.write("sibot", Wish(seed=seed)), range(12)))
    lines = [line for poem in poems for line in texts(poem)]

    assert all(1 <= len(line) <= 30 for line in lines)
    assert all(line == " ".join(line.splitlines()) for line in lines)
    assert not any("\N{REPLACEMENT CHARACTER}" in line for line in lines)
    assert any(len(c.encode()) == 3 for line in lines for c in line if c not in characters)  # it did spell


def test_banned_characters_are_not_written(tmp_path: Path) -> None:
    """However much the network likes them."""
    folder = a_version(tmp_path / "v", style=replace(STYLE, banned="가나"), liking={"가": 9.0, "나": 9.0})

    assert not {"가", "나"} & set("".join(texts(write(folder, Wish(seed=1, lines=12)))))


def test_fp32_writes_too(folder: Path) -> None:
    """By setting, from the stored weights."""
    with engine_of(folder, precision="fp32") as engine:
        writing = engine.write("sibot", Wish(seed=1))
        assert engine.status()["sibot"].error is None

    assert len(writing.lines) == 5


@pytest.mark.parametrize("candidates", [1, 3])
@pytest.mark.parametrize(
    "wish",
    [
        Wish(seed=4),
        Wish(seed=4, prime="가나 다"),
        Wish(seed=4, keep=(None, Quotation(5, "줄"), None, Quotation(6, "둘"))),
        Wish(seed=4, keep=(Quotation(5, "줄"),), prime="나"),
        Wish(seed=4, lines=1, keep=(Quotation(5, "줄"),)),
    ],
)
def test_a_stream_tells_the_same_poem(tmp_path: Path, wish: Wish, candidates: int) -> None:
    """Start first, Done last; the characters of a line, joined, are the line, even of one that was cut."""
    folder = a_version(tmp_path / "v", liking={" ": 1.0, "\n": -3.0})
    with engine_of(folder, candidates=candidates) as engine:
        events: list[Event] = list(streamed(engine, "sibot", wish))
        writing = engine.write("sibot", wish)

    assert events[0] == Start(7, 3)
    assert events[-1] == Done(writing)
    assert [event.line for event in events if isinstance(event, LineDone)] == list(writing.lines)
    told, slot = "", 0
    for event in events[1:-1]:
        if isinstance(event, Delta):
            assert event.slot == slot
            told += event.text
        elif isinstance(event, LineDone):
            assert (told, slot) == (event.line.text, event.line.slot)
            told, slot = "", slot + 1


def test_one_of_the_candidates_is_chosen(folder: Path) -> None:
    """Among equals each has the same chance, which is kept: of four candidates two are left in mid-line."""
    with engine_of(folder, candidates=4) as engine:
        writings = [engine.write("sibot", Wish(seed=seed)) for seed in range(12)]
    chances = {line.chance for writing in writings for line in writing.lines}

    assert {1 / 2} <= chances <= {1 / 2, 1 / 3, 1 / 4}
