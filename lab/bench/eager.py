"""The baseline: the same weights in eager PyTorch, one symbol a call, in the two ways one would write that.

`Whole` calls the network as it is trained, on texts of one symbol; `Cells` spells its
layers out in `nn.LSTMCell` and its kin. Both draw by softmax and multinomial alone,
without nucleus or rules: less than the engine does.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn

from models.checkpoint import Checkpoint
from models.network import CharNetwork, State

_CELLS: dict[str, type[nn.RNNCellBase]] = {"lstm": nn.LSTMCell, "gru": nn.GRUCell, "rnn": nn.RNNCell}


def network_of(version: Checkpoint) -> CharNetwork:
    """The network of a version folder."""
    return CharNetwork.of(version.meta.architecture, version.weights)


class Whole:
    """`nn.LSTM`, or what the network has instead, on texts of one symbol."""

    def __init__(self, network: CharNetwork, rows: int, *, temperature: float = 1.0) -> None:
        self.network, self.temperature = network, temperature
        self.ids = torch.zeros(rows, dtype=torch.long)
        self.state: Any = network.silence(rows)

    @torch.inference_mode()
    def step(self) -> Tensor:
        """Read a symbol for each row and draw the next: (N,)."""
        logits = self._logits()  # (N, V)
        self.ids = torch.multinomial(torch.softmax(logits / self.temperature, dim=-1), 1)[:, 0]
        return self.ids

    def _logits(self) -> Tensor:
        logits, self.state = self.network(self.ids[:, None], cast("State", self.state))
        return cast("Tensor", logits[:, -1])


class Cells(Whole):
    """`nn.LSTMCell` or its kin, layer by layer."""

    def __init__(self, network: CharNetwork, rows: int, *, temperature: float = 1.0) -> None:
        super().__init__(network, rows, temperature=temperature)
        kind = _CELLS[network.architecture.cell]
        self.cells = [_cell(kind, cast("nn.RNNBase", layer)) for layer in network.layers]
        self.memory = self.state[len(self.cells) :]
        parts = [tuple(part[0] for part in layer) for layer in self.state[: len(self.cells)]]
        self.state = parts if kind is nn.LSTMCell else [part[0] for part in parts]

    def _logits(self) -> Tensor:
        network, after = self.network, []
        x = network.embedding(self.ids)  # (N,) -> (N, E)
        for i, (cell, before) in enumerate(zip(self.cells, self.state, strict=True)):
            now = cell(x, before)
            after.append(now)
            hidden = now[0] if isinstance(now, tuple) else now  # (N, H)
            x = x + hidden if network.architecture.residual and i else hidden
        self.state = after
        if network.attention:
            answers, memory = network.attention(x[:, None], self.memory[0])
            x, self.memory = x + answers[:, 0], [memory]
        return cast("Tensor", network.project(x) @ network.embedding.weight.T + network.bias)


def _cell(kind: type[nn.RNNCellBase], layer: nn.RNNBase) -> nn.RNNCellBase:
    """A cell with the weights of one layer."""
    cell = cast("Any", kind)(layer.input_size, layer.hidden_size)
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    cell.load_state_dict({name: layer.get_parameter(f"{name}_l0") for name in names})
    return cast("nn.RNNCellBase", cell.eval())
