"""A builder for ONNX graphs: nodes, constants, and matrix products in two precisions.

`Fp32` multiplies in floats, as torch does; `Int8` multiplies in 8-bit integers with static scales. The builder imports
numpy and ONNX, not torch. It does not know the layers of the network: `models/export.py` does.

A tensor of the graph is a string, its name. A method takes the names of its inputs, adds a node and returns the name of
the node's output.

Letters of shapes: B texts in a batch, K columns of an input and N of an output, V symbols, W symbols padded to whole
lanes (`models/shapes.py`), E width of the embedding, H units of a layer.
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
"""Quantisation levels on each side of zero. Hidden states lie in [-1, 1], so that one level is 1/127."""
MIDDLE = 128
"""The zero point: the uint8 that stands for 0. Activations are uint8 because MLAS, ONNX Runtime's library of kernels,
has no fast int8 x int8 kernel on AVX512 (35 times slower)."""
PADDING_BIAS = -50.0
"""Logit of the symbols that only pad the last lane: they are never sampled, and exp(-50) does not underflow."""
OPSET, CONTRIB, IR = 17, 1, 8
"""Versions of ONNX's operators, of Microsoft's, and of the file format; old ones, which every runtime reads."""


class Graph(ABC):
    """A graph under construction. A subclass defines the precision of the matrix products.

    An input of a product has a *reach*: all its numbers lie in [-reach, reach]. The reach follows from the architecture
    and the weights and is not measured on texts. So the int8 scale is static, and a text's result does not depend on
    the batch.
    """

    def __init__(self, weights: Mapping[str, Floats]) -> None:
        """*weights*: named as in `CharNetwork.state_dict()`."""
        self.weights = weights
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def constant(self, value: NDArray[Any] | np.generic, stem: str = "c") -> str:
        """Add a constant to the graph; returns its name, which begins with *stem*."""
        name = f"{stem}{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def add_node(self, op: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        """Add a node with one output; returns that output's name."""
        out = name or f"{op.lower()}{len(self._nodes)}"
        self._nodes.append(helper.make_node(op, list(inputs), [out], **attributes))
        return out

    def join(self, parts: Sequence[str]) -> str:
        """Concatenate the columns of *parts*: (B, K) each -> (B, sum of K)."""
        return self.add_node("Concat", *parts, axis=1)

    def exact(self, x: str, weight: Floats, bias: Floats) -> str:
        """A product in floats, x @ weight.T + bias: x (B, K), weight (N, K), bias (N,) -> (B, N)."""
        return self.add_node("Gemm", x, self.constant(weight.T), self.constant(bias))

    @abstractmethod
    def read(self) -> tuple[str, float]:
        """Look up the embedding of the input `ids`: (B,) -> (B, E), prepared for `times`; also returns its reach."""

    @abstractmethod
    def prepare(self, x: str, reach: float = 1.0) -> str:
        """Convert floats x (B, K) in [-reach, reach] into the input format of `times`."""

    @abstractmethod
    def times(self, x: str, weight: Floats, bias: Floats, *, reaches: Sequence[tuple[int, float]] = ()) -> str:
        """A product, x @ weight.T + bias: prepared x (B, K), weight (N, K), bias (N,) -> floats (B, N).

        *reaches*: (number of columns, their reach), from the left; all further columns have reach 1.
        """

    @abstractmethod
    def logits(self, x: str, reach: float) -> str:
        """The logits: the top layer's output x (B, H), prepared with that *reach* -> (B, W)."""

    def _padded(self, rows: Floats, fill: float = 0.0) -> Floats:
        """Pad symbols to whole lanes: (V, …) -> (W, …)."""
        surplus = width(len(rows)) - len(rows)
        return np.pad(rows, [(0, surplus)] + [(0, 0)] * (rows.ndim - 1), constant_values=fill)

    def model(self, symbols: int, after: Sequence[str], widths: Sequence[int], *, rewards: bool) -> bytes:
        """The finished model, as the bytes of an ONNX file.

        *symbols*: W. *after*: the tensors of the state after the step; *widths*: the columns of each. *rewards*: does
        the graph have the output `reward`? The names and shapes below are a file format: `models.export` explains
        them, and `models.step.Step` binds them.
        """
        for i, part in enumerate(after):
            self._rename(part, f"after{i}")
        parts = list(enumerate(widths))
        inputs: list[Any] = [
            _port("ids", TensorProto.INT64, "B"),
            *(_port(f"state{i}", TensorProto.FLOAT, "B", size) for i, size in parts),
            _port("inverse_temperature", TensorProto.FLOAT, "B", 1),
            _port("rule", TensorProto.INT64, "B"),
            _port("rules", TensorProto.FLOAT, "R", symbols),
            _port("uniform", TensorProto.FLOAT, "B", 1),
            _port("nucleus", TensorProto.FLOAT, "B", 1),
        ]
        outputs = [
            _port("logprobs", TensorProto.FLOAT, "B", symbols),
            _port("probabilities", TensorProto.FLOAT, "B", symbols),
            *(_port(f"after{i}", TensorProto.FLOAT, "B", size) for i, size in parts),
            _port("drawn", TensorProto.INT64, "B", 1),
            _port("drawn_logprob", TensorProto.FLOAT, "B", 1),
            _port("in_nucleus", TensorProto.BOOL, "B", 1),
            *([_port("reward", TensorProto.FLOAT, "B", 1)] if rewards else []),
        ]
        graph = helper.make_graph(self._nodes, "step", inputs, outputs, self._constants)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", CONTRIB)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR, producer_name="poem-bot")
        return bytes(model.SerializeToString())

    def _rename(self, old: str, new: str) -> None:
        """Rename a tensor in all nodes."""
        for node in self._nodes:
            node.input[:] = [new if name == old else name for name in node.input]
            node.output[:] = [new if name == old else name for name in node.output]


