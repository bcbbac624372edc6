"""The reranker: which of several lines goes on best after the lines before it.

A many-to-one network reads a poem so far and one candidate, and says one number. It learned to
tell the line a poet wrote from lines the voice itself would have written there and from lines of other poems (after
Holtzman et al. 2018; RankGen, Krishna et al. 2022), so it knows the voice's own mistakes. Runs in ONNX Runtime;
knows no torch. `models/rerank.py` trains it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models.graph import IR, OPSET
from models.kernels import options
from models.vocabulary import END, Vocabulary

FILE = "reranker.onnx"
"""Its name in a version's folder; a folder without it has none."""
MOST = 224
"""Symbols that are read of a poem and its candidate, from the end: five lines of English, twice that of Korean."""

Ids = NDArray[np.int64]


def encode(vocabulary: Vocabulary, before: Sequence[str], lines: Sequence[str], *, ends: bool) -> list[list[int]]:
    """What is read of each candidate: END, the lines so far, itself, and END again where the poem would end with it."""
    told = [END, *(symbol for each in before for symbol in vocabulary.encode(each + "\n"))]
    return [[*told, *vocabulary.encode(line + "\n"), *([END] if ends else [])][-MOST:] for line in lines]


def padded(rows: Sequence[Sequence[int]]) -> tuple[Ids, NDArray[np.int32]]:
    """Rows of several lengths as (N, T), filled up with END, and their lengths (N,)."""
    lengths = np.array([len(row) for row in rows], np.int32)
    ids = np.full((len(rows), int(lengths.max())), END, np.int64)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
    return ids, lengths


class Reranker:
    """Scores candidates for a place in a poem. Any thread may call it."""

    def __init__(self, model: bytes, vocabulary: Vocabulary) -> None:
        """Raises what ONNX Runtime raises for a model that is none."""
        self._session = ort.InferenceSession(model, options(1), providers=["CPUExecutionProvider"])
        self._vocabulary = vocabulary

    def scores(self, before: Sequence[str], lines: Sequence[str], *, ends: bool) -> list[float]:
        """Log-odds of each of *lines*, up to a constant, that a poet went on with it after *before*.

        *ends*: is it to be the poem's last line? Only the differences between lines of one call mean something.
        """
        ids, lengths = padded(encode(self._vocabulary, before, lines, ends=ends))
        (scores,) = self._session.run(["scores"], {"ids": ids, "lengths": lengths})
        return [float(score) for score in scores[:, 0]]


def graph(weights: Mapping[str, NDArray[Any]]) -> bytes:
    """The ONNX model of a trained reranker, its *weights* named as in `models.rerank.Network.state_dict()`.

    inputs   ids (N, T) int64       symbols, filled up on the right
             lengths (N,) int32     how many of them count
    outputs  scores (N, 1) float    log-odds, up to a constant
    """
    half = {name: np.asarray(value, np.float16) for name, value in weights.items()}
    size = half["recurrent.weight_hh_l0"].shape[1]
    constants, nodes = [], []

    def constant(name: str, value: NDArray[Any]) -> str:
        """A weight, stored as float16 and computed with as float32."""
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value), f"{name}.half"))
        nodes.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
        return name

    def gates(stem: str) -> NDArray[np.float16]:
        """A weight of the LSTM (1, 4 H, …), its gates in ONNX's order; torch has input, forget, cell, output."""
        into, forget, cell, out = np.split(half[f"recurrent.{stem}_l0"], 4)
        return np.concatenate([into, out, forget, cell])[None]

    nodes.append(helper.make_node("Transpose", ["ids"], ["turned"], perm=[1, 0]))  # (N, T) -> (T, N)
    nodes.append(helper.make_node("Gather", [constant("embedding", half["embedding.weight"]), "turned"], ["steps"]))
    inward, recurrent = constant("inward", gates("weight_ih")), constant("recurrent", gates("weight_hh"))
    biases = constant("biases", np.concatenate([gates("bias_ih"), gates("bias_hh")], axis=1))  # (1, 8 H)
    inputs = ["steps", inward, recurrent, biases, "lengths"]  # steps: (T, N, D)
    nodes.append(helper.make_node("LSTM", inputs, ["", "last"], hidden_size=size))  # (1, N, H), each after its length
    shape = numpy_helper.from_array(np.array([-1, size], np.int64), "shape")
    constants.append(shape)
    nodes.append(helper.make_node("Reshape", ["last", "shape"], ["hidden"]))  # (N, H)
    answer, shift = constant("answer", half["answer.weight"].T), constant("shift", half["answer.bias"])
    nodes.append(helper.make_node("Gemm", ["hidden", answer, shift], ["scores"]))  # (N, 1)
    whole = helper.make_graph(
        nodes,
        "reranker",
        [
            helper.make_tensor_value_info("ids", TensorProto.INT64, ["N", "T"]),
            helper.make_tensor_value_info("lengths", TensorProto.INT32, ["N"]),
        ],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 1])],
        constants,
    )
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    return bytes(model.SerializeToString())
