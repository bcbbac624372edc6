"""Learning what is worth it, without straying: weighed poems, and the pull towards the base."""

from copy import deepcopy

import numpy as np
import torch

from models.corpus import Poems, Weighed
from models.network import Architecture, CharNetwork
from models.train import Plan, Training, distance
from models.vocabulary import END, Vocabulary

N, T, V = 2, 5, 7
SYMBOLS = Vocabulary(tuple("가나다라 \n"))
LINES = [("가나", "다라"), ("나가", "라다"), ("가가 나", "다다")] * 8


def network() -> CharNetwork:
    """A small network."""
    torch.manual_seed(2)
    return CharNetwork(Architecture(len(SYMBOLS), "gru", 1, 12, 9))


def taught(poems: list[Weighed], *, pull: float) -> tuple[CharNetwork, CharNetwork]:
    """The network before and after a training on *poems*."""
    base = network()
    plan = Plan(passes=15, rate=1e-2, bf16=False, average=0, pull=pull)
    return base, Training(deepcopy(base), Poems(poems, SYMBOLS, per_batch=4), plan, base=deepcopy(base)).run()


def likelihood(of: CharNetwork, text: str) -> float:
    """Nats a symbol of the text's first symbols."""
    ids = torch.tensor([[END, *SYMBOLS.encode(text)]])
    with torch.no_grad():
        logits, _ = of.eval()(ids[:, :-1])
    return -float(torch.nn.functional.cross_entropy(logits[0], ids[0, 1:]))


def test_each_line_weighs_what_it_is_worth() -> None:
    """All of its symbols do, its line end too; the poem has no end of its own to be learned."""
    ids, weights = Weighed(("가나", "다"), (2.0, -0.5)).symbols(SYMBOLS)

    assert ids.tolist() == [END, *SYMBOLS.encode("가나\n다\n")]
    assert weights.tolist() == [2.0, 2.0, 2.0, -0.5, -0.5]


def test_what_weighs_below_zero_counts_and_is_unlearned() -> None:
    """Liked lines become likelier, others less likely."""
    (batch,) = Poems([Weighed(("가나", "다라"), (1.0, -1.0))], SYMBOLS).batches(np.random.default_rng(0))
    assert batch.count == 6

    before, after = taught([Weighed(lines, (1.0, -0.5)) for lines in LINES], pull=0.2)

    assert likelihood(after, "가나\n") > likelihood(before, "가나\n") + 0.1
    assert likelihood(after, "가나\n다라\n") < likelihood(after, "가나\n")


def test_the_distance_is_that_of_the_places_that_count() -> None:
    """Zero from itself, more than zero from another, and padding has no part in it."""
    one, other = torch.randn(2, N, T, V, generator=torch.Generator().manual_seed(1))
    counts = torch.ones(N, T)
    elsewhere = other.clone()
    counts[1, 3:], elsewhere[1, 3:] = 0, 99 * torch.randn(2, V)

    assert float(distance(one, one, counts)) == 0.0
    assert float(distance(one, other, counts)) > 0
    torch.testing.assert_close(distance(one, other, counts), distance(one, elsewhere, counts))
    both = torch.distributions.kl_divergence(
        torch.distributions.Categorical(logits=one), torch.distributions.Categorical(logits=other)
    )
    torch.testing.assert_close(distance(one, other, torch.ones(N, T)), both.mean())


def test_the_pull_keeps_a_network_near_its_base() -> None:
    """The stronger, the nearer."""
    ids = torch.tensor([[END, *SYMBOLS.encode("가나\n다라\n가")]])

    def strayed(pull: float) -> float:
        base, after = taught([Weighed(lines, (1.0, 0.2)) for lines in LINES], pull=pull)
        with torch.no_grad():
            return float(distance(base.eval()(ids)[0], after(ids)[0], torch.ones(ids.shape)))

    assert strayed(8.0) < strayed(1.0) < strayed(0.0)
