"""The checkpoint: a version as a folder that appears whole or not at all.

    meta.json             what it is, and the SHA-256 of every other file
    vocabulary.json       its characters, then its words
    weights.safetensors   float16
    step.onnx             int8, one step
    reward.npy            what readers prefer, where that is known: see models.prefer
    said.npy              how the lines of the verse it has read run

Base voices bring more files along (`holdout.txt`, `verse/`), which are sealed too.
No pickle, no torch, and nothing is believed before its hash is.

Folders that appear whole (temp folder beside the place, flush, rename), and names that stay inside them, come last;
they know nothing of what the files mean.
"""

import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, get_args

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from models.corpus import ReadingMode
from models.seen import Hashes
from models.shapes import weight_shapes, width
from models.step import Floats, OldGraph, Step, fingerprint, unrestricted
from models.vocabulary import Vocabulary

Weights = Mapping[str, NDArray[Any]]

FORMAT = 1
META, VOCABULARY, WEIGHTS, STEP = "meta.json", "vocabulary.json", "weights.safetensors", "step.onnx"
REWARD, SAID = "reward.npy", "said.npy"
"""By what a version chooses among its candidates: what readers prefer, and how the lines that it has read run."""
CARD = "MODEL_CARD.md"
MOST_CANDIDATES = 64
UNSEALED = frozenset({META, CARD})
"""Files that carry no hash; the card may be rewritten at any time."""


class Broken(Exception):
    """The folder is missing, torn, altered, or not a version at all."""


@dataclass(frozen=True, slots=True)
class Style:
    """How a voice speaks unless a visitor wishes otherwise."""

    temperature: float = 1.0
    opening: float = 0.0
    """Temperature of a poem's first line, where it is higher: all that follows differs with it."""
    nucleus: float = 0.85
    """Draw from the likeliest symbols that together have this probability; 1: from all."""
    shortest: int = 2
    """Characters of a line, at least."""
    longest: int = 40
    """Characters of a line, at most; a longer one is cut at a word's end."""
    banned: str = ""
    """Characters that are never written."""
    spell: bool = True
    """May it write characters that have no symbol of their own, byte by byte?"""
    candidates: int = 1
    """Ways each line is drawn, of which the likeliest and best is taken."""
    takes: int = 1
    """Ways the poem goes on after its first line, of which the best is told; they share the candidates."""

    def __post_init__(self) -> None:
        """ValueError for a style nobody can write in."""
        if not (0.05 <= self.temperature <= 5 and 0 <= self.opening <= 5):
            raise ValueError("temperature or opening out of range")
        if not 0 < self.nucleus <= 1:
            raise ValueError("nucleus out of range")
        if not 1 <= self.shortest <= self.longest <= 1000:
            raise ValueError("shortest and longest do not fit together")
        if not 1 <= self.candidates <= MOST_CANDIDATES:
            raise ValueError(f"a line has 1 to {MOST_CANDIDATES} candidates")
        if not 1 <= self.takes <= self.candidates:
            raise ValueError("a take has one candidate at least")


@dataclass(frozen=True, slots=True)
class Meta:
    """What `meta.json` says."""

    voice: str
    title: str
    language: str
    """A BCP 47 tag."""
    base: str
    """The release it was taught from, e.g. `sibot-2026.11`."""
    architecture: Mapping[str, Any]
    """symbols, cell, layers, size, embedding, residual, attention."""
    level: str = "char"
    reads: ReadingMode = "poems"
    """How it was taught to read, and is measured: each poem from silence to its END, or running text as one stream."""
    style: Style = field(default_factory=Style)
    lesson: Mapping[str, Any] = field(default_factory=dict)
    """The contract's lesson; empty for a base."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    created: str = ""
    """ISO 8601, UTC."""
    revision: str = ""
    """Of the code that made it."""
    fingerprint: Mapping[str, list[float]] = field(default_factory=dict)
    """By precision; written by `write`."""
    files: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 by name; written by `write`."""
    format: int = FORMAT

    def __post_init__(self) -> None:
        """ValueError for a way of reading that there is none of."""
        if self.reads not in get_args(ReadingMode):
            raise ValueError(f"nobody reads {self.reads}")

    @classmethod
    def from_dict(cls, raw: Any) -> "Meta":
        """The inverse of `as_dict`. Raises Broken for anything else."""
        if not isinstance(raw, dict) or raw.get("format") != FORMAT:
            raise Broken(f"{META} is not of format {FORMAT}")
        if raw.get("seal") != _seal(raw):
            raise Broken(f"{META} was altered")
        try:
            raw = {"reads": "poems"} | raw  # as all voices did before there was a word for it
            known = {name: raw[name] for name in cls.__dataclass_fields__}
            style = dict(raw["style"])
            style.pop("repetition", None)  # older folders are sealed with it; nobody asks for it any more
            meta = cls(**known | {"style": Style(**style)})
            weight_shapes(meta.architecture)
        except (KeyError, TypeError, ValueError) as error:
            raise Broken(f"{META} is not whole: {error}") from error
        return meta

    def as_dict(self) -> dict[str, Any]:
        """For `meta.json`, with a seal over all of it."""
        raw = asdict(self) | {"cell": self.architecture["cell"]}
        return raw | {"seal": _seal(raw)}


