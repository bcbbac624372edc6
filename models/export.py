"""The export: a network's one-step graph for ONNX Runtime, built by hand from its weights.

One step reads one symbol for each of B texts and says how likely each symbol is
next. Scales of the int8 graph are static: hidden states are bounded by 1 (sums of
n of them by n, their `reach`), so they need no looking at, and what a text gets
never depends on who is in the batch with it. Knows numpy and ONNX, not torch.

    inputs   ids (B,) int64          the symbol each text reads
             state0 … (B, S) float   hidden states by layer, an LSTM's cells, attention's memory (`state_widths`)
             heat (B, 1) float       1 / temperature
             rule (B,) int64         which row of `rules` holds for each text
             rules (R, W) float      0 where a symbol may come next, `FORBIDDEN` where not
             luck (B, 1) float       a random number, in [0, 1)
             nucleus (B, 1) float    draw from the likeliest symbols that have this probability
    outputs  logprobs (B, W) float   log-probabilities as the network has them
             odds (B, W) float       probabilities to draw from: tempered, under the rules; e to the -`DEPTH` for none
             after0 … (B, S) float   the state after the step
             drawn (B, 1) int64      a symbol drawn by `luck`
             told (B, 1) float       its log-probability
             fits (B, 1) bool        does it lie in the nucleus? Where not, draw again (`models.sample`)

W is V rounded up to a whole number of `LANE`s; the surplus has no chance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from models.graph import LANE, Floats, Fp32, Graph, Int8, width
from models.shapes import state_widths

Weights = Mapping[str, NDArray[Any]]

FORBIDDEN = np.float32(-1e9)
"""Added to what may not be drawn; finite, so that a row without any choice is a row of equals, not of NaN."""
DEPTH = np.float32(75)
"""So far below the likeliest is where odds end, in nats: e to the -88 and less is no normal number, and costs a
processor a hundred times as much."""
LEAST = np.float32(1e-20)
"""What is less likely is not drawn: it may be forbidden."""


def step_graph(architecture: Mapping[str, Any], weights: Weights, *, precision: str) -> bytes:
    """The ONNX model of one step, `int8` or `fp32`; *weights* are named as in `CharNetwork.state_dict()`.

    KeyError for a missing weight, ValueError for an unknown cell or precision.
    """
    if precision not in ("int8", "fp32"):
        raise ValueError(f"no such precision: {precision}")
    full = {name: np.asarray(value, np.float32) for name, value in weights.items()}
    graph = Int8(full) if precision == "int8" else Fp32(full)
    if architecture["cell"] not in _CELLS:
        raise ValueError(f"no such cell: {architecture['cell']}")
    top, reach, after = _recurrent(graph, architecture)
    _outlook(graph, top, reach)
    _draw(graph)
    return graph.model(width(int(architecture["symbols"])), after, state_widths(architecture))


def _gate(rows: Floats, which: int, gates: int) -> Floats:
    """The block of *rows* that is one gate's, of so many that lie one after the other."""
    block: Floats = rows.reshape(gates, -1, *rows.shape[1:])[which]
    return block


def _recurrent(graph: Graph, architecture: Mapping[str, Any]) -> tuple[str, float, list[str]]:
    """All layers: what the top says, prepared, its reach, and the parts of the state after the step."""
    layers, lstm = int(architecture["layers"]), architecture["cell"] == "lstm"
    parts, cell = [f"state{i}" for i in range(len(state_widths(architecture)))], _CELLS[architecture["cell"]]
    (x, reach), top, hiddens, carried = graph.read(), "", [], []
    for i in range(layers):
        names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        weights = [graph.weights[f"layers.{i}.{name}"] for name in names]
        before, cells = parts[i], parts[layers + i] if lstm else ""
        hidden, carry = cell(graph, _Layer(weights, x, reach, graph.prepare(before), before, cells))
        hiddens.append(hidden)
        carried += [carry] if lstm else []
        adds = architecture.get("residual", False) and i > 0
        top, reach = (graph.one("Add", top, hidden), reach + 1) if adds else (hidden, 1.0)
        x = graph.prepare(top, reach)
    if architecture.get("attention", 0):
        answer, kept = _attention(graph, x, reach, parts[-3:])
        top, reach = graph.one("Add", top, answer), reach + 1
        x, carried = graph.prepare(top, reach), carried + kept
    return x, reach, hiddens + carried


