"""Bases of one's own: trained, resumed, measured, adopted as a voice."""

import math
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from models import checkpoint, seen
from tests.cli.conftest import Shell
from tests.support.deployment import until
from tests.support.patience import PATIENCE

VERSE = Path(__file__).parents[2] / "models" / "base" / "sibot" / "verse"
TINY = ("--layers", 1, "--size", 24)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text to learn from."""
    file = tmp_path_factory.mktemp("text") / "verse.txt"
    whole = "\n\n".join(f.read_text("utf-8") for f in sorted(VERSE.glob("*.txt"))[:2])
    file.write_text(whole[:20_000], encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("cell", "level"),
    [
        pytest.param("rnn", "char", marks=pytest.mark.nightly),
        ("lstm", "word"),
        pytest.param("gru", "byte", marks=pytest.mark.nightly),
    ],
)
def test_a_base_is_trained_measured_and_sampled(
    poembot: Shell, text: Path, tmp_path: Path, cell: str, level: str
) -> None:
    """Any cell and level: a whole folder comes of it, its figure is what `evaluate` says of its holdout, it writes."""
    out = tmp_path / "mine"
    kind = ("--cell", cell, "--level", level, *TINY)

    told = poembot("train", "--text", text, "--out", out, *kind, "--epochs", 1, "--json")

    assert told.status == 0, told.err
    made = checkpoint.read(out)
    assert (made.meta.architecture["cell"], made.meta.level, made.meta.reads) == (cell, level, "stream")
    assert (bool(made.vocabulary.characters), bool(made.vocabulary.words)) == (level != "byte", level == "word")
    assert {"holdout.txt", "verse/text.txt"} <= set(made.meta.files)
    assert (out / "MODEL_CARD.md").is_file()
    assert not list(tmp_path.glob(".mine*"))
    measured = poembot("evaluate", "--text", out / "holdout.txt", "--folder", out, "--json").json
    assert measured["bits_per_char"] == pytest.approx(told.json["bits_per_char"], abs=0.02)
    assert measured["nats_per_char"] == pytest.approx(measured["bits_per_char"] * math.log(2), rel=1e-3)
    assert measured["params"] == told.json["params"] == sum(w.size for w in made.weights.values())
    assert len(poembot("sample", "--folder", out, "--lines", 4).out.splitlines()) == 4
    on = poembot("lab", "write", "--folder", out, "--chars", 60, "--prime", "봄비가\n\n", "--json").json["text"]
    assert on.startswith("봄비가\n\n")
    assert 64 < len(on) < 99


def test_a_training_that_was_stopped_goes_on(poembot: Shell, text: Path, tmp_path: Path) -> None:
    """Ctrl-C keeps what was learned; the same command resumes it, another one is refused."""
    out = tmp_path / "mine"
    command = ["train", "--text", str(text), "--out", str(out), *map(str, TINY), "--epochs"]
    log = tmp_path / "log"
    with log.open("wb") as file:
        first = subprocess.Popen(
            [sys.executable, "-m", "app.cli", *command, "20"], cwd=poembot.folder, env=poembot.environment, stderr=file
        )
    until("it trains", lambda: "step" in log.read_text("utf-8"))
    time.sleep(0.3)  # a few of its hundreds of steps; it is told in steps, not minutes, so that no machine is too slow
    first.send_signal(signal.SIGINT)

    assert first.wait(PATIENCE) == 130, log.read_text("utf-8")
    assert (tmp_path / ".mine.training" / "training.safetensors").is_file()
    other = poembot(*command, "21")
    assert "unfinished training with other options" in other.complaint
    resumed = poembot(*command, "20", "--json")
    assert resumed.status == 0, resumed.err
    assert int(re.findall(r"step (\d+)/", resumed.err)[0]) > 1
    assert out.is_dir()
    assert not (tmp_path / ".mine.training").exists()


@pytest.fixture(scope="module")
def short(text: Path) -> Path:
    """Six hundred characters of it."""
    file = text.with_name("short.txt")
    file.write_text(text.read_text("utf-8")[:600], encoding="utf-8")
    return file


def test_a_text_is_read_as_the_voice_was_taught_to(poembot: Shell, short: Path) -> None:
    """One taught on poems reads each from silence; it may be asked to read all as one stream, which it does worse."""
    evaluate = ("evaluate", "--text", short, "--folder", poembot.folder / "models" / "base" / "sibot", "--json")

    taught, same, stream = (poembot(*evaluate, *how).json for how in ((), ("--reads", "poems"), ("--reads", "stream")))
    both = poembot(*evaluate, "--random-windows", "--reads", "poems")

    assert taught == same
    assert (taught["protocol"], stream["protocol"]) == ("poems", "one_pass")
    assert taught["bits_per_char"] < stream["bits_per_char"]
    assert abs(taught["chars"] - stream["chars"]) <= 2
    assert "not both" in both.complaint


def test_learning_while_reading_is_reported_apart(poembot: Shell, short: Path) -> None:
    """Learning while reading is no measure of the network alone, and stands under its own name."""
    base = poembot.folder / "models" / "base" / "sibot"
    stream = ("--reads", "stream")

    told = poembot("evaluate", "--text", short, "--folder", base, *stream, "--dynamic", "--json").json

    assert told["protocol"] == "one_pass"
    assert told["chars"] == 600
    assert 0 < told["dynamic"]["bits_per_char"] < 1.1 * told["bits_per_char"]


def test_a_voice_is_added_from_a_text(poembot: Shell, text: Path) -> None:
    """One command: it is trained, shows a poem, serves as version 0, has a card, and can't be added twice."""
    marked = text.with_name("marked.txt")
    marked.write_text(text.read_text("utf-8"), encoding="utf-8-sig")
    kind = ("--level", "word", "--size", 16, "--minutes", 0.02)
    add = ("voice", "add", "gil", "--language", "ko", "--title", "길", "--text", marked, *kind)

    told = poembot(*add, "--json")
    again = poembot(*add)

    assert told.status == 0, told.err
    assert told.json["slug"] == "gil"
    assert "bits a character on" in told.err
    assert len(re.findall(r"^    \S.*$", told.err, re.MULTILINE)) == 5
    (place,) = (poembot.home / "shelf" / "gil").glob("*/base")
    made = checkpoint.read(place)
    assert (made.meta.level, made.meta.reads, made.meta.architecture["size"]) == ("word", "poems", 16)
    assert "\ufeff" not in (place / "verse" / "text.txt").read_text("utf-8")
    card = (place / "MODEL_CARD.md").read_text("utf-8")
    assert "--level word --size 16 --minutes 0.02" in card
    assert f"{made.meta.metrics['bits_per_char']:.3f}, read poem by poem" in card
    assert (again.status, again.complaint) == (2, "there is a voice gil already")
    (base,) = poembot("versions", "gil", "--json").json["versions"]
    assert (base["number"], base["champion"], base["status"]) == (0, True, "base")
    assert len(poembot("sample", "--voice", "gil", "--lines", 3).out.splitlines()) == 3


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"\xff\xfe" + "봄".encode("utf-16-le") * 900, "is not UTF-8 text; save it as UTF-8"),
        (b"", "too little text: 0 letters"),
        ("😀🌙✨\n".encode() * 90, "text.txt has no letters; a voice learns words"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, "is not UTF-8 text; save it as UTF-8"),
        (bytes(5000), "text.txt is not text"),
        (b"The river went on and nobody saw it go.\n" * 30, "the text is not mostly Hangul, but --language says ko"),
        ("봄비\n".encode() * 90, "letters to learn from, it takes 300 at least"),
    ],
    ids=["utf-16", "empty", "emoji", "picture", "zeros", "English", "short"],
)
def test_a_text_that_teaches_nothing_is_refused(poembot: Shell, tmp_path: Path, content: bytes, complaint: str) -> None:
    """One line says what is wrong with it, and no voice is left behind."""
    file = tmp_path / "text.txt"
    file.write_bytes(content)

    said = poembot("voice", "add", "none", "--language", "ko", "--title", "없음", "--text", file)

    assert said.status == 2
    assert complaint in said.complaint
    assert not (poembot.home / "shelf" / "none").exists()


