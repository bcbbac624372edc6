"""The first lesson by hand: the gradients are torch's, and it is learned from any start."""

import numpy as np
import pytest
import torch
from torch import nn

from models.byhand import LETTERS, MOST_STEPS, READ, WANTED, dice, lesson, look
from models.hello import Hello


def test_the_gradients_are_torchs() -> None:
    """Written out by hand, and the same as autograd finds for the same weights."""
    weights = dice(3)
    network = Hello("rnn").double()
    named = dict(network.named_parameters())
    places = {
        "in": "recurrent.weight_ih_l0",
        "again": "recurrent.weight_hh_l0",
        "bias": "recurrent.bias_ih_l0",
        "out": "project.weight",
        "rest": "project.bias",
    }
    with torch.no_grad():
        for name, place in places.items():
            named[place].copy_(torch.from_numpy(weights[name]))
        named["recurrent.bias_hh_l0"].zero_()
    x = nn.functional.one_hot(torch.tensor([[LETTERS.index(c) for c in READ]]), len(LETTERS)).double()
    wanted = torch.tensor([LETTERS.index(c) for c in WANTED])
    expected = nn.functional.cross_entropy(network(x)[0], wanted)
    expected.backward()  # type: ignore[no-untyped-call]

    loss, probabilities, slopes = look(weights)

    assert loss == pytest.approx(expected.item())
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(4))
    for name, place in places.items():
        gradient = named[place].grad
        assert gradient is not None
        np.testing.assert_allclose(slopes[name], gradient.numpy(), atol=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_hello_is_learned_from_any_start(seed: int) -> None:
    """In the end it says `ello`, though after l once comes l and once o."""
    heard = list(lesson(seed))

    assert heard[-1].learned
    assert heard[-1].said == WANTED
    assert heard[0].loss > heard[-1].loss
    assert len(heard) < MOST_STEPS
