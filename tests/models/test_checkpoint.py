"""The checkpoint: a version is whole, unaltered, and the one it says it is, or it is Broken."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from onnx import ModelProto

from models import checkpoint
from models.checkpoint import META, STEP, VOCABULARY, WEIGHTS, Broken, Meta, Style, read, write
from models.folder import sha256
from models.network import Architecture, Cell, CharNetwork
from models.step import Step, alike, fingerprint, unrestricted
from models.vocabulary import Vocabulary

SYMBOLS = Vocabulary(tuple("가나다 \n"))
CELLS: list[Cell] = ["rnn", "lstm", "gru"]
Weights = dict[str, NDArray[np.float32]]


def meta_of(cell: Cell = "gru") -> Meta:
    """What a tiny version says of itself."""
    return Meta(
        voice="sibot",
        title="시봇",
        language="ko",
        base="sibot-test",
        architecture=Architecture(len(SYMBOLS), cell, 2, 5, 4).as_dict(),
        style=Style(temperature=0.9, banned="#"),
        lesson={"hash": "ab", "ticks": 3},
        metrics={"bits_per_char": 3.5},
        seed=4,
        created="2026-11-24T00:00:00+00:00",
        revision="abc",
    )


def weights_of(meta: Meta) -> Weights:
    """The weights of a random network."""
    torch.manual_seed(0)
    net = CharNetwork(Architecture(**meta.architecture))
    return {name: value.detach().numpy() for name, value in net.state_dict().items()}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version that nobody harms."""
    folder = tmp_path_factory.mktemp("written") / "version"
    write(folder, meta_of(), SYMBOLS, weights_of(meta_of()))
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(written, tmp_path / "version")


def test_words_are_written_and_read(tmp_path: Path) -> None:
    """They stand after the characters, with their spaces."""
    symbols = Vocabulary(SYMBOLS.characters, ("가나", " 다"))
    meta = replace(meta_of(), level="word", reads="stream")
    architecture = Architecture(len(symbols), "gru", 2, 5, 4).as_dict()
    meta = replace(meta, architecture=architecture)
    write(tmp_path / "version", meta, symbols, weights_of(meta))
    found = read(tmp_path / "version")

    assert found.vocabulary == symbols
    assert (found.meta.level, found.meta.reads) == ("word", "stream")


@pytest.mark.parametrize("cell", CELLS)
def test_what_is_written_is_read(tmp_path: Path, cell: Cell) -> None:
    """Meta, vocabulary and weights (rounded to float16) come back; the folder holds four files."""
    meta = meta_of(cell)
    weights = weights_of(meta)
    written = write(tmp_path / "a" / "version", meta, SYMBOLS, weights)
    found = read(tmp_path / "a" / "version")

    assert found.meta == written
    assert replace(found.meta, files={}, fingerprint={}) == meta
    assert found.vocabulary == SYMBOLS
    assert found.weights.keys() == weights.keys()
    for name, value in weights.items():
        assert found.weights[name].dtype == np.float32
        np.testing.assert_array_equal(found.weights[name], value.astype(np.float16).astype(np.float32))
    assert sorted(p.name for p in (tmp_path / "a" / "version").iterdir()) == sorted((META, STEP, VOCABULARY, WEIGHTS))
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["version"]


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_it_speaks_as_its_fingerprint_says(folder: Path, precision: str) -> None:
    """The stored fingerprint is that of the graph one gets."""
    found = read(folder)
    step = Step(found.step_graph(precision), rules=unrestricted(len(SYMBOLS), 288))

    assert alike(fingerprint(step, len(SYMBOLS)), found.meta.fingerprint[precision])


def test_what_a_base_brings_along_is_sealed(tmp_path: Path, folder: Path) -> None:
    """Holdout and verse come along and are verified; the model card comes along and may change."""
    extras = tmp_path / "extras"
    (extras / "verse").mkdir(parents=True)
    for name in ("holdout.txt", "verse/home.txt", "MODEL_CARD.md", STEP):
        (extras / name).write_text(name)
    base = tmp_path / "base"
    write(base, meta_of(), SYMBOLS, weights_of(meta_of()), extras=extras)
    (base / "MODEL_CARD.md").write_text("better words")

    assert set(read(base).meta.files) == {VOCABULARY, WEIGHTS, STEP, "holdout.txt", "verse/home.txt"}
    assert (base / STEP).read_bytes() == (folder / STEP).read_bytes()
    (base / "holdout.txt").write_text("easier")
    with pytest.raises(Broken, match=r"holdout\.txt was altered"):
        read(base)