def _port(name: str, kind: int, *shape: int | str) -> Any:
    """The declaration of an input or output: its name, the type of its numbers, and its shape."""
    return helper.make_tensor_value_info(name, kind, shape)


class Fp32(Graph):
    """Products in 32-bit floats: the same as torch's, except for rounding. The reach plays no part."""

    def read(self) -> tuple[str, float]:
        """The embedding as it is."""
        return self.add_node("Gather", self.constant(self.weights["embedding.weight"]), "ids"), 1.0

    def prepare(self, x: str, reach: float = 1.0) -> str:
        """Floats stay as they are."""
        return x

    def times(self, x: str, weight: Floats, bias: Floats, *, reaches: Sequence[tuple[int, float]] = ()) -> str:
        """The product in floats."""
        return self.exact(x, weight, bias)

    def logits(self, x: str, reach: float) -> str:
        """The projection (H -> E), then the transposed embedding (E -> W)."""
        narrow = self.exact(x, self.weights["project.weight"], self.weights["project.bias"])
        table, bias = self.weights["embedding.weight"], self.weights["bias"]
        return self.exact(narrow, self._padded(table), self._padded(bias, PADDING_BIAS))


class Int8(Graph):
    """Products of uint8 activations, which share one scale, and int8 weights, with one scale for each output column.

    With  x = step_x * (u - MIDDLE)  and  weight = step_w * i,  x @ weight.T = step_x * step_w * ((u - MIDDLE) @ i.T).
    Sums of integers are exact, so the result is the same in any order of summation and in any batch.
    """

    def __init__(self, weights: Mapping[str, Floats]) -> None:
        super().__init__(weights)
        self._step = self.constant(np.float32(1 / LEVELS), "step")
        self._zero = self.constant(np.uint8(MIDDLE), "zero")
        self._reach = float(np.abs(weights["embedding.weight"]).max()) or 1.0

    def read(self) -> tuple[str, float]:
        """The embedding as uint8, quantised here once; its reach is the largest absolute weight."""
        steps = np.rint(self.weights["embedding.weight"] * (LEVELS / self._reach)) + MIDDLE  # (V, E)
        return self.add_node("Gather", self.constant(steps.astype(np.uint8)), "ids"), self._reach

    def prepare(self, x: str, reach: float = 1.0) -> str:
        """Quantise with a scale of reach / 127."""
        step = self._step if reach == 1 else self.constant(np.float32(reach / LEVELS))
        return self.add_node("QuantizeLinear", x, step, self._zero)

    def times(self, x: str, weight: Floats, bias: Floats, *, reaches: Sequence[tuple[int, float]] = ()) -> str:
        """The product in integers.

        x is quantised with the scale 1/127; where a column has another reach, its weights are scaled instead.
        """
        columns = np.ones(weight.shape[1], np.float32)  # (K,)
        start = 0
        for count, reach in reaches:
            columns[start : start + count] = reach
            start += count
        scaled = weight * columns  # (N, K)
        # The scale of each output column; at least 1e-12, because a column may be all zero.
        scale = np.maximum(np.abs(scaled).max(axis=1), np.float32(1e-12)) / LEVELS  # (N,)
        steps = np.rint(scaled / scale[:, None]).astype(np.int8)
        weight_steps = self.constant(steps.T)
        weight_scale = self.constant(scale.astype(np.float32))
        offset = self.constant(bias)
        no_zero = ""  # an omitted input: the zero point of the weights is 0
        inputs = (x, weight_steps, self._step, weight_scale, self._zero, no_zero, offset)
        return self.add_node("MatMulIntegerToFloat", *inputs, domain="com.microsoft")

    def logits(self, x: str, reach: float) -> str:
        """Projection and transposed embedding in one matrix: the vector between them has no known reach."""
        table = self.weights["embedding.weight"]
        folded = table @ self.weights["project.weight"]  # (V, E) @ (E, H) -> (V, H)
        bias = table @ self.weights["project.bias"] + self.weights["bias"]  # (V,)
        reaches = [(folded.shape[1], reach)]
        return self.times(x, self._padded(folded), self._padded(bias, PADDING_BIAS), reaches=reaches)


def product(weight: NDArray[np.int8]) -> bytes:
    """The bytes of a graph that multiplies uint8 `x` (B, K) by int8 *weight* (K, N): int32 `sums` (B, N).

    `models/product.onnx` is such a graph; `models.step.sums_are_exact` runs it.
    """
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["x", "weight"], ["sums"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, (None, weight.shape[0]))],
        [helper.make_tensor_value_info("sums", TensorProto.INT32, (None, weight.shape[1]))],
        [numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    return bytes(model.SerializeToString())