def _attention(graph: Graph, x: str, reach: float, memory: Sequence[str]) -> tuple[str, list[str]]:
    """What a state is answered by those before it, and the memory after it: as `models.attention`, for one step."""
    names = ("ask.weight", "ask.bias", "answer.weight", "answer.bias", "distance")
    ask, ask_bias, reply, reply_bias, distance = (graph.weights[f"attention.{name}"] for name in names)
    (size, head), window, (keys, values, there) = reply.shape, len(distance), memory
    asked = graph.times(x, ask, ask_bias, reaches=[(size, reach)])
    query, key, value = graph.split(asked, [head] * 3)
    shape, last, middle = (graph.constant(np.array(n, np.int64)) for n in ([0, window, head], [2], [1]))
    dots = graph.one("MatMul", graph.one("Reshape", keys, shape), graph.one("Unsqueeze", query, last))
    scaled = graph.one("Mul", graph.one("Squeeze", dots, last), graph.constant(np.float32(head**-0.5)))
    placed = graph.one("Add", scaled, graph.constant(distance[::-1]))
    one = graph.constant(np.float32(1))
    missing = graph.one("Sub", there, one)
    scores = graph.one("Sub", placed, graph.one("Mul", missing, graph.constant(FORBIDDEN)))
    one_more = graph.constant(np.array([0, 0, 0, 1], np.int64))  # the silent place, with a score of 0
    heed, _ = graph.split(graph.one("Softmax", graph.one("Pad", scores, one_more), axis=-1), [window, 1])
    seen = graph.one("MatMul", graph.one("Unsqueeze", heed, middle), graph.one("Reshape", values, shape))
    answer = graph.exact(graph.one("Squeeze", seen, middle), reply, reply_bias)
    kept = [
        graph.join([_without_first(graph, keys, head), key]),
        graph.join([_without_first(graph, values, head), value]),
        graph.one("Pad", _without_first(graph, there, 1), one_more, one),
    ]
    return graph.one("Tanh", answer), kept


def _without_first(graph: Graph, x: str, count: int) -> str:
    """Columns *x* but for the first *count*."""
    start, end, axis = (graph.constant(np.array([n], np.int64)) for n in (count, np.iinfo(np.int64).max, 1))
    return graph.one("Slice", x, start, end, axis)


@dataclass(frozen=True)
class _Layer:
    """What a cell works on: names of tensors, and torch's four weights."""

    weights: list[Floats]
    """weight_ih, weight_hh, bias_ih, bias_hh."""
    x: str
    """Input, and `h`, the state before, both as `times` takes them."""
    reach: float
    """Of x; that of h is 1."""
    h: str
    before: str
    """The state before in plain floats."""
    cell: str

    @property
    def reaches(self) -> list[tuple[int, float]]:
        """Of the columns of x."""
        return [(self.weights[0].shape[1], self.reach)]

    def sums(self, graph: Graph, *gates: int) -> list[str]:
        """W x + U h + both biases of those gates, in torch's order: a product each, so that nothing has to be cut."""
        w, both = self.weights, graph.join([self.x, self.h])
        rows, biases, count = np.concatenate(w[:2], axis=1), w[2] + w[3], len(w[1]) // w[1].shape[1]
        cut = ((_gate(rows, which, count), _gate(biases, which, count)) for which in gates)
        return [graph.times(both, weight, bias, reaches=self.reaches) for weight, bias in cut]


def _rnn(graph: Graph, layer: _Layer) -> tuple[str, str]:
    """Elman: h' = tanh(W x + U h + b)."""
    return graph.one("Tanh", *layer.sums(graph, 0)), ""


