"""The physical limit: how quickly this machine multiplies, for the shapes of one step, with nothing around it."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from models.graph import IR, OPSET, width
from models.kernels import exact_options
from models.shapes import GATES


def shapes(architecture: Mapping[str, Any]) -> list[tuple[int, int]]:
    """The products of a step, K numbers into N: each layer's, and the outlook's; attention's are too small to count."""
    size, gates = int(architecture["size"]), GATES[architecture["cell"]]
    widths = [int(architecture["embedding"])] + [size] * (int(architecture["layers"]) - 1)
    return [(w + size, gates * size) for w in widths] + [(size, width(int(architecture["symbols"])))]


def operations(architecture: Mapping[str, Any]) -> int:
    """Multiplications and additions of one step of one text."""
    return sum(2 * k * n for k, n in shapes(architecture))


def products(architecture: Mapping[str, Any], rows: int, *, precision: str, threads: int) -> Callable[[], object]:
    """Something that multiplies as a step of so many rows must, one product after the other, when it is called."""
    kind = {"int8": _int8, "fp32": _fp32}[precision]
    nodes, inputs, outputs, weights, feed = [], [], [], [], {}
    for i, (k, n) in enumerate(shapes(architecture)):
        x, weight, op, (of_x, of_y) = kind(rows, k, n)
        nodes.append(helper.make_node(op, [f"x{i}", f"w{i}"], [f"y{i}"]))
        inputs.append(helper.make_tensor_value_info(f"x{i}", of_x, x.shape))
        outputs.append(helper.make_tensor_value_info(f"y{i}", of_y, (rows, n)))
        weights.append(numpy_helper.from_array(weight, f"w{i}"))
        feed[f"x{i}"] = x
    graph = helper.make_graph(nodes, "products", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    session = ort.InferenceSession(
        model.SerializeToString(), exact_options(threads), providers=["CPUExecutionProvider"]
    )
    binding = session.io_binding()
    for name, x in feed.items():
        binding.bind_cpu_input(name, x)
    for output in outputs:
        binding.bind_output(output.name)
    return lambda: session.run_with_iobinding(binding)


def _int8(rows: int, k: int, n: int) -> tuple[Any, Any, str, tuple[int, int]]:
    dice = np.random.default_rng(k)
    x = dice.integers(1, 255, (rows, k), np.uint8)
    weight = dice.integers(-127, 127, (k, n), np.int8)
    return x, weight, "MatMulInteger", (TensorProto.UINT8, TensorProto.INT32)


def _fp32(rows: int, k: int, n: int) -> tuple[Any, Any, str, tuple[int, int]]:
    dice = np.random.default_rng(k)
    x, weight = dice.normal(size=(rows, k)), dice.normal(size=(k, n))
    return np.float32(x), np.float32(weight), "MatMul", (TensorProto.FLOAT, TensorProto.FLOAT)
