"""The export: builds the ONNX graph of one step of a network from its weights.

One step reads one symbol for each of B texts, computes the probabilities of the next symbol, and samples one. The
scales of the int8 graph are static: hidden states lie in [-1, 1], and the sum of n of them in [-n, n] (its *reach*, see
`models/graph.py`). So no scale is measured, and the result for one text does not depend on the batch. The module
imports numpy and ONNX, not torch.

    inputs   ids (B,) int64                    the symbol each text reads
             state0 … (B, S) float             hidden states by layer, an LSTM's cells
             inverse_temperature (B, 1) float  1 / temperature
             rule (B,) int64                   which row of `rules` applies to each text
             rules (R, W) float                0 for symbols that may come next, `FORBIDDEN` for the others
             uniform (B, 1) float              a random number, in [0, 1)
             nucleus (B, 1) float              top-p: sample from the likeliest symbols with this probability
    outputs  logprobs (B, W) float             log-probabilities at temperature 1 without rules, in nats
             probabilities (B, W) float        to sample from: with temperature and rules; at least exp(-`DEPTH`)
                                               of the greatest
             after0 … (B, S) float             the state after the step
             drawn (B, 1) int64                the symbol that `uniform` selects
             drawn_logprob (B, 1) float        its entry in `logprobs`, in nats
             in_nucleus (B, 1) bool            does it lie in the nucleus? If not, sample again (`models.sample`)
             reward (B, 1) float               log-odds that this step adds to the line's reward; only if the
                                               version has a reward (`models.prefer`)

Letters of shapes: W is V, the number of symbols, rounded up to whole lanes (the padding is never sampled); H units of a
layer, K columns of its input, S floats in one part of the state, G gates of a cell.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from models.graph import Floats, Fp32, Graph, Int8
from models.shapes import LANE, LEAST, state_widths, width

Weights = Mapping[str, NDArray[Any]]

DEPTH = np.float32(75)
"""Nats below the greatest logit at which logits are cut off: below exp(-87) floats are subnormal, and arithmetic with
them is a hundred times slower."""


def step_graph(
    architecture: Mapping[str, Any], weights: Weights, *, precision: str, reward: NDArray[Any] | None = None
) -> bytes:
    """The bytes of the ONNX model of one step.

    *weights*: named as in `CharNetwork.state_dict()`; *precision*: `int8` or `fp32`; *reward*: (H,) log-odds along the
    states of the top layer (`models.prefer`). Raises KeyError for a missing weight, ValueError for an unknown cell or
    precision, and for attention, which only torch computes.
    """
    if precision not in ("int8", "fp32"):
        raise ValueError(f"no such precision: {precision}")
    if architecture["cell"] not in _CELLS:
        raise ValueError(f"no such cell: {architecture['cell']}")
    if architecture.get("attention", 0):
        raise ValueError("a network with attention can be trained and evaluated, but not served")
    full = {name: np.asarray(value, np.float32) for name, value in weights.items()}
    graph = Int8(full) if precision == "int8" else Fp32(full)
    top, x, reach, after = _recurrent(graph, architecture)
    _softmax(graph, x, reach)
    _draw(graph)
    if reward is not None:
        graph.add_node("MatMul", top, graph.constant(np.asarray(reward, np.float32)[:, None]), name="reward")
    symbols = width(int(architecture["symbols"]))
    return graph.model(symbols, after, state_widths(architecture), rewards=reward is not None)


def _recurrent(graph: Graph, architecture: Mapping[str, Any]) -> tuple[str, str, float, list[str]]:
    """Add all layers.

    Returns the top layer's output (B, H) in floats, the same prepared for `times`, its reach, and the parts of the
    state after the step.
    """
    layers = int(architecture["layers"])
    lstm = architecture["cell"] == "lstm"
    cell = _CELLS[architecture["cell"]]
    state = [f"state{i}" for i in range(len(state_widths(architecture)))]
    hiddens: list[str] = []  # the hidden state of each layer
    carried: list[str] = []  # an LSTM's cell states
    x, reach = graph.read()
    top = ""
    for i in range(layers):
        names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        weights = [graph.weights[f"layers.{i}.{name}"] for name in names]
        before = state[i]
        layer = _Layer(
            weights=weights,
            x=x,
            reach=reach,
            h=graph.prepare(before),
            before=before,
            cell=state[layers + i] if lstm else "",
        )
        hidden, carry = cell(graph, layer)
        hiddens.append(hidden)
        if lstm:
            carried.append(carry)
        # Residual connection: the layer's output is added to its input, so the reach grows by 1.
        if architecture.get("residual", False) and i > 0:
            top, reach = graph.add_node("Add", top, hidden), reach + 1
        else:
            top, reach = hidden, 1.0
        x = graph.prepare(top, reach)
    return top, x, reach, hiddens + carried


@dataclass(frozen=True)
class _Layer:
    """The inputs of one recurrent layer: names of tensors, and torch's four weights."""

    weights: list[Floats]
    """weight_ih (G H, K), weight_hh (G H, H), bias_ih (G H,), bias_hh (G H,); the G gates follow one another."""
    x: str
    """The input (B, K), prepared."""
    reach: float
    """The reach of x; that of h is 1."""
    h: str
    """The hidden state before the step (B, H), prepared."""
    before: str
    """The same in floats."""
    cell: str
    """The cell state of an LSTM before the step (B, H); "" for other cells."""

    def sums(self, graph: Graph, *gates: int) -> list[str]:
        """W x + U h + both biases for each of *gates*, which are numbered in torch's order: (B, H) each.

        There is one product of [x, h] for each gate, because the result of a single product would have to be split.
        """
        w_ih, w_hh, b_ih, b_hh = self.weights
        both = graph.join([self.x, self.h])  # (B, K + H)
        rows, biases = np.concatenate([w_ih, w_hh], axis=1), b_ih + b_hh
        count = len(w_hh) // w_hh.shape[1]
        reaches = [(w_ih.shape[1], self.reach)]
        return [
            graph.times(both, _gate(rows, which, count), _gate(biases, which, count), reaches=reaches)
            for which in gates
        ]