@dataclass(frozen=True)
class Checkpoint:
    """A version folder whose hashes were right when it was read; every later look checks them again."""

    folder: Path
    meta: Meta
    vocabulary: Vocabulary

    @cached_property
    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Named as in `CharNetwork.state_dict()`, in float32. Raises Broken."""
        try:
            loaded = safetensors.numpy.load(self.bytes(WEIGHTS))
        except safetensors.SafetensorError as error:
            raise Broken(f"{self.folder}: {WEIGHTS} is torn: {error}") from error
        expected = weight_shapes(self.meta.architecture)
        if {name: value.shape for name, value in loaded.items()} != expected:
            raise Broken(f"{self.folder}: {WEIGHTS} is not of this architecture")
        return {name: value.astype(np.float32) for name, value in loaded.items()}

    def step(self, precision: str, *, rules: Floats, rows: int = 1, threads: int = 1) -> Step:
        """Its network, ready to run; where an older release wrote the graph, from one built anew. Raises Broken."""
        try:
            return Step(self.step_graph(precision), rules=rules, rows=rows, threads=threads)
        except OldGraph:
            return Step(self.build_graph(precision), rules=rules, rows=rows, threads=threads)

    def step_graph(self, precision: str) -> bytes:
        """The ONNX model: the stored one for `int8`, one built from the weights for `fp32`. Raises Broken."""
        return self.bytes(STEP) if precision == "int8" else self.build_graph(precision)

    @property
    def reward(self) -> NDArray[np.float32] | None:
        """(H,) what readers prefer, along the states of the topmost layer (`models.prefer`); None: not known. Raises
        Broken.
        """
        return self._array(REWARD)

    @property
    def said(self) -> Hashes | None:
        """How the lines of the verse it has read run (`models.seen.said`), sorted; None: not known. Raises Broken."""
        return self._array(SAID)

    def _array(self, name: str) -> NDArray[Any] | None:
        if name not in self.meta.files:
            return None
        try:
            found: NDArray[Any] = np.load(io.BytesIO(self.bytes(name)), allow_pickle=False)
        except ValueError as error:
            raise Broken(f"{self.folder}: {name} is torn: {error}") from error
        return found

    def build_graph(self, precision: str) -> bytes:
        """The ONNX model, built from the weights. Raises Broken."""
        return _step_graph(self.meta.architecture, self.weights, precision, reward=self.reward)

    def bytes(self, name: str) -> bytes:
        """The content of a sealed file. Raises Broken when it is not what it was."""
        try:
            content = inside(self.folder, name).read_bytes()
        except (OSError, ValueError) as error:
            raise Broken(f"{self.folder}: {error}") from error
        if hashlib.sha256(content).hexdigest() != self.meta.files.get(name):
            raise Broken(f"{self.folder}: {name} was altered")
        return content


def read(folder: Path) -> Checkpoint:
    """The version in *folder*, every file checked against its SHA-256. Raises Broken."""
    try:
        meta = Meta.from_dict(_json(folder / META))
        if missing := {VOCABULARY, WEIGHTS, STEP} - set(meta.files):
            raise Broken(f"{folder}: {META} does not name {', '.join(sorted(missing))}")
        for name, expected in meta.files.items():
            if sha256(inside(folder, name)) != expected:
                raise Broken(f"{folder}: {name} was altered")
        vocabulary = Vocabulary.of_pieces(_json(folder / VOCABULARY))
    except OSError as error:
        raise Broken(f"{folder}: {error}") from error
    except (TypeError, ValueError) as error:
        raise Broken(f"{folder}: {error}") from error
    if len(vocabulary) != meta.architecture["symbols"]:
        raise Broken(f"{folder}: {len(vocabulary)} symbols, the network has {meta.architecture['symbols']}")
    return Checkpoint(folder, meta, vocabulary)


def write(
    folder: Path,
    meta: Meta,
    vocabulary: Vocabulary,
    weights: Weights,
    *,
    step_onnx: bytes | None = None,
    extras: Path | None = None,
    reward: NDArray[Any] | None = None,
    said: Hashes | None = None,
) -> Meta:
    """Write a version; the folder appears whole or not at all. Returns the meta with hashes and fingerprint.

    *step_onnx*: the int8 graph; None: built here. *extras*: a folder whose other files come along;
    *reward*, *said*: by what it chooses among its candidates.
    Raises FileExistsError when *folder* is there, ValueError for weights that are not finite or not of the
    architecture, OSError (disk full, …) with nothing left behind.
    """
    half = _halved(meta.architecture, weights)
    step_onnx = step_onnx or _step_graph(meta.architecture, half, "int8", reward=reward)
    with appearing(folder) as fresh:
        if extras is not None:
            _bring(extras, fresh)
        (fresh / VOCABULARY).write_text(json.dumps(vocabulary.pieces, ensure_ascii=False), encoding="utf-8")
        (fresh / WEIGHTS).write_bytes(safetensors.numpy.save(half))
        (fresh / STEP).write_bytes(step_onnx)
        for name, array in ((REWARD, reward), (SAID, said)):
            if array is not None:
                np.save(fresh / name, array)
        hashes = {name: sha256(fresh / name) for name in files(fresh) if name not in UNSEALED}
        whole = replace(meta, files=hashes, fingerprint=_fingerprints(meta.architecture, half, step_onnx))
        (fresh / META).write_text(json.dumps(whole.as_dict(), ensure_ascii=False, indent=1), encoding="utf-8")
    return whole


def _halved(architecture: Mapping[str, Any], weights: Weights) -> dict[str, NDArray[np.float16]]:
    """The weights as they are stored; ValueError when they are not numbers, or not those of the architecture."""
    if {name: value.shape for name, value in weights.items()} != weight_shapes(architecture):
        raise ValueError("the weights are not of this architecture")
    with np.errstate(over="ignore"):
        half = {name: np.ascontiguousarray(value, np.float16) for name, value in weights.items()}
    if not all(np.isfinite(value).all() for value in half.values()):
        raise ValueError("the weights are not finite")
    return half


def _step_graph(
    architecture: Mapping[str, Any], weights: Weights, precision: str, *, reward: NDArray[Any] | None = None
) -> bytes:
    """A graph is built where versions are written; who only reads them does without what builds graphs."""
    from models.export import step_graph

    return step_graph(architecture, weights, precision=precision, reward=reward)


def _fingerprints(architecture: Mapping[str, Any], weights: Weights, int8: bytes) -> dict[str, list[float]]:
    symbols = int(architecture["symbols"])
    graphs = {"int8": int8, "fp32": _step_graph(architecture, weights, "fp32")}
    rules = unrestricted(symbols, width(symbols))
    return {precision: fingerprint(Step(graph, rules=rules), symbols) for precision, graph in graphs.items()}


def _seal(raw: Mapping[str, Any]) -> str:
    """SHA-256 over everything in *raw* but the seal itself."""
    rest = {key: value for key, value in raw.items() if key != "seal"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _json(file: Path) -> Any:
    """The content of a JSON file; Broken when it is none."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise Broken(f"{file} is not JSON") from error


