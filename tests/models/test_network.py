"""The network: causal, stateful, indifferent to its neighbours, and its gradients are right.

The sizes N, T, V, E, H differ pairwise, so that a transposed axis cannot pass.
"""

import pytest
import torch

from models.network import Architecture, Cell, CharNetwork, LockedDropout

N, T, E, H, V, LAYERS = 2, 6, 4, 5, 7, 3
CELLS: list[Cell] = ["rnn", "lstm", "gru"]
each_cell = pytest.mark.parametrize("cell", CELLS)


def network(cell: Cell, *, dropout: float = 0.0) -> CharNetwork:
    """A tiny network with weights that are not at all near zero, in double precision."""
    torch.manual_seed(3)
    tiny = CharNetwork(Architecture(V, cell, LAYERS, H, E), dropout=dropout).double()
    for weight in tiny.parameters():
        torch.nn.init.normal_(weight, std=0.7)
    return tiny.eval()


def some_ids() -> torch.Tensor:
    """(N, T) symbols."""
    return torch.randint(0, V, (N, T), generator=torch.Generator().manual_seed(5))


@each_cell
def test_shapes_are_as_the_docstring_says(cell: Cell) -> None:
    """(N, T) symbols give (N, T, V) logits and one state a layer."""
    logits, state = network(cell)(some_ids())

    assert logits.shape == (N, T, V)
    assert len(state) == LAYERS
    assert all(len(parts) == (2 if cell == "lstm" else 1) for parts in state)
    assert all(part.shape == (1, N, H) for parts in state for part in parts)


@each_cell
def test_no_logit_looks_ahead(cell: Cell) -> None:
    """Changing a symbol changes nothing before it, and something from it on."""
    tiny, ids = network(cell), some_ids()
    changed = ids.clone()
    changed[:, 3] = (changed[:, 3] + 1) % V

    before, after = tiny(ids)[0], tiny(changed)[0]

    assert torch.equal(before[:, :3], after[:, :3])
    assert not torch.allclose(before[:, 3], after[:, 3])
    assert not torch.allclose(before[:, -1], after[:, -1])


@each_cell
@pytest.mark.parametrize("cut", [1, 2, 5])
def test_carrying_the_state_is_one_pass(cell: Cell, cut: int) -> None:
    """Read in two parts with the state carried, a text gives the same logits as read at once."""
    tiny, ids = network(cell), some_ids()

    whole, end = tiny(ids)
    first, state = tiny(ids[:, :cut])
    second, end_in_parts = tiny(ids[:, cut:], state)

    assert torch.allclose(torch.cat([first, second], dim=1), whole, atol=1e-12)
    for parts, others in zip(end, end_in_parts, strict=True):
        assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(parts, others, strict=True))


@each_cell
def test_a_text_does_not_feel_its_neighbours(cell: Cell) -> None:
    """Alone or in a batch, a text gives the same logits."""
    tiny, ids = network(cell), some_ids()

    together = tiny(ids)[0]

    for row in range(N):
        assert torch.allclose(tiny(ids[row : row + 1])[0][0], together[row], atol=1e-12)


@each_cell
def test_silence_is_where_a_text_begins(cell: Cell) -> None:
    """No state and the state of silence are the same."""
    tiny, ids = network(cell), some_ids()

    assert torch.equal(tiny(ids)[0], tiny(ids, tiny.silence(N))[0])


@each_cell
def test_gradients_are_those_of_the_numbers(cell: Cell) -> None:
    """Backpropagation agrees with finite differences, for every parameter of every layer."""
    tiny, ids = network(cell), some_ids()[:, :4]
    names = [name for name, _ in tiny.named_parameters()]
    values = tuple(p.detach().clone().requires_grad_() for p in tiny.parameters())

    def loss(*parameters: torch.Tensor) -> torch.Tensor:
        logits, _ = torch.func.functional_call(tiny, dict(zip(names, parameters, strict=True)), (ids[:, :-1],))
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())

    assert torch.autograd.gradcheck(loss, values, fast_mode=True)


def test_an_untrained_lstm_remembers() -> None:
    """Its forget gates start open, the others closed half."""
    fresh = CharNetwork(Architecture(V, "lstm", LAYERS, H, E))

    for layer in fresh.layers:
        assert torch.equal(layer.get_parameter("bias_ih_l0")[H : 2 * H], torch.ones(H))


def test_locked_dropout_drops_the_same_units_at_every_step() -> None:
    """A text is read with one mask from its first symbol to its last."""
    torch.manual_seed(0)
    dropout = LockedDropout(0.5).train()

    dropped = dropout(torch.ones(N, T, 200))

    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert not torch.equal(dropped[0], dropped[1])
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(dropout.eval()(dropped), dropped)


@pytest.mark.parametrize("wrong", [{"cell": "transformer"}, {"layers": 0}, {"size": -1}, {"embedding": 0}])
def test_what_no_network_can_be_made_of_is_refused(wrong: dict[str, object]) -> None:
    """A mistyped architecture is said so at once, not by a shape error later."""
    with pytest.raises(ValueError, match=r"cell|at least 1"):
        Architecture(**({"symbols": V} | wrong))  # type: ignore[arg-type]
