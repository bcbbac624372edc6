"""The reranker: it learns which line follows, says in ONNX what it says in torch, and knows no neighbours."""

import numpy as np
import pytest
import torch

from models import rerank, reranker
from models.rerank import Group, Network
from models.reranker import MOST, Reranker, encode
from models.vocabulary import END, Vocabulary

SYMBOLS = Vocabulary.of(["가나다라마바사아 자차카타파하\n" * 5])
PAIRS = [("가나", "나다"), ("라마", "마바"), ("사아", "아자"), ("차카", "카타")]


def groups(count: int) -> list[Group]:
    """Places where the line that follows begins with the letter that the line before ended with."""
    return [
        Group((first,), ends=False, lines=(second, *(other for _, other in PAIRS if other != second)))
        for i in range(count)
        for first, second in [PAIRS[i % len(PAIRS)]]
    ]


@pytest.fixture(scope="module")
def learned() -> rerank.Outcome:
    """What a few passes teach."""
    return rerank.train(groups(240), SYMBOLS, aside=groups(8), passes=24, seed=1)


def test_it_finds_the_line_that_follows(learned: rerank.Outcome) -> None:
    """In every place, where guessing finds one in four."""
    assert learned.found == 1.0
    assert learned.chance == 0.25


def test_onnx_says_what_torch_says(learned: rerank.Outcome) -> None:
    """Within the rounding of its weights, for lines of any length, with and without an end."""
    network = Network(len(SYMBOLS))
    network.load_state_dict({name: torch.from_numpy(value) for name, value in learned.weights.items()})
    network.eval()
    ours = Reranker(reranker.graph(learned.weights), SYMBOLS)
    lines = ["나다", "마바사아 자차", "하"]

    for before, ends in [((), False), (("가나", "차카"), True)]:
        ids, lengths = reranker.padded(encode(SYMBOLS, before, lines, ends=ends))
        with torch.no_grad():
            told = network(torch.from_numpy(ids), torch.from_numpy(lengths).long())[:, 0].numpy()
        assert ours.scores(before, lines, ends=ends) == pytest.approx(told, abs=0.02)


def test_a_line_scores_the_same_alone(learned: rerank.Outcome) -> None:
    """What stands beside it, longer or shorter, changes nothing."""
    ours = Reranker(reranker.graph(learned.weights), SYMBOLS)

    beside = ours.scores(("가나",), ["나다", "마바사아 자차카타파하"], ends=False)

    assert ours.scores(("가나",), ["나다"], ends=False)[0] == pytest.approx(beside[0], abs=1e-4)


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
