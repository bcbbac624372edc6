"""The network: a stack of recurrent layers that guesses the next character.

Embedding (E) -> L layers of H -> projection back to E -> the embedding again,
transposed (weights tied: Press & Wolf 2017). Cells: `rnn` (Elman), `lstm`, `gru`.
With `residual`, each layer above the first adds to what it was given (He et al. 2016)
and depth pays; with `attention`, the top also looks back. Knows symbols, not text.

Attention over the recent past: each state asks a question (query) of the `window` states before it in its own text and
adds what they answer. Causal, and incremental: what lies behind a chunk is carried like any other state. Scaled dot
products (Vaswani et al. 2017) with a learned bias for each distance, a silent place to look at when nothing fits, and
the answer through tanh, as in Luong et al. 2015, so that it has a bound.

Beside it the reader, many to one: a recurrent network reads a sequence from both its ends and says one thing about it.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from models.shapes import head_width

FAR = -1e9
"""Added to the score of what may not be looked at."""


class Attention(nn.Module):
    """One head of width D = size / 8 over the last W = window states."""

    def __init__(self, size: int, window: int) -> None:
        super().__init__()
        self.window, self.width = window, head_width(size)
        self.ask = nn.Linear(size, 3 * self.width)
        self.answer = nn.Linear(self.width, size)
        self.distance = nn.Parameter(torch.zeros(window))
        nn.init.zeros_(self.answer.weight)  # a fresh network is one without attention
        nn.init.zeros_(self.answer.bias)

    def nothing(self, n: int) -> tuple[Tensor, ...]:
        """The memory of *n* texts that have not begun: keys and values (1, n, W D), and which are there (1, n, W)."""
        zero = self.distance.new_zeros
        return (zero(1, n, self.window * self.width), zero(1, n, self.window * self.width), zero(1, n, self.window))

    def forward(self, x: Tensor, memory: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """(N, T, H) states -> (N, T, H) answers, and the memory after them."""
        n, t, _ = x.shape
        query, key, value = self.ask(x).chunk(3, dim=-1)  # -> 3 x (N, T, D)
        keys = torch.cat([memory[0].view(n, self.window, -1).to(key.dtype), key], dim=1)  # -> (N, W + T, D)
        values = torch.cat([memory[1].view(n, self.window, -1).to(value.dtype), value], dim=1)
        there = torch.cat([memory[2][0], memory[2].new_ones(n, t)], dim=1)  # -> (N, W + T)
        scores = query @ keys.transpose(1, 2) * self.width**-0.5  # -> (N, T, W + T)
        scores = scores + self._bias(t) + (1 - there)[:, None] * FAR
        silent = scores.new_zeros(n, t, 1)
        heed = torch.cat([scores, silent], dim=-1).softmax(dim=-1)[..., :-1]
        answers = torch.tanh(self.answer(heed.to(values.dtype) @ values))
        kept = (keys[:, t:].reshape(1, n, -1), values[:, t:].reshape(1, n, -1), there[None, :, t:])
        return answers, kept

    def _bias(self, t: int) -> Tensor:
        """What the distance adds to each score: (T, W + T); FAR for itself, the future and what lies too far back."""
        places = torch.arange(self.window + t, device=self.distance.device)
        back = places[self.window :, None] - places  # steps from asker to asked
        near = (back >= 1) & (back <= self.window)
        return torch.where(near, self.distance[back.clamp(1, self.window) - 1], FAR)


Cell = Literal["rnn", "lstm", "gru"]
State = list[tuple[Tensor, ...]]
"""Per layer (h,), or (h, c) for an LSTM; each (1, N, H). Last, with attention, its memory."""

CELLS: Mapping[str, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


@dataclass(frozen=True, slots=True)
class Architecture:
    """What a network is made of."""

    symbols: int
    """Size of the vocabulary."""
    cell: Cell = "lstm"
    layers: int = 2
    size: int = 512
    """H, units of each layer."""
    embedding: int = 256
    """E, width of a symbol."""
    residual: bool = False
    """Do layers above the first add to their input? Absent from the files of older versions, which did not."""
    attention: int = 0
    """States that the top layer looks back at; 0 for none."""

    def __post_init__(self) -> None:
        """ValueError for what no network can be made of."""
        if self.cell not in CELLS:
            raise ValueError(f"no such cell: {self.cell}; choose rnn, lstm or gru")
        if min(self.symbols, self.layers, self.size, self.embedding) < 1:
            raise ValueError("symbols, layers, size and embedding are at least 1")
        if self.attention < 0:
            raise ValueError("attention looks back at 0 states or more")

    def as_dict(self) -> dict[str, Any]:
        """For `meta.json`."""
        return asdict(self)


class LockedDropout(nn.Module):
    """Dropout that drops the same units at every step of a text (Gal & Ghahramani 2016)."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, D) -> (N, T, D)."""
        if not self.training or self.share == 0:
            return x
        keep = 1 - self.share
        mask = x.new_empty(x.shape[0], 1, x.shape[2]).bernoulli_(keep).div_(keep)
        return x * mask


