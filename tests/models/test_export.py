"""The export: ONNX Runtime says what torch says, and says it to each text whoever is beside it.

The sizes N, T, D, H, V differ pairwise and are no multiples of 16.
"""

import math
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper

from models.corpus import Poems
from models.export import step_graph
from models.network import Architecture, Cell, CharNetwork
from models.sample import DRAWS, draw
from models.shapes import FORBIDDEN, LANE, LEAST, state_widths, width
from models.step import Step, alike, fingerprint, read_along, unrestricted
from models.train import Plan, Training
from models.vocabulary import Vocabulary

N, T, D, H, V = 3, 29, 5, 7, 43
CELLS: list[Cell] = ["rnn", "lstm", "gru"]
each_cell = pytest.mark.parametrize("cell", CELLS)
EXTRAS: list[dict[str, Any]] = [{}, {"residual": True}]
each_extra = pytest.mark.parametrize("extra", EXTRAS, ids=lambda extra: "+".join(extra) or "plain")


def network(cell: Cell, *, layers: int = 2, spread: float = 0.6, **extra: Any) -> CharNetwork:
    """A tiny network whose weights are not at all near zero."""
    torch.manual_seed(layers)
    tiny = CharNetwork(Architecture(V, cell, layers, H, D, **extra))
    for weight in tiny.parameters():
        torch.nn.init.normal_(weight, std=spread)
    return tiny.eval()


def step_of(net: CharNetwork, precision: str, *, rows: int = 1, banned: Sequence[int] = ()) -> Step:
    """Its exported step, without rules but for symbols that are banned."""
    weights = {name: value.detach().numpy() for name, value in net.state_dict().items()}
    symbols = net.architecture.symbols
    graph = step_graph(net.architecture.as_dict(), weights, precision=precision)
    rules = unrestricted(symbols, width(symbols))
    rules[:, list(banned)] = FORBIDDEN
    return Step(graph, rules=rules, rows=rows)


def test_a_step_keeps_no_copy_of_its_model() -> None:
    """Seven megabytes for each version that a web holds."""
    net = network("lstm")
    weights = {name: value.detach().numpy() for name, value in net.state_dict().items()}
    graph = step_graph(net.architecture.as_dict(), weights, precision="int8")
    known = sys.getrefcount(graph)

    step = Step(graph, rules=unrestricted(V, width(V)))

    assert sys.getrefcount(graph) == known
    assert len(fingerprint(step, V)) > 0


def some_ids(n: int = N, t: int = T) -> NDArray[np.int64]:
    """(n, t) symbols."""
    return np.random.default_rng(7).integers(0, V, (n, t))


@each_cell
@each_extra
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_fp32_says_what_torch_says(cell: Cell, layers: int, extra: dict[str, Any]) -> None:
    """Log-probabilities within 1e-4 over a text, with the state carried from step to step."""
    net, ids = network(cell, layers=layers, **extra), some_ids()
    with torch.no_grad():
        expected = net(torch.from_numpy(ids))[0].log_softmax(-1).numpy()
    step = step_of(net, "fp32", rows=N)

    for t in range(T):
        step.ids[:] = ids[:, t]
        step.run(N)
        np.testing.assert_allclose(step.logprobs[:, :V], expected[:, t], atol=1e-4)
        step.swap_state()


@each_cell
@each_extra
def test_fp32_state_is_torchs(cell: Cell, extra: dict[str, Any]) -> None:
    """The state after a text: hidden states of all layers, an LSTM's cells."""
    net, ids = network(cell, **extra), some_ids(1)
    with torch.no_grad():
        state = net(torch.from_numpy(ids))[1]
    step = step_of(net, "fp32")
    read_along(step, ids[0].tolist())

    expected = [layer[part] for part in range(len(state[0])) for layer in state]
    assert [part.shape[1] for part in step.state] == state_widths(net.architecture.as_dict())
    for mine, theirs in zip(step.state, expected, strict=True):
        np.testing.assert_allclose(mine[0], theirs.flatten().numpy(), atol=1e-5)


