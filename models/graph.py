"""Building an ONNX graph by hand: nodes, constants, and two ways to multiply.

`Fp32` computes as torch does; `Int8` with static scales. Knows numpy and ONNX,
neither torch nor what the network looks like: that is `export`.

Tensors are named by strings; a method takes the names of its inputs, adds a node and returns the name of its output.
Letters of shapes: B texts, K and N columns in and out, V symbols, W symbols padded to whole lanes, E width of an
embedding, H units of a layer.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models.shapes import width

Floats = NDArray[np.float32]

LEVELS = 127
"""Steps of int8 on each side of zero. Hidden states lie in [-1, 1]: one step is 1/127."""
MIDDLE = 128
"""uint8 for zero. Activations are uint8 because MLAS has no fast int8 x int8 kernel on AVX512 (35 times slower)."""
PADDING_BIAS = -50.0
"""Logit of the symbols that only fill a lane: none has a chance, and none is so unlikely that it underflows."""
OPSET, CONTRIB, IR = 17, 1, 8
"""Versions of ONNX's operators, of Microsoft's, and of the file format: old ones, which every runtime reads."""


class Graph(ABC):
    """Nodes and constants so far. Subclasses say how numbers are multiplied.

    What is to be multiplied has a *reach*: it lies in [-reach, reach], known beforehand and not measured, so that its
    int8 scale is static and no text's numbers depend on the others in the batch.
    """

    def __init__(self, weights: Mapping[str, Floats]) -> None:
        """*weights*: named as in `CharNetwork.state_dict()`."""
        self.weights = weights
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def constant(self, value: NDArray[Any] | np.generic, stem: str = "c") -> str:
        """Keep *value*; returns its name."""
        name = f"{stem}{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
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

    def exact(self, x: str, weight: Floats, bias: Floats) -> str:
        """Columns x (B, K) @ weight.T + bias in floats, weight (N, K) -> (B, N)."""
        return self.one("Gemm", x, self.constant(weight.T), self.constant(bias))

    @abstractmethod
    def read(self) -> tuple[str, float]:
        """The embedding (B, E) of `ids`, as `times` takes it, and its reach."""

    @abstractmethod
    def prepare(self, x: str, reach: float = 1.0) -> str:
        """Numbers of [-reach, reach] as `times` takes them."""

    @abstractmethod
    def times(self, x: str, weight: Floats, bias: Floats, *, reaches: Sequence[tuple[int, float]] = ()) -> str:
        """Prepared x (B, K) @ weight.T + bias, weight (N, K) -> (B, N).

        *reaches*: how many columns have which reach, from the left; 1 for the rest.
        """

    @abstractmethod
    def logits(self, x: str, reach: float) -> str:
        """The logits (B, W) from the topmost layer's output x (B, H), prepared with that reach."""

    def _padded(self, rows: Floats, fill: float = 0.0) -> Floats:
        """(V, …) -> (W, …)."""
        surplus = width(len(rows)) - len(rows)
        return np.pad(rows, [(0, surplus)] + [(0, 0)] * (rows.ndim - 1), constant_values=fill)

    def model(self, symbols: int, after: Sequence[str], widths: Sequence[int], *, rewards: bool) -> bytes:
        """Everything, as a file's bytes.

        *symbols*: W; *after*: the parts of the state after the step, and *widths*: of each; *rewards*: is there a
        `reward`? The names and shapes below
        are what `models.step.Step` binds, and what `models.export` explains: a file format.
        """
        for i, part in enumerate(after):
            self._rename(part, f"after{i}")
        number, whole = TensorProto.FLOAT, TensorProto.INT64
        parts = list(enumerate(widths))
        inputs: list[Any] = [
            _port("ids", whole, "B"),
            *(_port(f"state{i}", number, "B", size) for i, size in parts),
            _port("inverse_temperature", number, "B", 1),
            _port("rule", whole, "B"),
            _port("rules", number, "R", symbols),
            _port("uniform", number, "B", 1),
            _port("nucleus", number, "B", 1),
        ]
        outputs = [
            _port("logprobs", number, "B", symbols),
            _port("probabilities", number, "B", symbols),
            *(_port(f"after{i}", number, "B", size) for i, size in parts),
            _port("drawn", whole, "B", 1),
            _port("drawn_logprob", number, "B", 1),
            _port("in_nucleus", TensorProto.BOOL, "B", 1),
            *([_port("reward", number, "B", 1)] if rewards else []),
        ]
        return self._serialised("step", inputs, outputs)

    def _serialised(self, name: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> bytes:
        graph = helper.make_graph(self._nodes, name, inputs, outputs, self._constants)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", CONTRIB)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR, producer_name="poem-bot")
        return bytes(model.SerializeToString())

    def _rename(self, old: str, new: str) -> None:
        for node in self._nodes:
            node.input[:] = [new if name == old else name for name in node.input]
            node.output[:] = [new if name == old else name for name in node.output]


def _port(name: str, kind: int, *shape: int | str) -> Any:
    """An input or output of the graph."""
    return helper.make_tensor_value_info(name, kind, shape)


class Fp32(Graph):
    """Plain floats: as torch computes, within rounding."""

    def read(self) -> tuple[str, float]:
        """As it is."""
        return self.one("Gather", self.constant(self.weights["embedding.weight"]), "ids"), 1.0

    def prepare(self, x: str, reach: float = 1.0) -> str:
        """As it is."""
        return x

    def times(self, x: str, weight: Floats, bias: Floats, *, reaches: Sequence[tuple[int, float]] = ()) -> str:
        """Exact, whatever the reach."""
        return self.exact(x, weight, bias)

    def logits(self, x: str, reach: float) -> str:
        """Projection (H -> E), then the tied embedding (E -> W)."""
        narrow = self.exact(x, self.weights["project.weight"], self.weights["project.bias"])
        table, bias = self.weights["embedding.weight"], self.weights["bias"]
        return self.exact(narrow, self._padded(table), self._padded(bias, PADDING_BIAS))


class Int8(Graph):
    """uint8 activations with one scale for all, int8 weights with a scale a column, float sums.

    With  x = step_x * (u - MIDDLE)  and  weight = step_w * i,  x @ weight.T = step_x * step_w * ((u - MIDDLE) @ i.T):
    a sum of integers is exact, and so the same in any order and any batch.
    """

    def __init__(self, weights: Mapping[str, Floats]) -> None:
        super().__init__(weights)
        self._step = self.constant(np.float32(1 / LEVELS), "step")
        self._zero = self.constant(np.uint8(MIDDLE), "zero")
        self._reach = float(np.abs(weights["embedding.weight"]).max()) or 1.0

    def read(self) -> tuple[str, float]:
        """In steps of a 127th of the farthest weight: quantised here, once, and looked up as uint8."""
        steps = np.rint(self.weights["embedding.weight"] * (LEVELS / self._reach)) + MIDDLE  # (V, E)
        return self.one("Gather", self.constant(steps.astype(np.uint8)), "ids"), self._reach

    def prepare(self, x: str, reach: float = 1.0) -> str:
        """In steps of a 127th of the reach."""
        step = self._step if reach == 1 else self.constant(np.float32(reach / LEVELS))
        return self.one("QuantizeLinear", x, step, self._zero)

    def times(self, x: str, weight: Floats, bias: Floats, *, reaches: Sequence[tuple[int, float]] = ()) -> str:
        """In integers. All columns of x count in steps of 1/127: where their reach is another, the weights make up."""
        columns = np.ones(weight.shape[1], np.float32)  # (K,)
        start = 0
        for count, reach in reaches:
            columns[start : start + count] = reach
            start += count
        scaled = weight * columns  # (N, K)
        # A scale for each column of the result; at least 1e-12, since a column may be all zero.
        scale = np.maximum(np.abs(scaled).max(axis=1), np.float32(1e-12)) / LEVELS  # (N,)
        steps = np.rint(scaled / scale[:, None]).astype(np.int8)
        weight_steps, weight_scale, offset = (
            self.constant(value) for value in (steps.T, scale.astype(np.float32), bias)
        )
        no_zero = ""  # the weights' int8 has its zero at zero
        inputs = (x, weight_steps, self._step, weight_scale, self._zero, no_zero, offset)
        return self.one("MatMulIntegerToFloat", *inputs, domain="com.microsoft")

    def logits(self, x: str, reach: float) -> str:
        """Projection and tied embedding in one matrix: what lies between them has no bound to scale by."""
        table = self.weights["embedding.weight"]
        folded = table @ self.weights["project.weight"]  # (V, E) @ (E, H) -> (V, H)
        bias = table @ self.weights["project.bias"] + self.weights["bias"]  # (V,)
        reaches = [(folded.shape[1], reach)]
        return self.times(x, self._padded(folded), self._padded(bias, PADDING_BIAS), reaches=reaches)


def product(weight: NDArray[np.int8]) -> bytes:
    """A graph that multiplies uint8 `x` (B, K) by *weight* (K, N) and says the `sums` in int32."""
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["x", "weight"], ["sums"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, (None, weight.shape[0]))],
        [helper.make_tensor_value_info("sums", TensorProto.INT32, (None, weight.shape[1]))],
        [numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    return bytes(model.SerializeToString())