def test_a_version_never_changes(folder: Path) -> None:
    """Writing where one stands is refused, and leaves it as it was."""
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    with pytest.raises(FileExistsError):
        write(folder, meta_of("rnn"), SYMBOLS, weights_of(meta_of("rnn")))

    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    assert [p.name for p in folder.parent.iterdir()] == ["version"]


def test_a_writing_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """A graph that is none is found out before the folder appears, and the scratch folder is gone."""
    meta = meta_of()
    with pytest.raises(Exception, match="protobuf"):
        write(tmp_path / "version", meta, SYMBOLS, weights_of(meta), step_onnx=b"no graph")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, value: float) -> None:
    """Nor are those that float16 cannot hold."""
    weights = weights_of(meta_of())
    weights["bias"] = weights["bias"].copy()
    weights["bias"][3] = value
    with pytest.raises(ValueError, match="not finite"):
        write(tmp_path / "version", meta_of(), SYMBOLS, weights)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    """Names and shapes must be those of the architecture."""
    with pytest.raises(ValueError, match="architecture"):
        write(tmp_path / "version", meta_of("lstm"), SYMBOLS, weights_of(meta_of("gru")))


@pytest.mark.parametrize("name", [VOCABULARY, WEIGHTS, STEP])
@pytest.mark.parametrize("harm", ["flipped", "torn", "gone", "empty", "longer"])
def test_harm_to_any_file_is_found(folder: Path, name: str, harm: str) -> None:
    """One bit is enough."""
    file = folder / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    done: Mapping[str, Callable[[], object]] = {
        "flipped": lambda: file.write_bytes(content),
        "torn": lambda: file.write_bytes(file.read_bytes()[:-7]),
        "gone": file.unlink,
        "empty": lambda: file.write_bytes(b""),
        "longer": lambda: file.write_bytes(file.read_bytes() + b"\0"),
    }
    done[harm]()

    with pytest.raises(Broken, match=name.replace(".", r"\.")):
        read(folder)