def _rnn(graph: Graph, layer: _Layer) -> tuple[str, str]:
    """The Elman cell: h' = tanh(W x + U h + b). Returns h', and "" for the cell state that it does not have."""
    return graph.add_node("Tanh", *layer.sums(graph, 0)), ""


def _lstm(graph: Graph, layer: _Layer) -> tuple[str, str]:
    """Long short-term memory: c' = f c + i g; h' = o tanh(c'). Returns h' and c'."""
    i, f, g, o = layer.sums(graph, 0, 1, 2, 3)
    kept = graph.add_node("Mul", graph.add_node("Sigmoid", f), layer.cell)
    let_in = graph.add_node("Mul", graph.add_node("Sigmoid", i), graph.add_node("Tanh", g))
    carry = graph.add_node("Add", kept, let_in)
    return graph.add_node("Mul", graph.add_node("Sigmoid", o), graph.add_node("Tanh", carry)), carry


def _gru(graph: Graph, layer: _Layer) -> tuple[str, str]:
    """The gated recurrent unit: n = tanh(W x + b + r (U h + d)); h' = n + z (h - n). Returns h', and "".

    As in torch, r multiplies U h + d, so the two products cannot be one.
    """
    r, z = (graph.add_node("Sigmoid", gate) for gate in layer.sums(graph, 0, 1))
    w, u, b, d = (_gate(part, 2, 3) for part in layer.weights)
    from_x = graph.times(layer.x, w, b, reaches=[(w.shape[1], layer.reach)])
    new = graph.add_node("Tanh", graph.add_node("Add", from_x, graph.add_node("Mul", r, graph.times(layer.h, u, d))))
    return graph.add_node("Add", new, graph.add_node("Mul", z, graph.add_node("Sub", layer.before, new))), ""


