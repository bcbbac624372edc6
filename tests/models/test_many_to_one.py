"""The many-to-one network: it reads both ways, gradients are right, padding changes nothing, and it reads handwriting.

The sizes N, T, D, H, K differ pairwise, so that a transposed axis cannot pass.
"""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from models.network import Cell, ManyToOne

N, T, D, H, K = 2, 5, 3, 7, 4
each_cell = pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])


def reader(cell: Cell) -> ManyToOne:
    """A tiny reader with weights that are not at all near zero, in double precision."""
    torch.manual_seed(3)
    tiny = ManyToOne(D, H, K, cell=cell).double()
    for weight in tiny.parameters():
        nn.init.normal_(weight, std=0.6)
    return tiny.eval()


def some_steps() -> torch.Tensor:
    """(N, T, D)."""
    return torch.randn(N, T, D, dtype=torch.double, generator=torch.Generator().manual_seed(5))


@each_cell
def test_many_steps_give_one_answer(cell: Cell) -> None:
    """(N, T, D) steps give (N, K) logits."""
    assert reader(cell)(some_steps()).shape == (N, K)


@each_cell
@pytest.mark.parametrize("step", [0, T - 1])
def test_both_ends_are_heard(cell: Cell, step: int) -> None:
    """Another first step, or another last one, changes what is said of that sequence and of no other."""
    tiny, steps = reader(cell), some_steps()
    changed = steps.clone()
    changed[0, step] += 1

    before, after = tiny(steps), tiny(changed)

    assert not torch.allclose(before[0], after[0])
    assert torch.equal(before[1], after[1])


@each_cell
def test_padding_and_company_change_nothing(cell: Cell) -> None:
    """A sequence is answered the same alone and beside a longer one, whatever stands behind its end."""
    tiny, steps = reader(cell), some_steps()
    filled = steps.clone()
    filled[1, 2:] = 9.0

    together = tiny(filled, torch.tensor([T, 2]))

    torch.testing.assert_close(together[:1], tiny(steps[:1]))
    torch.testing.assert_close(together[1:], tiny(steps[1:, :2]))


@each_cell
def test_gradients_are_those_of_the_differences(cell: Cell) -> None:
    """What backward says of the steps is what small changes do."""
    tiny = reader(cell).train()
    steps = some_steps().requires_grad_()

    assert torch.autograd.gradcheck(lambda x: tiny(x, torch.tensor([T, 3])), (steps,))


def test_it_reads_handwritten_digits_row_by_row() -> None:
    """Eight rows of eight grey values, one row a step, and at least 95 % of the digits it never saw are read right."""
    digits = load_digits()
    rows = torch.from_numpy((digits.images / 16).astype(np.float32))  # (1797, 8, 8)
    names = torch.from_numpy(digits.target)
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(names)))
    seen, unseen = order[:1400], order[1400:]
    torch.manual_seed(0)
    network = ManyToOne(8, 32, 10)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(10):
        for batch in torch.split(seen[torch.randperm(len(seen))], 64):
            loss = nn.functional.cross_entropy(network(rows[batch]), names[batch])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
    with torch.no_grad():
        right = network.eval()(rows[unseen]).argmax(1) == names[unseen]

    assert float(right.float().mean()) >= 0.95