def test_harm_after_reading_is_found_too(folder: Path) -> None:
    """What is used is what was promised, even when it changed after the first look."""
    found = read(folder)
    (folder / STEP).write_bytes(b"something else")
    (folder / WEIGHTS).unlink()

    with pytest.raises(Broken, match="altered"):
        found.step_graph("int8")
    with pytest.raises(Broken, match="missing"):
        found.step_graph("fp32")


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", "null", "\ufeff{}", "[" * 100_000, '{"format": 1}', "\0\1\2"])
def test_a_meta_that_is_none(folder: Path, content: str) -> None:
    """Whatever lies there instead of it, it is Broken and nothing worse."""
    (folder / META).write_text(content, encoding="utf-8")
    with pytest.raises(Broken):
        read(folder)


def test_no_folder_is_no_version(tmp_path: Path) -> None:
    """Neither is a file, nor an empty folder."""
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    for name in ("nowhere", "file", "empty"):
        with pytest.raises(Broken):
            read(tmp_path / name)


def rewritten(folder: Path, *without: str, **changes: Any) -> None:
    """Change the meta and seal it again, as somebody would who knows how."""
    raw = json.loads((folder / META).read_text(encoding="utf-8")) | changes
    raw = {name: value for name, value in raw.items() if name not in without}
    raw["seal"] = checkpoint._seal(raw)
    (folder / META).write_text(json.dumps(raw), encoding="utf-8")


def test_an_older_meta_reads_poems(folder: Path) -> None:
    """As all voices did before a meta said how."""
    rewritten(folder, "reads")

    assert read(folder).meta.reads == "poems"


def test_an_older_style_is_read(folder: Path) -> None:
    """A penalty for repetition that nobody asks for any more is passed over."""
    style = json.loads((folder / META).read_text(encoding="utf-8"))["style"]
    rewritten(folder, style=style | {"repetition": 0.0})

    assert read(folder).meta.style == meta_of().style


def test_an_older_graph_is_built_once_more(folder: Path) -> None:
    """A version that was stored when the graph's inputs had other names says what it said."""
    model = ModelProto.FromString((folder / STEP).read_bytes())
    for port in model.graph.input:
        port.name = {"uniform": "luck"}.get(port.name, port.name)
    for node in model.graph.node:
        node.input[:] = ["luck" if name == "uniform" else name for name in node.input]
    (folder / STEP).write_bytes(model.SerializeToString())
    files = json.loads((folder / META).read_text(encoding="utf-8"))["files"]
    rewritten(folder, files=files | {STEP: sha256(folder / STEP)})
    found = read(folder)

    step = found.step("int8", rules=unrestricted(len(SYMBOLS), 288))
    assert alike(fingerprint(step, len(SYMBOLS)), found.meta.fingerprint["int8"])


def test_an_altered_meta_is_found(folder: Path) -> None:
    """The style and the figures are sealed with the rest."""
    raw = json.loads((folder / META).read_text(encoding="utf-8"))
    (folder / META).write_text(json.dumps(raw | {"metrics": {"bits_per_char": 1.0}}), encoding="utf-8")
    with pytest.raises(Broken, match="altered"):
        read(folder)


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "a/../../secret", "..\\secret", "link", "se\0cret"])
def test_names_do_not_lead_out(folder: Path, name: str) -> None:
    """Not by dots, not from the root, not by a link; even with the right hash."""
    secret = folder.parent / "secret"
    secret.write_text("secret")
    (folder / "link").symlink_to(secret)
    files = json.loads((folder / META).read_text(encoding="utf-8"))["files"]
    rewritten(folder, files=files | {name: sha256(secret)})
    with pytest.raises(Broken, match="out of the folder"):
        read(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"files": {}},
        {"files": []},
        {"style": {"temperature": 0}},
        {"style": {"unheard": 1}},
        {"style": 3},
        {"architecture": {"cell": "gru"}},
        {"architecture": {"symbols": 9, "cell": "gru", "layers": 2, "size": 5, "embedding": 4}},
        {"architecture": {"symbols": 262, "cell": "peephole", "layers": 2, "size": 5, "embedding": 4}},
        {"architecture": {"symbols": 262, "cell": "gru", "layers": 10**9, "size": 5, "embedding": 4}},
        {"architecture": 3},
        {"reads": "tea leaves"},
    ],
)
def test_a_sealed_meta_may_still_be_nonsense(folder: Path, changes: dict[str, Any]) -> None:
    """It is Broken, whoever sealed it."""
    rewritten(folder, **changes)
    with pytest.raises(Broken):
        read(folder)


def test_weights_of_another_architecture_are_broken(folder: Path) -> None:
    """The file is whole, but not of the network that the meta describes."""
    architecture = dict(meta_of().architecture) | {"size": 6}
    rewritten(folder, architecture=architecture)
    with pytest.raises(Broken, match="architecture"):
        _ = read(folder).weights


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": 0.0},
        {"opening": -0.1},
        {"opening": 5.1},
        {"nucleus": 0.0},
        {"nucleus": 1.1},
        {"shortest": 9, "longest": 8},
        {"shortest": 0},
    ],
)
def test_a_style_nobody_can_write_in(wrong: dict[str, Any]) -> None:
    """It is refused where it is made."""
    with pytest.raises(ValueError, match=r"range|fit"):
        Style(**wrong)


def test_attention_is_measured_but_not_served(tmp_path: Path) -> None:
    """Its weights come back, and whoever would serve it is told why not."""
    network = CharNetwork(Architecture(len(SYMBOLS), "gru", 1, 8, 4, attention=3))
    write(tmp_path / "it", replace(meta_of(), architecture=network.architecture.as_dict()), SYMBOLS, network.arrays())

    found = read(tmp_path / "it")

    assert found.weights.keys() == network.state_dict().keys()
    with pytest.raises(Broken, match="attention can be trained and evaluated, but not served"):
        found.step("int8", rules=unrestricted(len(SYMBOLS), 288))
