"""The export: a network's one-step graph for ONNX Runtime, built by hand from its weights.

One step reads one symbol for each of B texts and says how likely each symbol is
next. Scales of the int8 graph are static: hidden states are bounded by 1, so
they need no looking at, and what a text gets never depends on who is in the
batch with it. Knows numpy and ONNX, not torch; samples nothing.

    inputs   ids (B,) int64          the symbol each text reads
             state (B, S) float      hidden states of all layers, then an LSTM's cells
             heat (B, 1) float       1 / temperature
             rule (B,) int64         which row of `rules` holds for each text
             rules (R, W) float      0 where a symbol may come next, `FORBIDDEN` where not
    outputs  logprobs (B, W) float   log-probabilities as the network has them
             odds (B, W) float       probabilities to draw from: tempered, under the rules
             after (B, S) float      the state after the step

W is V rounded up to a whole number of `LANE`s; the surplus has no probability.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Weights = Mapping[str, NDArray[Any]]
Floats = NDArray[np.float32]

LANE = 32
"""Symbols to a lane: the sampler finds the lane first, then the symbol in it."""
FORBIDDEN = np.float32(-1e9)
"""Added to what may not be drawn; finite, so that a row without any choice is a row of equals, not of NaN."""
LEVELS = 127
"""Steps of int8 on each side of zero. Hidden states lie in [-1, 1]: one step is 1/127."""
MIDDLE = 128
"""uint8 for zero. Activations are uint8 because MLAS has no fast int8 x int8 kernel on AVX512 (35 times slower)."""
OPSET, CONTRIB, IR = 17, 1, 8
# Torch's order of an LSTM's gates is i f g o; ours puts the three sigmoids side by side.
_LSTM_ORDER = (0, 1, 3, 2)


def width(symbols: int) -> int:
    """*symbols* rounded up to whole lanes."""
    return -(-symbols // LANE) * LANE


def state_width(architecture: Mapping[str, Any]) -> int:
    """S: floats that a text's state takes."""
    parts = 2 if architecture["cell"] == "lstm" else 1
    return parts * int(architecture["layers"]) * int(architecture["size"])


def step_graph(architecture: Mapping[str, Any], weights: Weights, *, precision: str) -> bytes:
    """The ONNX model of one step, `int8` or `fp32`; *weights* are named as in `CharNetwork.state_dict()`.

    KeyError for a missing weight, ValueError for an unknown cell or precision.
    """
    if precision not in ("int8", "fp32"):
        raise ValueError(f"no such precision: {precision}")
    full = {name: np.asarray(value, np.float32) for name, value in weights.items()}
    graph = _Int8(full) if precision == "int8" else _Fp32(full)
    layers, size = int(architecture["layers"]), int(architecture["size"])
    cell = {"rnn": _rnn, "lstm": _lstm, "gru": _gru}.get(architecture["cell"])
    if cell is None:
        raise ValueError(f"no such cell: {architecture['cell']}")
    after = _recurrent(graph, cell, layers, size, lstm=architecture["cell"] == "lstm")
    _outlook(graph, after)
    symbols, state = width(int(architecture["symbols"])), state_width(architecture)
    return graph.model(symbols, state)