class CharNetwork(nn.Module):
    """A character-level recurrent language model."""

    def __init__(self, architecture: Architecture, *, dropout: float = 0.0, weight_dropout: float = 0.0) -> None:
        super().__init__()
        self.weight_dropout = weight_dropout
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
        """The network of an architecture with those weights, named as in `arrays`, to be measured or taught on."""
        network = cls(Architecture(**architecture), dropout=dropout)
        network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
        return network.eval()

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Its weights by name, as a checkpoint takes them."""
        return {name: value.detach().float().numpy() for name, value in self.state_dict().items()}

    @property
    def weight_count(self) -> int:
        """Numbers that were learned."""
        return sum(p.numel() for p in self.parameters())

    def _open_the_forget_gates(self) -> None:
        """Forget bias 1, so that an untrained LSTM remembers (Jozefowicz et al. 2015)."""
        if self.architecture.cell == "lstm":
            h = self.architecture.size
            for layer in self.layers:
                with torch.no_grad():
                    layer.get_parameter("bias_ih_l0")[h : 2 * h].fill_(1.0)

    def silence(self, n: int) -> State:
        """The state before the first symbol of *n* texts: zero."""
        zero = self.bias.new_zeros(1, n, self.architecture.size)
        parts = 2 if self.architecture.cell == "lstm" else 1
        memory = [self.attention.nothing(n)] if self.attention else []
        return [(zero,) * parts for _ in self.layers] + memory

    def forward(self, ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """(N, T) symbols -> (N, T, V) logits and the state after them."""
        top, after = self._recurrent(ids, state)
        return self._logits(top), after

    def states(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """(N, T) symbols, from silence -> (N, T, H) outputs of the topmost layer, (N, T, V) logits."""
        top, _ = self._recurrent(ids, None)
        return top, self._logits(top)

    def _logits(self, top: Tensor) -> Tensor:
        logits: Tensor = self.project(top) @ self.embedding.weight.T + self.bias  # (N, T, H) -> (N, T, V)
        return logits

    def _recurrent(self, ids: Tensor, state: State | None) -> tuple[Tensor, State]:
        """(N, T) symbols -> (N, T, H) outputs of the topmost layer and the state after them."""
        state = self.silence(ids.shape[0]) if state is None else state
        x = self.dropout(self.embedding(ids))  # (N, T) -> (N, T, E)
        after: State = []
        for i, layer in enumerate(self.layers):
            read, hidden = self._read(cast("nn.RNNBase", layer), x, state[i])  # -> (N, T, H)
            read = self.dropout(read)
            x = x + read if self.architecture.residual and i else read
            after.append(hidden)
        if self.attention:
            answers, memory = self.attention(x, state[-1])
            x = x + self.dropout(answers)
            after.append(memory)
        return x, after

    def _read(self, layer: nn.RNNBase, x: Tensor, before: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """One layer over a whole text: (N, T, D) -> (N, T, H) and its state after it.

        While training, recurrent connections are dropped for the whole text (DropConnect, Merity et al. 2018).
        """
        inward, recurrent, *biases = layer.all_weights[0]
        weights = [inward, nn.functional.dropout(recurrent, self.weight_dropout, self.training), *biases]
        rest = (
            True,
            1,
            0.0,
            self.training,
            False,
            True,
        )  # biases, layers, dropout, training, bidirectional, batch first
        if self.architecture.cell == "lstm":
            x, h, c = torch.lstm(x, list(before), weights, *rest)
            return x, (h, c)
        x, h = (torch.gru if self.architecture.cell == "gru" else torch.rnn_tanh)(x, before[0], weights, *rest)
        return x, (h,)


class Reader(nn.Module):
    """A bidirectional recurrent layer of *size* units each way over steps of *width*, and *answers* logits.

    Steps (N, T, D) -> a recurrent layer in each direction -> the last state of either, side by side -> (N, K). Knows
    neither symbols nor what it is asked: rows of a picture, characters of a line.
    """

    def __init__(self, width: int, size: int, answers: int, *, cell: Cell = "gru", dropout: float = 0.0) -> None:
        super().__init__()
        self.recurrent = CELLS[cell](width, size, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        self.answer = nn.Linear(2 * size, answers)

    def forward(self, steps: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(N, T, D) steps, of which (N,) count in each sequence (None: all) -> (N, K) logits.

        What stands after a sequence's length is never read, so that nobody's answer depends on the batch.
        """
        n, most, _ = steps.shape
        counts = torch.full((n,), most) if lengths is None else lengths.cpu()
        packed = pack_padded_sequence(steps, counts, batch_first=True, enforce_sorted=False)
        _, last = self.recurrent(packed)
        hidden: Tensor = last[0] if isinstance(last, tuple) else last  # (2, N, H): an LSTM brings its cell along
        logits: Tensor = self.answer(self.dropout(hidden.transpose(0, 1).flatten(1)))  # -> (N, 2 H) -> (N, K)
        return logits
