"""The reranker: it learns which line follows, reads along in ONNX as in torch, and knows no neighbours."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from models import rerank, reranker
from models.export import reranker_graph, step_graph
from models.graph import width
from models.network import Architecture, CharNetwork
from models.rerank import Group, Network
from models.reranker import MOST, encode, padded, weights_of
from models.step import Floats, Step, unrestricted
from models.vocabulary import END, Vocabulary

SYMBOLS = Vocabulary.of(["가나다라마바사아 자차카타파하\n" * 5])
ARCHITECTURE = Architecture(len(SYMBOLS), "lstm", 1, 7, 5)
PAIRS = [("가나", "나다"), ("라마", "마바"), ("사아", "아자"), ("차카", "카타")]


NO = float("-inf")


def groups(count: int, *, grades: Sequence[float] = (0.0, NO, NO, NO)) -> list[Group]:
    """Places where the line that follows begins with the letter that the line before ended with; it is graded first."""
    return [
        Group((first,), False, (second, *(other for _, other in PAIRS if other != second)), tuple(grades))
        for i in range(count)
        for first, second in [PAIRS[i % len(PAIRS)]]
    ]


@pytest.fixture(scope="module")
def learned() -> rerank.Outcome:
    """What a few passes teach."""
    return rerank.train(groups(240), SYMBOLS, aside=groups(8), passes=24, seed=1)


def test_it_finds_the_line_that_follows(learned: rerank.Outcome) -> None:
    """In every place: the poet's line is ranked above each other."""
    assert learned.found == 1.0


def test_it_goes_on_from_what_it_knows_to_what_readers_say(learned: rerank.Outcome) -> None:
    """Readers like best what poets did not write: a few passes over their grades turn it round."""
    read = groups(240, grades=(0.0, 3.0, 3.0, 3.0))

    turned = rerank.train(read, SYMBOLS, aside=groups(8), passes=4, start=learned.weights, seed=1)

    assert turned.found == 0.0


def told_along(weights: Mapping[str, Any], lines: Sequence[str], precision: str) -> list[float]:
    """What the reranker's step says of each of *lines* after 가나: all of them read side by side, symbol by symbol."""
    graph = reranker_graph(weights_of(reranker.graph(weights)), precision=precision)
    network = step_graph(ARCHITECTURE.as_dict(), CharNetwork(ARCHITECTURE).arrays(), precision="int8")
    rules = unrestricted(len(SYMBOLS), width(len(SYMBOLS)))
    step = Step(network, rules=rules, rows=len(lines), reranker=graph)
    texts = [[END, *SYMBOLS.encode("가나\n" + line)] for line in lines]
    states: list[list[Floats]] = [[]] * len(lines)
    for at in range(max(map(len, texts))):
        step.ids[:] = [text[min(at, len(text) - 1)] for text in texts]
        step.run(len(texts))
        step.swap_state()
        for row, text in enumerate(texts):
            if at == len(text) - 1:
                states[row] = [part[row].copy() for part in step.state]
    return step.scores(states, [*SYMBOLS.encode("\n"), END])


@pytest.mark.parametrize(("precision", "near"), [("fp32", 0.02), ("int8", 0.2)])
def test_read_along_it_says_what_torch_says(learned: rerank.Outcome, precision: str, near: float) -> None:
    """Within the rounding of its weights, for lines of any length that lie side by side, and so whatever is beside."""
    network = Network(len(SYMBOLS))
    network.load_state_dict({name: torch.from_numpy(value) for name, value in learned.weights.items()})
    network.eval()
    lines = ["나다", "마바사아 자차", "하"]
    ids, lengths = padded(encode(SYMBOLS, ["가나"], lines, ends=True))
    with torch.no_grad():
        expected = network(torch.from_numpy(ids), torch.from_numpy(lengths).long())[:, 0].tolist()

    told = told_along(learned.weights, lines, precision)

    assert told == pytest.approx(expected, abs=near)
    assert told_along(learned.weights, lines[:1], precision) == pytest.approx(told[:1], abs=1e-4)


def test_its_file_holds_its_weights(learned: rerank.Outcome) -> None:
    """As float16, under the names that torch gives them; what is no such file is refused."""
    held = weights_of(reranker.graph(learned.weights))

    assert set(held) == set(learned.weights)
    assert all(np.array_equal(held[name], value.astype(np.float16)) for name, value in learned.weights.items())
    with pytest.raises(ValueError, match="no reranker"):
        weights_of(b"\x08")


def test_of_a_long_poem_the_end_is_read() -> None:
    """A bound on what a candidate costs; the candidate itself is always whole."""
    (told,) = encode(SYMBOLS, ["가나다라"] * 200, ["하"], ends=True)

    assert len(told) == MOST
    assert told[-3:] == [*SYMBOLS.encode("하\n"), END]


def test_nothing_teaches_nothing() -> None:
    """Said plainly."""
    with pytest.raises(ValueError, match="no groups"):
        rerank.train([], SYMBOLS, aside=[], passes=1)


def test_the_same_groups_teach_the_same(learned: rerank.Outcome) -> None:
    """Bit for bit."""
    again = rerank.train(groups(240), SYMBOLS, aside=groups(8), passes=24, seed=1)

    assert all(np.array_equal(value, again.weights[name]) for name, value in learned.weights.items())
