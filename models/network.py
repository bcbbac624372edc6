"""The network: a character-level language model of stacked recurrent layers, in torch.

    embedding (E) -> recurrent layers (H each) -> projection back to E -> the transposed embedding (V)

The embedding and the output share their weights (Press & Wolf 2017). Cells: `rnn` (Elman), `lstm`, `gru`. With
`residual`, each layer above the first adds its output to its input (He et al. 2016), which makes deep networks
trainable. With `attention`, the top layer also attends to the states before it. The module knows symbols, not text.

Letters of shapes: N texts, T symbols, V size of the vocabulary, E width of the embedding, H units of a layer, W states
in attention's window, D units of attention's head.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.shapes import head_width

FAR = -1e9
"""Added to the score of a state that may not be attended to."""


class Attention(nn.Module):
    """Causal attention over the last W = *window* states of the same text, with one head of D = size / 8 units.

    Scaled dot products (Vaswani et al. 2017), with a learned bias for each distance. A constant score of 0 stands for
    "no state", so that the weights need not sum to 1. The answer passes through tanh, as in Luong et al. 2015, so that
    it lies in [-1, 1]. The last W keys and values are carried from chunk to chunk as a part of the state.
    """

    def __init__(self, size: int, window: int) -> None:
        super().__init__()
        self.window, self.width = window, head_width(size)
        self.ask = nn.Linear(size, 3 * self.width)
        self.answer = nn.Linear(self.width, size)
        self.distance = nn.Parameter(torch.zeros(window))
        nn.init.zeros_(self.answer.weight)  # at first the answer is 0, as without attention
        nn.init.zeros_(self.answer.bias)

    def nothing(self, n: int) -> tuple[Tensor, ...]:
        """The empty memory of *n* texts: keys and values (1, n, W D) each, and which of them exist (1, n, W)."""
        zero = self.distance.new_zeros
        return (zero(1, n, self.window * self.width), zero(1, n, self.window * self.width), zero(1, n, self.window))

    def forward(self, x: Tensor, memory: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """States (N, T, H) -> answers (N, T, H), and the memory after them. *memory*: as `nothing` gives it."""
        n, t, _ = x.shape
        query, key, value = self.ask(x).chunk(3, dim=-1)  # -> 3 x (N, T, D)
        keys = torch.cat([memory[0].view(n, self.window, -1).to(key.dtype), key], dim=1)  # -> (N, W + T, D)
        values = torch.cat([memory[1].view(n, self.window, -1).to(value.dtype), value], dim=1)
        there = torch.cat([memory[2][0], memory[2].new_ones(n, t)], dim=1)  # -> (N, W + T)
        scores = query @ keys.transpose(1, 2) * self.width**-0.5  # -> (N, T, W + T)
        scores = scores + self._bias(t) + (1 - there)[:, None] * FAR
        none = scores.new_zeros(n, t, 1)
        weights = torch.cat([scores, none], dim=-1).softmax(dim=-1)[..., :-1]  # -> (N, T, W + T)
        answers = torch.tanh(self.answer(weights.to(values.dtype) @ values))
        kept = (keys[:, t:].reshape(1, n, -1), values[:, t:].reshape(1, n, -1), there[None, :, t:])
        return answers, kept

    def _bias(self, t: int) -> Tensor:
        """The bias for the distance, (T, W + T); FAR for the state itself, later ones, and those before the window."""
        places = torch.arange(self.window + t, device=self.distance.device)
        back = places[self.window :, None] - places  # steps back from the query to the key
        near = (back >= 1) & (back <= self.window)
        return torch.where(near, self.distance[back.clamp(1, self.window) - 1], FAR)


Cell = Literal["rnn", "lstm", "gru"]
State = list[tuple[Tensor, ...]]
"""By layer (h,), or (h, c) for an LSTM, (1, N, H) each; with attention its memory comes last."""

CELLS: Mapping[str, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


@dataclass(frozen=True, slots=True)
class Architecture:
    """The cell and the sizes of a network."""

    symbols: int
    """V, size of the vocabulary."""
    cell: Cell = "lstm"
    layers: int = 2
    size: int = 512
    """H, units of each layer."""
    embedding: int = 256
    """E, width of the embedding."""
    residual: bool = False
    """Do layers above the first add their output to their input? Older checkpoints lack the field and did not."""
    attention: int = 0
    """States in attention's window; 0: no attention."""

    def __post_init__(self) -> None:
        """Raise ValueError for an unknown cell or an impossible size."""
        if self.cell not in CELLS:
            raise ValueError(f"no such cell: {self.cell}; choose rnn, lstm or gru")
        if min(self.symbols, self.layers, self.size, self.embedding) < 1:
            raise ValueError("symbols, layers, size and embedding are at least 1")
        if self.attention < 0:
            raise ValueError("attention looks back at 0 states or more")

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, for `meta.json`."""
        return asdict(self)


class LockedDropout(nn.Module):
    """Dropout with the same mask at every step of a text (Gal & Ghahramani 2016)."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        """Drop units while training: (N, T, units) -> (N, T, units)."""
        if not self.training or self.share == 0:
            return x
        keep = 1 - self.share
        mask = x.new_empty(x.shape[0], 1, x.shape[2]).bernoulli_(keep).div_(keep)
        return x * mask


class CharNetwork(nn.Module):
    """A character-level recurrent language model."""

    def __init__(self, architecture: Architecture, *, dropout: float = 0.0) -> None:
        """*dropout*: share of the units between layers that is dropped while training."""
        super().__init__()
        a = self.architecture = architecture
        self.embedding = nn.Embedding(a.symbols, a.embedding)
        cell = CELLS[a.cell]
        widths = [a.embedding] + [a.size] * (a.layers - 1)
        self.layers = nn.ModuleList([cell(w, a.size, batch_first=True) for w in widths])
        self.attention = Attention(a.size, a.attention) if a.attention else None
        self.project = nn.Linear(a.size, a.embedding)
        self.bias = nn.Parameter(torch.zeros(a.symbols))
        self.dropout = LockedDropout(dropout)
        nn.init.normal_(self.embedding.weight, std=a.embedding**-0.5)
        self._open_the_forget_gates()

    @classmethod
    def of(
        cls, architecture: Mapping[str, Any], weights: Mapping[str, NDArray[Any]], *, dropout: float = 0.0
    ) -> "CharNetwork":
        """A network with these weights, named as in `arrays`, in evaluation mode."""
        network = cls(Architecture(**architecture), dropout=dropout)
        network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
        return network.eval()

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """The weights by name, in float32, as `checkpoint.write` takes them."""
        return {name: value.detach().float().numpy() for name, value in self.state_dict().items()}

    @property
    def weight_count(self) -> int:
        """Number of parameters."""
        return sum(p.numel() for p in self.parameters())

    def _open_the_forget_gates(self) -> None:
        """Set an LSTM's forget bias to 1, so that it keeps its state before training (Jozefowicz et al. 2015)."""
        if self.architecture.cell == "lstm":
            h = self.architecture.size
            for layer in self.layers:
                with torch.no_grad():
                    layer.get_parameter("bias_ih_l0")[h : 2 * h].fill_(1.0)

    def silence(self, n: int) -> State:
        """The zero state, before the first symbol of *n* texts."""
        zero = self.bias.new_zeros(1, n, self.architecture.size)
        parts = 2 if self.architecture.cell == "lstm" else 1
        memory = [self.attention.nothing(n)] if self.attention else []
        return [(zero,) * parts for _ in self.layers] + memory

    def forward(self, ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Symbols (N, T) -> logits (N, T, V), and the state after them. *state*: before them; None: zero."""
        top, after = self._recurrent(ids, state)
        return self._logits(top), after

    def states(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Symbols (N, T), read from zero state -> outputs of the top layer (N, T, H), logits (N, T, V)."""
        top, _ = self._recurrent(ids, None)
        return top, self._logits(top)

    def _logits(self, top: Tensor) -> Tensor:
        logits: Tensor = self.project(top) @ self.embedding.weight.T + self.bias  # (N, T, H) -> (N, T, V)
        return logits

    def _recurrent(self, ids: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Symbols (N, T) -> outputs of the top layer (N, T, H), and the state after them."""
        state = self.silence(ids.shape[0]) if state is None else state
        x = self.dropout(self.embedding(ids))  # (N, T) -> (N, T, E)
        lstm = self.architecture.cell == "lstm"
        after: State = []
        for i, layer in enumerate(self.layers):
            # torch takes and returns (h, c) for an LSTM, h alone for other cells.
            read, hidden = layer(x, state[i] if lstm else state[i][0])  # -> (N, T, H)
            read = self.dropout(read)
            x = x + read if self.architecture.residual and i else read
            after.append(hidden if lstm else (hidden,))
        if self.attention:
            answers, memory = self.attention(x, state[-1])
            x = x + self.dropout(answers)
            after.append(memory)
        return x, after