@each_cell
@each_extra
@pytest.mark.parametrize("crowd", [7, 170])
def test_int8_does_not_depend_on_the_crowd(cell: Cell, crowd: int, extra: dict[str, Any]) -> None:
    """A text has the same numbers alone and in any row and chunk among others, bit for bit, over many steps."""
    net, ids = network(cell, **extra), some_ids(crowd, 40)
    uniforms = np.random.default_rng(8).random((*ids.shape, 1), np.float32)
    together = step_of(net, "int8", rows=crowd)
    together.nucleus[:] = 0.7
    rows = []
    for t in range(ids.shape[1]):
        together.ids[:], together.uniform[:] = ids[:, t], uniforms[:, t]
        together.run(crowd)
        rows.append([array.copy() for array in said_by(together)])
        together.swap_state()
    for row in (0, crowd // 2, crowd - 1):
        alone = step_of(net, "int8")
        alone.nucleus[:] = 0.7
        for t in range(ids.shape[1]):
            alone.ids[0], alone.uniform[0] = ids[row, t], uniforms[row, t]
            alone.run(1)
            for mine, theirs in zip(said_by(alone), rows[t], strict=True):
                assert np.array_equal(mine[0], theirs[row])
            alone.swap_state()


def said_by(step: Step) -> list[NDArray[Any]]:
    """All that comes of a step."""
    return [step.logprobs, step.probabilities, step.drawn, step.drawn_logprob, step.in_nucleus, *step.after]


@each_cell
def test_int8_costs_little(cell: Cell) -> None:
    """A network that has learned something loses at most 0.01 bits a character."""
    poems = ["네 손을 씻으며 이름을 부르는 것은\n마지막 모양", "소매 냄새가 끝난 바람에\n창을 닫는다\n별만 있다"] * 20
    symbols = Vocabulary.of(poems, at_least=2)
    torch.manual_seed(0)
    net = CharNetwork(Architecture(len(symbols), cell, 2, 37, 21, residual=True))
    plan = Plan(passes=16, rate=1e-2, average=0, bf16=False)
    Training(net, Poems(poems, symbols, per_batch=8), plan).run()
    text = [0, *symbols.encode(poems[0] + "\n"), 0]

    def bits(precision: str) -> float:
        outlook = read_along(step_of(net, precision), text[:-1])
        return float(-np.mean([row[i] for row, i in zip(outlook, text[1:], strict=True)])) / math.log(2)

    assert bits("fp32") < 0.5 * math.log2(len(symbols))  # it has learned
    assert abs(bits("int8") - bits("fp32")) <= 0.01


def test_a_shipped_voice_stays_small() -> None:
    """Three layers of 448 over 1,872 symbols: at most 6 MB."""
    net = CharNetwork(Architecture(1872, "lstm", 3, 448, 256, residual=True))
    weights = {name: value.detach().numpy() for name, value in net.state_dict().items()}

    assert len(step_graph(net.architecture.as_dict(), weights, precision="int8")) <= 6_000_000


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_probabilities_are_tempered_and_ruled(precision: str) -> None:
    """Probabilities are the softmax of the tempered logits over what the row's rule allows; the padding has none."""
    net = network("lstm")
    weights = {name: value.detach().numpy() for name, value in net.state_dict().items()}
    rules = np.full((2, width(V)), FORBIDDEN, np.float32)
    rules[0, :V] = 0
    rules[1, [3, 8, 30]] = 0
    graph = step_graph(net.architecture.as_dict(), weights, precision=precision)
    step = Step(graph, rules=rules, rows=2)
    step.rule[:], step.inverse_temperature[:, 0] = [0, 1], [1 / 0.7, 1 / 1.3]
    step.run(2)

    warm = np.exp(step.logprobs[0].astype(float) / 0.7)
    np.testing.assert_allclose(step.probabilities[0], warm / warm.sum(), atol=1e-6)
    some = np.exp(step.logprobs[1, [3, 8, 30]].astype(float) / 1.3)
    np.testing.assert_allclose(step.probabilities[1, [3, 8, 30]], some / some.sum(), atol=1e-6)
    assert np.count_nonzero(step.probabilities[1] > LEAST) == 3
    assert step.probabilities[0, V:].sum() < LEAST
    assert (
        step.probabilities.min() >= np.finfo(np.float32).tiny
    )  # a subnormal number costs a processor a hundred others


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_what_is_ruled_out_is_outside_the_nucleus(precision: str) -> None:
    """Not even where the number is the least there is, the symbol is the first, and the nucleus is everything."""
    step = step_of(network("lstm"), precision, banned=(0, 1))
    step.uniform[:], step.nucleus[:] = 0, 1
    step.run(1)

    assert step.drawn[0, 0] in (0, 1)
    assert not step.in_nucleus[0, 0]
    chosen = draw(step.probabilities, np.zeros((1, DRAWS), np.float32), step.nucleus[:, 0])
    assert step.probabilities[0, chosen[0]] > LEAST


@pytest.mark.parametrize("precision", ["int8", "fp32"])
@pytest.mark.parametrize("share", [0.3, 0.9, 1.0])
def test_a_symbol_is_drawn_from_the_probabilities(precision: str, share: float) -> None:
    """As often as its probability says; in the nucleus if the likelier have less than that; never what is ruled out."""
    many = 20_000
    step = step_of(network("lstm"), precision, rows=many, banned=(3, 8))
    step.uniform[:, 0], step.nucleus[:] = np.linspace(0, 1, many, endpoint=False), share
    step.run(many)
    probabilities, drawn = step.probabilities[0].astype(float), step.drawn[:, 0]
    likelier = np.array([probabilities[probabilities > mine].sum() for mine in probabilities])

    assert np.abs(np.bincount(drawn, minlength=len(probabilities)) / many - probabilities).max() < 2 / many + 1e-6
    assert not {3, 8, *range(V, len(probabilities))} & set(drawn.tolist())
    clear = np.abs(likelier[drawn] - share) > 1e-5
    assert np.array_equal(step.in_nucleus[clear, 0], (likelier < share)[drawn[clear]])
    assert np.array_equal(step.drawn_logprob[:, 0], step.logprobs[0][drawn])


def test_a_number_close_to_one_draws_nothing_odd() -> None:
    """The probabilities' sum may be a little less than 1: then the draw is outside the nucleus, and is made again."""
    step = step_of(network("lstm"), "int8", rows=1)
    step.uniform[0] = 1.0
    step.run(1)

    assert not step.in_nucleus[0, 0] or step.probabilities[0, step.drawn[0, 0]] > LEAST


def test_a_row_of_nan_is_outside_the_nucleus() -> None:
    """So whoever looks at what lies outside finds it; its neighbour is as it was."""
    step = step_of(network("lstm"), "fp32", rows=2)
    step.uniform[:] = 0.5
    step.run(2)
    drawn = step.drawn[1, 0]
    step.state[0][0] = np.nan
    step.run(2)

    assert not step.in_nucleus[0, 0]
    assert np.isnan(step.drawn_logprob[0, 0])
    assert step.in_nucleus[1, 0]
    assert step.drawn[1, 0] == drawn


def an_older_graph() -> bytes:
    """One that does not draw."""
    value = helper.make_tensor_value_info
    same = helper.make_node("Identity", ["ids"], ["logprobs"])
    ports = [value("ids", TensorProto.FLOAT, ["B", 1])], [value("logprobs", TensorProto.FLOAT, ["B", 1])]
    model = helper.make_model(helper.make_graph([same], "step", *ports), ir_version=8)
    return bytes(model.SerializeToString())


def test_the_width_is_whole_lanes() -> None:
    """V rounded up, never by a whole lane."""
    assert [width(v) for v in (1, LANE, LANE + 1)] == [LANE, LANE, 2 * LANE]
    assert all(0 <= width(b) - width(a) <= LANE for a, b in pairwise(range(1, 100)))


def test_what_cannot_be_exported() -> None:
    """An unknown cell or precision, or a missing weight, is said at once."""
    net = network("gru")
    weights = {name: value.detach().numpy() for name, value in net.state_dict().items()}
    architecture = net.architecture.as_dict()

    with pytest.raises(ValueError, match="int4"):
        step_graph(architecture, weights, precision="int4")
    with pytest.raises(ValueError, match="peephole"):
        step_graph(architecture | {"cell": "peephole"}, weights, precision="int8")
    with pytest.raises(KeyError, match=r"project\.bias"):
        step_graph(architecture, {k: v for k, v in weights.items() if k != "project.bias"}, precision="fp32")


def test_fingerprints_know_their_network() -> None:
    """The same network is alike, another one is not, and NaN is like nothing."""
    one, other = (fingerprint(step_of(network("lstm", layers=n), "int8"), V) for n in (1, 2))

    assert alike(one, one)
    assert not alike(one, other)
    assert not alike([math.nan] * len(one), [math.nan] * len(one))
    assert not alike(one, one[:-1])
    assert not alike([], [])
