"""Which of ONNX Runtime's kernels this processor can be trusted with.

The fast product of uint8 and int8 adds pairs in 16 bits where the processor has no VNNI,
and saturates; the exact one takes 2.4 times as long where it has. So we ask it.
"""

from functools import cache

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from models.graph import IR, OPSET

LOUDEST = np.full((8, 64), 255, np.uint8), np.full((64, 16), 127, np.int8)
"""Factors whose sums no 16 bits can hold."""
EXACT = "session.x64quantprecision"
"""ONNX Runtime's option for the exact kernel."""


@cache
def sums_are_exact() -> bool:
    """Does the fast kernel add up right?"""
    x, weight = LOUDEST
    session = ort.InferenceSession(probe(), options(1), providers=["CPUExecutionProvider"])
    (sums,) = session.run(None, {"x": x})
    return bool((sums == x.astype(np.int32) @ weight.astype(np.int32)).all())


def probe() -> bytes:
    """A graph that multiplies `LOUDEST`."""
    x, weight = LOUDEST
    product = helper.make_node("MatMulInteger", ["x", "weight"], ["sums"])
    graph = helper.make_graph(
        [product],
        "probe",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, x.shape)],
        [helper.make_tensor_value_info("sums", TensorProto.INT32, (len(x), weight.shape[1]))],
        [numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    return bytes(model.SerializeToString())


def options(threads: int) -> ort.SessionOptions:
    """A session on so many threads, which sleep while there is nothing to do.

    Without an arena of its own: the C library is as quick, and what a replaced version leaves can be returned.
    """
    chosen = ort.SessionOptions()
    chosen.enable_cpu_mem_arena = False
    chosen.intra_op_num_threads, chosen.inter_op_num_threads = threads, 1
    chosen.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return chosen


def exact_options(threads: int) -> ort.SessionOptions:
    """The same, with kernels whose sums are exact on this processor."""
    chosen = options(threads)
    if not sums_are_exact():
        chosen.add_session_config_entry(EXACT, "1")
    return chosen