def test_a_voice_is_adopted_from_a_folder(poembot: Shell) -> None:
    """A trained base becomes a voice under names of its own; what it needs to be taught further comes along."""
    base = poembot.folder / "models" / "base" / "sibot"

    told = poembot("voice", "add", "echo", "--language", "ko", "--title", "메아리", "--folder", base, "--json")

    assert told.status == 0, told.err
    (place,) = (poembot.home / "shelf" / "echo").glob("*/base")
    adopted = checkpoint.read(place)
    assert (adopted.meta.voice, adopted.meta.title, adopted.meta.base) == ("echo", "메아리", told.json["base"])
    assert {"holdout.txt", "verse/tiny.txt"} <= set(adopted.meta.files)
    assert f"{told.json['base']}, adopted from" in (place / "MODEL_CARD.md").read_text("utf-8")
    assert list((poembot.home / "shelf" / ".tmp").iterdir()) == []


POEMS = [
    "붉은 사과 하나를\n할머니 무릎에 올려놓았다\n사과보다 먼저 웃으셨다",
    "장독대에 눈이 쌓여\n항아리마다 모자를 썼다\n막내가 먼저 인사했다",
    "버스가 떠난 정류장에\n내 우산만 남았다\n비는 아직 내리는데",
    "아버지 구두를 닦다가\n뒤축이 닳은 쪽을 보았다\n늘 집 쪽으로 닳아 있었다",
]


