"""The checkpoint: one version of a model, in a folder that is written completely or not at all.

    meta.json             what the version is, and the SHA-256 of every other file
    vocabulary.json       its characters, then its words
    weights.safetensors   the weights, float16
    step.onnx             the graph of one step, int8
    reward.npy            weights of the reward model, if there is one: see `models/prefer.py`
    said.npy              hashes of the lines that the network has read: see `models/seen.py`

The folder of a base has further files (`holdout.txt`, `verse/`), with a SHA-256 each. The module uses neither pickle
nor torch, and it checks the hash of a file before it uses the content.
"""

import hashlib
import io
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from models.corpus import ReadingMode
from models.folder import appearing, files, inside, sha256
from models.seen import Hashes
from models.shapes import weight_shapes, width
from models.step import Floats, OldGraph, Step, fingerprint, unrestricted
from models.vocabulary import Vocabulary

Weights = Mapping[str, NDArray[Any]]

FORMAT = 1
META, VOCABULARY, WEIGHTS, STEP = "meta.json", "vocabulary.json", "weights.safetensors", "step.onnx"
REWARD, SAID = "reward.npy", "said.npy"
"""Used to choose among candidates: the reward model, and the lines that the network has read."""
CARD = "MODEL_CARD.md"
MOST_CANDIDATES = 64
UNSEALED = frozenset({META, CARD})
"""Files without a hash. The model card may be edited at any time."""


class Broken(Exception):
    """The folder is missing, incomplete, altered, or no version at all."""


@dataclass(frozen=True, slots=True)
class Style:
    """Sampling parameters of a version. A visitor may wish for another temperature."""

    temperature: float = 1.0
    opening: float = 0.0
    """Temperature of a poem's first line, if it is higher: the first line decides how poems differ."""
    nucleus: float = 0.85
    """Top-p: sample from the likeliest symbols that together have this probability; 1: from all symbols."""
    shortest: int = 2
    """Least number of characters in a line."""
    longest: int = 40
    """Greatest number of characters in a line; a longer line is cut at the end of a word."""
    banned: str = ""
    """Characters that are never written."""
    spell: bool = True
    """May characters without a symbol of their own be written, byte by byte?"""
    candidates: int = 1
    """Samples of each line, of which one is chosen (K)."""
    takes: int = 1
    """Samples of the poem after its first line, of which the best is shown (best-of-n). They share the candidates."""

    def __post_init__(self) -> None:
        """Raise ValueError for impossible parameters."""
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
    """The content of `meta.json`."""

    voice: str
    title: str
    language: str
    """A BCP 47 tag."""
    base: str
    """The release of the base that it was fine-tuned from, e.g. `sibot-2026.11`."""
    architecture: Mapping[str, Any]
    """`symbols`, `cell`, `layers`, `size`, `embedding`, `residual`, `attention`: see `models.network.Architecture`."""
    level: str = "char"
    """What symbols stand for: `char`, `word` or `byte`."""
    reads: ReadingMode = "poems"
    """How it is trained and measured: each poem from zero state to its END, or running text as one stream."""
    style: Style = field(default_factory=Style)
    lesson: Mapping[str, Any] = field(default_factory=dict)
    """Summary of the lesson that it was trained on (CONTRACT); empty for a base."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    created: str = ""
    """ISO 8601, UTC."""
    revision: str = ""
    """Git revision of the code that made it."""
    fingerprint: Mapping[str, list[float]] = field(default_factory=dict)
    """By precision: log-probabilities that its network gives to a fixed text (`models.step.fingerprint`), nats."""
    files: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 by name of file. `write` computes the fingerprint and this."""
    format: int = FORMAT

    def __post_init__(self) -> None:
        """Raise ValueError for an unknown reading mode."""
        if self.reads not in get_args(ReadingMode):
            raise ValueError(f"no such reading mode: {self.reads}")

    @classmethod
    def from_dict(cls, raw: Any) -> "Meta":
        """The inverse of `as_dict`. Raises Broken for anything that `as_dict` cannot have written."""
        if not isinstance(raw, dict) or raw.get("format") != FORMAT:
            raise Broken(f"{META} is not of format {FORMAT}")
        if raw.get("seal") != _seal(raw):
            raise Broken(f"{META} was altered")
        try:
            raw = {"reads": "poems"} | raw  # absent from older folders, which all read poems
            known = {name: raw[name] for name in cls.__dataclass_fields__}
            style = dict(raw["style"])
            style.pop("repetition", None)  # in older folders; it has no effect any more
            meta = cls(**known | {"style": Style(**style)})
            weight_shapes(meta.architecture)
        except (KeyError, TypeError, ValueError) as error:
            raise Broken(f"{META} is not whole: {error}") from error
        return meta

    @property
    def servable(self) -> bool:
        """Can the site run this network? Not with attention, which is in no ONNX graph."""
        return not self.architecture.get("attention", 0)

    def as_dict(self) -> dict[str, Any]:
        """The content of `meta.json`, with a seal: a SHA-256 over the rest of it."""
        raw = asdict(self) | {"cell": self.architecture["cell"]}
        return raw | {"seal": _seal(raw)}