def _gate(rows: Floats, which: int, gates: int) -> Floats:
    """The rows of gate number *which*, of *gates* that follow one another: (G H, …) -> (H, …)."""
    block: Floats = rows.reshape(gates, -1, *rows.shape[1:])[which]
    return block


_CELLS = {"rnn": _rnn, "lstm": _lstm, "gru": _gru}


def _softmax(graph: Graph, top: str, reach: float) -> None:
    """Add the outputs `logprobs` and `probabilities`, (B, W) each."""
    logits = graph.logits(top, reach)
    graph.add_node("LogSoftmax", logits, name="logprobs", axis=-1)
    tempered = graph.add_node("Mul", logits, "inverse_temperature")
    ruled = graph.add_node("Add", tempered, graph.add_node("Gather", "rules", "rule"))
    # Cut off at DEPTH below the greatest logit, against slow subnormal numbers.
    floor = graph.add_node("Sub", graph.add_node("ReduceMax", ruled, axes=[1]), graph.constant(DEPTH))
    graph.add_node("Softmax", graph.add_node("Max", ruled, floor), name="probabilities", axis=-1)


def _draw(graph: Graph) -> None:
    """Add the outputs `drawn`, `drawn_logprob` and `in_nucleus`, (B, 1) each.

    Inverse transform sampling in two stages: first the lane, then the symbol in the lane, each time where the
    cumulative sum exceeds `uniform`. The sums of one row do not depend on other rows. The symbol lies in the nucleus if
    all likelier symbols together have less than the nucleus' probability: this needs no sort.
    """
    axis = graph.constant(np.int64(1))  # type: ignore[arg-type]
    by_lane = graph.constant(np.array([0, -1, LANE], np.int64))
    probabilities = graph.add_node("Reshape", "probabilities", by_lane)  # (B, W) -> (B, W / LANE, LANE)
    lanes = graph.add_node("ReduceSum", probabilities, graph.constant(np.array([2])), keepdims=0)  # -> (B, W / LANE)
    cumulative = graph.add_node("CumSum", lanes, axis)
    lane = _first_above(graph, cumulative, "uniform")  # (B, 1)
    # The rest of `uniform` within that lane.
    below = graph.add_node("GatherElements", graph.add_node("Sub", cumulative, lanes), lane, axis=1)
    inner = graph.add_node("CumSum", graph.add_node("GatherND", probabilities, lane, batch_dims=1), axis)  # (B, LANE)
    place = _first_above(graph, inner, graph.add_node("Sub", "uniform", below))
    first = graph.add_node("Mul", lane, graph.constant(np.int64(LANE)))  # type: ignore[arg-type]
    drawn = graph.add_node("Add", first, place, name="drawn")
    graph.add_node("GatherElements", "logprobs", drawn, name="drawn_logprob", axis=1)

    mine = graph.add_node("GatherElements", "probabilities", drawn, axis=1)
    likelier = graph.add_node("Cast", graph.add_node("Greater", "probabilities", mine), to=TensorProto.FLOAT)
    before = graph.add_node(
        "ReduceSum", graph.add_node("Mul", likelier, "probabilities"), graph.constant(np.array([1]))
    )
    may_come = graph.add_node("Greater", mine, graph.constant(np.float32(LEAST)))
    graph.add_node("And", graph.add_node("Less", before, "nucleus"), may_come, name="in_nucleus")


def _first_above(graph: Graph, cumulative: str, mark: str) -> str:
    """The first column in which each row exceeds its mark: (B, N), (B, 1) -> (B, 1)."""
    passed = graph.add_node("Cast", graph.add_node("Greater", cumulative, mark), to=TensorProto.FLOAT)
    return graph.add_node("ArgMax", passed, axis=1, keepdims=1)
