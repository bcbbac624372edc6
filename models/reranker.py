"""The reranker: which of several lines goes on best after the lines before it.

A many-to-one network reads a poem so far and one candidate, and says one number. It learned to
tell the line a poet wrote from lines the voice itself would have written there and from lines of other poems (after
Holtzman et al. 2018; RankGen, Krishna et al. 2022), so it knows the voice's own mistakes. `models/rerank.py` trains it;
while a poem is written it reads along, symbol by symbol (`models/step.py`). This is its file. Knows no torch.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models.graph import IR, OPSET
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


def weights_of(model: bytes) -> dict[str, NDArray[np.float16]]:
    """The weights in a reranker's file, named as in `models.rerank.Network.state_dict()`: the inverse of `graph`.

    ValueError for what is no reranker's file.
    """
    try:
        initializers = onnx.load_from_string(model).graph.initializer
        held = {one.name.removesuffix(".half"): numpy_helper.to_array(one) for one in initializers}
        found = {"embedding.weight": held["embedding"], "answer.weight": held["answer"].T, "answer.bias": held["shift"]}
        bias_ih, bias_hh = np.split(held["biases"][0], 2)
        stems = {"weight_ih": held["inward"][0], "weight_hh": held["recurrent"][0]}
        for stem, value in (stems | {"bias_ih": bias_ih, "bias_hh": bias_hh}).items():
            into, out, forget, cell = np.split(value, 4)
            found[f"recurrent.{stem}_l0"] = np.concatenate([into, forget, cell, out])
    except (DecodeError, KeyError, IndexError) as error:
        raise ValueError(f"this is no reranker: {error!r}") from error
    return found


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