def test_a_voice_starts_from_the_base_of_its_language(poembot: Shell, tmp_path: Path) -> None:
    """It keeps the base's style, words, verse and reward; it knows the owner's lines as said; the figures are there."""
    file = tmp_path / "own.txt"
    file.write_bytes("\r\n\r\n".join(POEMS * 3).replace("\n", "\r\n").encode("cp949", "ignore"))
    base = checkpoint.read(poembot.folder / "models" / "base" / "sibot")

    said = poembot(
        "voice", "add", "sagwa", "--language", "ko", "--title", "사과", "--text", file, "--minutes", 0.1, "--json"
    )

    assert said.status == 0, said.err
    told = said.json
    assert (told["slug"], told["from"]) == ("sagwa", "sibot")
    assert set(told) >= {"minutes", "bits_before", "bits_after", "copied"}
    assert told["bits_after"] < told["bits_before"]
    assert [len(poem) for poem in told["poems"]] == [5] * 5
    (place,) = (poembot.home / "shelf" / "sagwa").glob("*/base")
    made = checkpoint.read(place)
    assert (made.meta.voice, made.meta.title, made.meta.style) == ("sagwa", "사과", base.meta.style)
    assert made.vocabulary.pieces == base.vocabulary.pieces
    assert {"verse/own.txt", "verse/tiny.txt", "holdout.txt", "holdout-own.txt"} <= set(made.meta.files)
    assert made.said is not None
    assert seen.shares_a_run("장독대에 눈이 쌓여 항아리마다", seen.said(["장독대에 눈이 쌓여 항아리마다 모자를 썼다"]))
    card = (place / "MODEL_CARD.md").read_text("utf-8")
    assert "| starts from | sibot |" in card
    assert "할머니" not in card
    assert list((poembot.home / "shelf" / ".tmp").iterdir()) == []
    voices = {one["slug"]: one["listed"] for one in poembot("voice", "list", "--json").json["voices"]}
    assert voices["sagwa"] is False


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--from", "homer"), "there is no base homer; --from is one of sibot, nothing"),
        (("--from", "sibot", "--size", 16), "--size and --level are for --from nothing: sibot has its own"),
    ],
    ids=["no such base", "a size"],
)
def test_a_base_that_cannot_be_is_an_error(
    poembot: Shell, tmp_path: Path, options: tuple[object, ...], complaint: str
) -> None:
    """Of one line, before anything is trained."""
    file = tmp_path / "own.txt"
    file.write_text("\n\n".join(POEMS), encoding="utf-8")

    said = poembot("voice", "add", "none", "--language", "ko", "--title", "없음", "--text", file, *options)

    assert (said.status, said.complaint) == (2, complaint)


def test_the_bases_own_text_is_noticed(shipped: Path) -> None:
    """A warning says that there is nothing new in it; a base without hashes of what it read cannot know."""
    from app.commands.beside import _is_known

    verse = (shipped / "sibot" / "verse" / "tiny.txt").read_text("utf-8").split("\n\n")[:20]

    assert _is_known(verse, seen.said(verse))
    assert not _is_known(verse, None)
    assert not _is_known(POEMS, seen.said(verse))
