"""The network: causal, stateful, indifferent to its neighbours, and its gradients are right.

The sizes N, T, V, E, H differ pairwise, so that a transposed axis cannot pass.
"""

import pytest
import torch

from models.network import Architecture, CharNetwork, LockedDropout

N, T, E, H, V, LAYERS, WINDOW = 2, 6, 4, 9, 7, 3, 3
KINDS = [
    Architecture(V, "rnn", LAYERS, H, E),
    Architecture(V, "lstm", LAYERS, H, E),
    Architecture(V, "gru", LAYERS, H, E),
    Architecture(V, "lstm", LAYERS, H, E, residual=True),
    Architecture(V, "rnn", LAYERS, H, E, attention=WINDOW),
    Architecture(V, "lstm", LAYERS, H, E, residual=True, attention=WINDOW),
    Architecture(V, "gru", LAYERS, H, E, residual=True, attention=WINDOW),
]
each_kind = pytest.mark.parametrize(
    "kind", KINDS, ids=lambda a: f"{a.cell}{'+residual' * a.residual}{'+attention' * bool(a.attention)}"
)


def network(kind: Architecture, *, dropout: float = 0.0) -> CharNetwork:
    """A tiny network with weights that are not at all near zero, in double precision."""
    torch.manual_seed(3)
    tiny = CharNetwork(kind, dropout=dropout).double()
    for weight in tiny.parameters():
        torch.nn.init.normal_(weight, std=0.7)
    return tiny.eval()


def some_ids() -> torch.Tensor:
    """(N, T) symbols."""
    return torch.randint(0, V, (N, T), generator=torch.Generator().manual_seed(5))


@each_kind
def test_shapes_are_as_the_docstring_says(kind: Architecture) -> None:
    """(N, T) symbols give (N, T, V) logits, one state a layer, and attention's memory last."""
    logits, state = network(kind)(some_ids())

    assert logits.shape == (N, T, V)
    assert len(state) == LAYERS + bool(kind.attention)
    assert all(len(parts) == (2 if kind.cell == "lstm" else 1) for parts in state[:LAYERS])
    assert all(part.shape == (1, N, H) for parts in state[:LAYERS] for part in parts)
    assert all(part.shape[:2] == (1, N) for parts in state[LAYERS:] for part in parts)


@each_kind
def test_no_logit_looks_ahead(kind: Architecture) -> None:
    """Changing a symbol changes nothing before it, and something from it on."""
    tiny, ids = network(kind), some_ids()
    changed = ids.clone()
    changed[:, 3] = (changed[:, 3] + 1) % V

    before, after = tiny(ids)[0], tiny(changed)[0]

    assert torch.equal(before[:, :3], after[:, :3])
    assert not torch.allclose(before[:, 3], after[:, 3])
    assert not torch.allclose(before[:, -1], after[:, -1])


@each_kind
@pytest.mark.parametrize("cut", [1, 2, 5])
def test_carrying_the_state_is_one_pass(kind: Architecture, cut: int) -> None:
    """Read in two parts with the state carried, a text gives the same logits as read at once."""
    tiny, ids = network(kind), some_ids()

    whole, end = tiny(ids)
    first, state = tiny(ids[:, :cut])
    second, end_in_parts = tiny(ids[:, cut:], state)

    assert torch.allclose(torch.cat([first, second], dim=1), whole, atol=1e-12)
    for parts, others in zip(end, end_in_parts, strict=True):
        assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(parts, others, strict=True))


@each_kind
def test_a_text_does_not_feel_its_neighbours(kind: Architecture) -> None:
    """Alone or in a batch, a text gives the same logits."""
    tiny, ids = network(kind), some_ids()

    together = tiny(ids)[0]

    for row in range(N):
        assert torch.allclose(tiny(ids[row : row + 1])[0][0], together[row], atol=1e-12)


@each_kind
def test_silence_is_where_a_text_begins(kind: Architecture) -> None:
    """No state and the state of silence are the same."""
    tiny, ids = network(kind), some_ids()

    assert torch.equal(tiny(ids)[0], tiny(ids, tiny.silence(N))[0])


@each_kind
def test_gradients_are_those_of_the_numbers(kind: Architecture) -> None:
    """Backpropagation agrees with finite differences, for every parameter of every layer."""
    tiny, ids = network(kind), some_ids()[:, :4]
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


def test_attention_looks_back_as_far_as_its_window() -> None:
    """A network whose only memory is attention forgets what lies more than a window back, and nothing nearer."""
    deaf = network(Architecture(V, "rnn", 1, H, E, attention=WINDOW))
    torch.nn.init.zeros_(deaf.layers[0].get_parameter("weight_hh_l0"))
    ids = some_ids()
    changed = ids.clone()
    changed[:, 1] = (changed[:, 1] + 1) % V

    moved = (deaf(ids)[0] - deaf(changed)[0]).abs().amax(dim=(0, 2)) > 1e-9

    assert moved.tolist() == [False] + [True] * (1 + WINDOW) + [False] * (T - 2 - WINDOW)


def test_a_fresh_network_with_attention_is_one_without() -> None:
    """Answers start at zero, so that attention can be added to a trained network without harm."""
    torch.manual_seed(4)
    plain = CharNetwork(Architecture(V, "gru", LAYERS, H, E, residual=True)).eval()
    attentive = CharNetwork(Architecture(V, "gru", LAYERS, H, E, residual=True, attention=WINDOW)).eval()
    missing = attentive.load_state_dict(plain.state_dict(), strict=False).missing_keys

    assert all(name.startswith("attention.") for name in missing)
    assert torch.equal(plain(some_ids())[0], attentive(some_ids())[0])


@pytest.mark.parametrize(
    "wrong", [{"cell": "transformer"}, {"layers": 0}, {"size": -1}, {"embedding": 0}, {"attention": -1}]
)
def test_what_no_network_can_be_made_of_is_refused(wrong: dict[str, object]) -> None:
    """A mistyped architecture is said so at once, not by a shape error later."""
    with pytest.raises(ValueError, match=r"cell|at least 1|0 states or more"):
        Architecture(**({"symbols": V} | wrong))  # type: ignore[arg-type]