def _bring(source: Path, target: Path) -> None:
    """Copy what a base has beside the four files."""
    for name in files(source):
        if name not in (META, VOCABULARY, WEIGHTS, STEP, REWARD, SAID):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, target / name)


@contextmanager
def appearing(folder: Path, *, mode: int = 0o755) -> Iterator[Path]:
    """A fresh folder to fill; when the block ends well it becomes *folder*, else nothing is left of it.

    Raises FileExistsError when *folder* is there already.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} is there already")
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        yield fresh
        fresh.chmod(mode)  # mkdtemp's 700 would hide a version from a web that runs as somebody else
        for path in sorted(fresh.rglob("*")):
            flush(path)
        flush(fresh)
        fresh.rename(folder)
        flush(folder.parent)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def inside(folder: Path, name: str) -> Path:
    """The file of that relative *name*; ValueError when the name, or a link, leads out, FileNotFoundError for none."""
    pure = PurePosixPath(name)
    path = folder / pure
    if pure.is_absolute() or ".." in pure.parts or "\\" in name or "\0" in name:
        raise ValueError(f"{name!r} leads out of the folder")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{name!r} leads out of the folder")
    if not path.is_file():
        raise FileNotFoundError(f"{name} is missing")
    return path


def files(folder: Path) -> list[str]:
    """The relative names of all files in it; links are none."""
    found = (p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
    return sorted(p.relative_to(folder).as_posix() for p in found)


def sha256(file: Path) -> str:
    """The hash of a file's content."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def flush(path: Path) -> None:
    """Have the system write a file, or a folder's entries, down before we count on them."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