class _Graph(ABC):
    """Nodes and constants so far. Subclasses say how numbers are multiplied."""

    def __init__(self, weights: Mapping[str, Floats]) -> None:
        self.weights = weights
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def constant(self, value: NDArray[Any], stem: str = "c") -> str:
        """Keep *value*; returns its name."""
        name = f"{stem}{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def many(self, op: str, inputs: Sequence[str], outputs: int, **attributes: Any) -> list[str]:
        """A node with several outputs; returns their names."""
        names = [f"{op.lower()}{len(self._nodes)}_{i}" for i in range(outputs)]
        self._nodes.append(helper.make_node(op, list(inputs), names, **attributes))
        return names

    def one(self, op: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        """A node with one output; returns its name."""
        out = name or f"{op.lower()}{len(self._nodes)}"
        self._nodes.append(helper.make_node(op, list(inputs), [out], **attributes))
        return out

    def split(self, x: str, widths: Sequence[int]) -> list[str]:
        """Cut *x* (B, sum(widths)) into columns."""
        if len(widths) == 1:
            return [x]
        return self.many("Split", [x, self.constant(np.array(widths, np.int64))], len(widths), axis=1)

    def join(self, parts: Sequence[str], name: str | None = None) -> str:
        """Put columns side by side."""
        if len(parts) == 1 and name is None:
            return parts[0]
        return self.one("Concat", *parts, name=name, axis=1)

    @abstractmethod
    def read(self) -> str:
        """The embedding of `ids`, as `times` takes it."""

    @abstractmethod
    def prepare(self, hidden: str) -> str:
        """A hidden state as `times` takes it."""

    @abstractmethod
    def times(self, x: str, weight: Floats, bias: Floats, *, embedded: int = 0) -> str:
        """Columns x (B, K) @ weight.T + bias, weight (N, K) -> (B, N); the first *embedded* ones are an embedding."""

    @abstractmethod
    def surprise(self, hidden: str) -> str:
        """The logits (B, W) of the last layer's state, as `prepare` gave it."""

    def _padded(self, rows: Floats, fill: float = 0.0) -> Floats:
        surplus = width(len(rows)) - len(rows)
        return np.pad(rows, [(0, surplus)] + [(0, 0)] * (rows.ndim - 1), constant_values=fill)

    def model(self, symbols: int, state: int) -> bytes:
        """Everything, as a file's bytes."""
        value = helper.make_tensor_value_info
        inputs = [
            value("ids", TensorProto.INT64, ["B"]),
            value("state", TensorProto.FLOAT, ["B", state]),
            value("heat", TensorProto.FLOAT, ["B", 1]),
            value("rule", TensorProto.INT64, ["B"]),
            value("rules", TensorProto.FLOAT, ["R", symbols]),
        ]
        outputs = [
            value("logprobs", TensorProto.FLOAT, ["B", symbols]),
            value("odds", TensorProto.FLOAT, ["B", symbols]),
            value("after", TensorProto.FLOAT, ["B", state]),
        ]
        graph = helper.make_graph(self._nodes, "step", inputs, outputs, self._constants)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", CONTRIB)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR, producer_name="poem-bot")
        return bytes(model.SerializeToString())


class _Fp32(_Graph):
    """Plain floats: as torch computes, within rounding."""

    def read(self) -> str:
        return self.one("Gather", self.constant(self.weights["embedding.weight"]), "ids")

    def prepare(self, hidden: str) -> str:
        return hidden

    def times(self, x: str, weight: Floats, bias: Floats, *, embedded: int = 0) -> str:
        return self.one("Gemm", x, self.constant(weight.T), self.constant(bias))

    def surprise(self, hidden: str) -> str:
        narrow = self.times(hidden, self.weights["project.weight"], self.weights["project.bias"])
        table, bias = self.weights["embedding.weight"], self.weights["bias"]
        return self.times(narrow, self._padded(table), self._padded(bias, -1e4))


class _Int8(_Graph):
    """uint8 activations with one scale for all, int8 weights with a scale a column, float sums."""

    def __init__(self, weights: Mapping[str, Floats]) -> None:
        super().__init__(weights)
        self._step = self.constant(np.float32(1 / LEVELS), "step")  # type: ignore[arg-type]
        self._zero = self.constant(np.uint8(MIDDLE), "zero")  # type: ignore[arg-type]
        self._reach = float(np.abs(weights["embedding.weight"]).max()) or 1.0

    def read(self) -> str:
        steps = np.rint(self.weights["embedding.weight"] * (LEVELS / self._reach)) + MIDDLE
        return self.one("Gather", self.constant(steps.astype(np.uint8)), "ids")

    def prepare(self, hidden: str) -> str:
        return self.one("QuantizeLinear", hidden, self._step, self._zero)

    def times(self, x: str, weight: Floats, bias: Floats, *, embedded: int = 0) -> str:
        # The embedding was scaled to [-1, 1] like the states; its reach goes into the weights.
        scaled = weight * np.where(np.arange(weight.shape[1]) < embedded, np.float32(self._reach), np.float32(1))
        scale = np.maximum(np.abs(scaled).max(axis=1), np.float32(1e-12)) / LEVELS  # (N,)
        steps = np.rint(scaled / scale[:, None]).astype(np.int8)
        constants = [self.constant(c) for c in (steps.T, scale.astype(np.float32), bias)]
        inputs = (x, constants[0], self._step, constants[1], self._zero, "", constants[2])
        return self.one("MatMulIntegerToFloat", *inputs, domain="com.microsoft")

    def surprise(self, hidden: str) -> str:
        # Projection and tied embedding in one matrix: what lies between them has no bound to scale by.
        table = self.weights["embedding.weight"]
        folded = table @ self.weights["project.weight"]  # (V, E) @ (E, H) -> (V, H)
        bias = table @ self.weights["project.bias"] + self.weights["bias"]
        return self.times(hidden, self._padded(folded), self._padded(bias, -1e4))


def _recurrent(graph: _Graph, cell: Any, layers: int, size: int, *, lstm: bool) -> str:
    """All layers; names the output `after` and returns the last layer's state, prepared for `times`."""
    states = graph.split("state", [layers * size] * (2 if lstm else 1))
    before = graph.split(states[0], [size] * layers)
    ready = graph.split(graph.prepare(states[0]), [size] * layers)
    cells = graph.split(states[1], [size] * layers) if lstm else [""] * layers
    x, hiddens, carried = graph.read(), [], []
    for i in range(layers):
        names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        parts = [graph.weights[f"layers.{i}.{name}"] for name in names]
        embedded = parts[0].shape[1] if i == 0 else 0
        hidden, carry = cell(graph, _Layer(parts, x, ready[i], before[i], cells[i], embedded))
        hiddens.append(hidden)
        carried.append(carry)
        x = graph.prepare(hidden)
    graph.join(hiddens + (carried if lstm else []), name="after")
    return x


def _gates(rows: Floats, order: Sequence[int]) -> Floats:
    """Some blocks of *rows*, one a gate, in that *order*; all rows as they are for an empty one."""
    if not order:
        return rows
    blocks = rows.reshape(4 if len(order) == 4 else 3, -1, *rows.shape[1:])
    return blocks[list(order)].reshape(-1, *rows.shape[1:])


@dataclass(frozen=True)
class _Layer:
    """What a cell works on: names of tensors, and torch's four weights."""

    weights: list[Floats]
    """weight_ih, weight_hh, bias_ih, bias_hh."""
    x: str
    """Input, and `h`, the state before, both as `times` takes them."""
    h: str
    before: str
    """The state before in plain floats."""
    cell: str
    embedded: int
    """How many columns of x are an embedding."""

    def sums(self, graph: _Graph, order: Sequence[int]) -> str:
        """W x + U h + both biases for the gates in that *order*, side by side."""
        w = self.weights
        weight, bias = _gates(np.concatenate(w[:2], axis=1), order), _gates(w[2] + w[3], order)
        return graph.times(graph.join([self.x, self.h]), weight, bias, embedded=self.embedded)


def _rnn(graph: _Graph, layer: _Layer) -> tuple[str, str]:
    """Elman: h' = tanh(W x + U h + b)."""
    return graph.one("Tanh", layer.sums(graph, ())), ""


def _lstm(graph: _Graph, layer: _Layer) -> tuple[str, str]:
    """Long short-term memory: c' = f c + i g; h' = o tanh(c')."""
    size = layer.weights[1].shape[1]
    gates, new = graph.split(layer.sums(graph, _LSTM_ORDER), [3 * size, size])
    i, f, o = graph.split(graph.one("Sigmoid", gates), [size] * 3)
    kept, let_in = graph.one("Mul", f, layer.cell), graph.one("Mul", i, graph.one("Tanh", new))
    carry = graph.one("Add", kept, let_in)
    return graph.one("Mul", o, graph.one("Tanh", carry)), carry


def _gru(graph: _Graph, layer: _Layer) -> tuple[str, str]:
    """Gated: n = tanh(W x + b + r (U h + d)); h' = n + z (h - n). As torch's, whose r gates U h + d: summed apart."""
    size = layer.weights[1].shape[1]
    r, z = graph.split(graph.one("Sigmoid", layer.sums(graph, (0, 1))), [size] * 2)
    w, u, b, d = (_gates(part, (2,)) for part in layer.weights)
    from_x = graph.times(layer.x, w, b, embedded=layer.embedded)
    new = graph.one("Tanh", graph.one("Add", from_x, graph.one("Mul", r, graph.times(layer.h, u, d))))
    return graph.one("Add", new, graph.one("Mul", z, graph.one("Sub", layer.before, new))), ""


def _outlook(graph: _Graph, last: str) -> None:
    """Names the outputs `logprobs` and `odds`."""
    logits = graph.surprise(last)
    graph.one("LogSoftmax", logits, name="logprobs", axis=-1)
    warm = graph.one("Mul", logits, "heat")
    ruled = graph.one("Add", warm, graph.one("Gather", "rules", "rule"))
    graph.one("Softmax", ruled, name="odds", axis=-1)