@dataclass(frozen=True)
class Checkpoint:
    """A version folder whose hashes were right when it was opened. Each later read of a file checks its hash again."""

    folder: Path
    meta: Meta
    vocabulary: Vocabulary

    @cached_property
    def weights(self) -> dict[str, NDArray[np.float32]]:
        """The weights in float32, named as in `CharNetwork.state_dict()`. Raises Broken."""
        try:
            loaded = safetensors.numpy.load(self.bytes(WEIGHTS))
        except safetensors.SafetensorError as error:
            raise Broken(f"{self.folder}: {WEIGHTS} is torn: {error}") from error
        expected = weight_shapes(self.meta.architecture)
        if {name: value.shape for name, value in loaded.items()} != expected:
            raise Broken(f"{self.folder}: {WEIGHTS} is not of this architecture")
        return {name: value.astype(np.float32) for name, value in loaded.items()}

    def step(self, precision: str, *, rules: Floats, rows: int = 1, threads: int = 1) -> Step:
        """Its network, ready to run; *rules* as in `Step`. Builds the graph again if an older release wrote it.

        Raises Broken.
        """
        try:
            return Step(self.step_graph(precision), rules=rules, rows=rows, threads=threads)
        except OldGraph:
            return Step(self.build_graph(precision), rules=rules, rows=rows, threads=threads)

    def step_graph(self, precision: str) -> bytes:
        """The ONNX model: for `int8` the stored one, for `fp32` built from the weights. Raises Broken."""
        if not self.meta.servable:
            raise Broken(f"{self.folder}: a network with attention can be trained and evaluated, but not served")
        return self.bytes(STEP) if precision == "int8" else self.build_graph(precision)

    @property
    def reward(self) -> NDArray[np.float32] | None:
        """Weights of the reward model, (H,) log-odds along the states of the top layer (`models/prefer.py`).

        None if the version has none. Raises Broken.
        """
        return self._array(REWARD)

    @property
    def said(self) -> Hashes | None:
        """Hashes of the lines that it was trained on (`models.seen.said`), sorted; None: not known. Raises Broken."""
        return self._array(SAID)

    def _array(self, name: str) -> NDArray[Any] | None:
        """The content of a `.npy` file; None if the version has no such file. Raises Broken."""
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
        """The content of a file. Raises Broken if its hash is not the one in `meta.json`."""
        try:
            content = inside(self.folder, name).read_bytes()
        except (OSError, ValueError) as error:
            raise Broken(f"{self.folder}: {error}") from error
        if hashlib.sha256(content).hexdigest() != self.meta.files.get(name):
            raise Broken(f"{self.folder}: {name} was altered")
        return content


def read(folder: Path) -> Checkpoint:
    """Open the version in *folder*; checks every file against its SHA-256. Raises Broken."""
    try:
        meta = Meta.from_dict(_json(folder / META))
        if missing := {VOCABULARY, WEIGHTS, *([STEP] if meta.servable else [])} - set(meta.files):
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
    """Write a version into a new folder, completely or not at all. Returns *meta* with hashes and fingerprint.

    *step_onnx*: the int8 graph; None: built here, if the network can be served. *extras*: a folder whose further files
    are copied. *reward*, *said*: as in `Checkpoint`. Raises FileExistsError if *folder* exists, ValueError for weights
    that are not finite or do not fit the architecture, and OSError (disk full, …); then no folder is left.
    """
    half = _halved(meta.architecture, weights)
    if meta.servable and step_onnx is None:
        step_onnx = _step_graph(meta.architecture, half, "int8", reward=reward)
    with appearing(folder) as fresh:
        if extras is not None:
            _bring(extras, fresh)
        (fresh / VOCABULARY).write_text(json.dumps(vocabulary.pieces, ensure_ascii=False), encoding="utf-8")
        (fresh / WEIGHTS).write_bytes(safetensors.numpy.save(half))
        if step_onnx is not None:
            (fresh / STEP).write_bytes(step_onnx)
        for name, array in ((REWARD, reward), (SAID, said)):
            if array is not None:
                np.save(fresh / name, array)
        hashes = {name: sha256(fresh / name) for name in files(fresh) if name not in UNSEALED}
        fingerprints = _fingerprints(meta.architecture, half, step_onnx) if step_onnx is not None else {}
        whole = replace(meta, files=hashes, fingerprint=fingerprints)
        (fresh / META).write_text(json.dumps(whole.as_dict(), ensure_ascii=False, indent=1), encoding="utf-8")
    return whole


def seal(folder: Path, name: str) -> None:
    """Make a file that was added to the version in *folder*, or changed, one of its files. Raises Broken, OSError."""
    meta = Meta.from_dict(_json(folder / META))
    whole = replace(meta, files={**meta.files, name: sha256(folder / name)})
    (folder / META).write_text(json.dumps(whole.as_dict(), ensure_ascii=False, indent=1), encoding="utf-8")


def _halved(architecture: Mapping[str, Any], weights: Weights) -> dict[str, NDArray[np.float16]]:
    """The weights in float16, as they are stored. Raises ValueError as `write` does."""
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
    """Build the ONNX model. The import is late: a process that only reads versions does without `onnx`."""
    from models.export import step_graph

    return step_graph(architecture, weights, precision=precision, reward=reward)


def _fingerprints(architecture: Mapping[str, Any], weights: Weights, int8: bytes) -> dict[str, list[float]]:
    """The fingerprint of the network in each precision; *int8*: the graph in that precision."""
    symbols = int(architecture["symbols"])
    graphs = {"int8": int8, "fp32": _step_graph(architecture, weights, "fp32")}
    rules = unrestricted(symbols, width(symbols))
    return {precision: fingerprint(Step(graph, rules=rules), symbols) for precision, graph in graphs.items()}


def _seal(raw: Mapping[str, Any]) -> str:
    """SHA-256 over everything in *raw* but the seal itself."""
    rest = {key: value for key, value in raw.items() if key != "seal"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _json(file: Path) -> Any:
    """The content of a JSON file. Raises Broken if it is not JSON, OSError if it cannot be read."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise Broken(f"{file} is not JSON") from error


def _bring(source: Path, target: Path) -> None:
    """Copy the files of a base that `write` does not write itself."""
    for name in files(source):
        if name not in (META, VOCABULARY, WEIGHTS, STEP, REWARD, SAID):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, target / name)