def _lstm(graph: Graph, layer: _Layer) -> tuple[str, str]:
    """Long short-term memory: c' = f c + i g; h' = o tanh(c')."""
    i, f, g, o = layer.sums(graph, 0, 1, 2, 3)
    kept = graph.one("Mul", graph.one("Sigmoid", f), layer.cell)
    let_in = graph.one("Mul", graph.one("Sigmoid", i), graph.one("Tanh", g))
    carry = graph.one("Add", kept, let_in)
    return graph.one("Mul", graph.one("Sigmoid", o), graph.one("Tanh", carry)), carry


def _gru(graph: Graph, layer: _Layer) -> tuple[str, str]:
    """Gated: n = tanh(W x + b + r (U h + d)); h' = n + z (h - n). As torch's, whose r gates U h + d: summed apart."""
    r, z = (graph.one("Sigmoid", gate) for gate in layer.sums(graph, 0, 1))
    w, u, b, d = (_gate(part, 2, 3) for part in layer.weights)
    from_x = graph.times(layer.x, w, b, reaches=layer.reaches)
    new = graph.one("Tanh", graph.one("Add", from_x, graph.one("Mul", r, graph.times(layer.h, u, d))))
    return graph.one("Add", new, graph.one("Mul", z, graph.one("Sub", layer.before, new))), ""


_CELLS = {"rnn": _rnn, "lstm": _lstm, "gru": _gru}


def _outlook(graph: Graph, top: str, reach: float) -> None:
    """Names the outputs `logprobs` and `odds`."""
    logits = graph.surprise(top, reach)
    graph.one("LogSoftmax", logits, name="logprobs", axis=-1)
    warm = graph.one("Mul", logits, "heat")
    ruled = graph.one("Add", warm, graph.one("Gather", "rules", "rule"))
    floor = graph.one("Sub", graph.one("ReduceMax", ruled, axes=[1]), graph.constant(DEPTH))
    graph.one("Softmax", graph.one("Max", ruled, floor), name="odds", axis=-1)


def _draw(graph: Graph) -> None:
    """Names the outputs `drawn`, `told` and `fits`.

    The lane first, then the symbol in it, each where the running sum passes `luck`; sums of a row never look at
    another. It fits when the symbols likelier than it have less than the nucleus.
    """
    axis = graph.constant(np.int64(1))  # type: ignore[arg-type]
    lanes_of = graph.constant(np.array([0, -1, LANE], np.int64))
    odds = graph.one("Reshape", "odds", lanes_of)  # (B, W) -> (B, W / LANE, LANE)
    lanes = graph.one("ReduceSum", odds, graph.constant(np.array([2])), keepdims=0)
    ladder = graph.one("CumSum", lanes, axis)
    lane = _first_above(graph, ladder, "luck")  # (B, 1)
    below = graph.one("GatherElements", graph.one("Sub", ladder, lanes), lane, axis=1)
    inner = graph.one("CumSum", graph.one("GatherND", odds, lane, batch_dims=1), axis)  # (B, LANE)
    place = _first_above(graph, inner, graph.one("Sub", "luck", below))
    first = graph.one("Mul", lane, graph.constant(np.int64(LANE)))  # type: ignore[arg-type]
    drawn = graph.one("Add", first, place, name="drawn")
    graph.one("GatherElements", "logprobs", drawn, name="told", axis=1)
    mine = graph.one("GatherElements", "odds", drawn, axis=1)
    likelier = graph.one("Cast", graph.one("Greater", "odds", mine), to=TensorProto.FLOAT)
    before = graph.one("ReduceSum", graph.one("Mul", likelier, "odds"), graph.constant(np.array([1])))
    may_come = graph.one("Greater", mine, graph.constant(LEAST))
    graph.one("And", graph.one("Less", before, "nucleus"), may_come, name="fits")


def _first_above(graph: Graph, ladder: str, mark: str) -> str:
    """Where each row first passes its mark: (B, N), (B, 1) -> (B, 1)."""
    passed = graph.one("Cast", graph.one("Greater", ladder, mark), to=TensorProto.FLOAT)
    return graph.one("ArgMax", passed, axis=1, keepdims=1)
