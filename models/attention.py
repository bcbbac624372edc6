"""Attention over the recent past: a text looks back at what its network thought a while ago.

Each state asks a question (query) of the `window` states before it in its own text
and adds what they answer. Causal, and incremental: what lies behind a chunk is
carried like any other state. Scaled dot products (Vaswani et al. 2017) with a
learned bias for each distance, a silent place to look at when nothing fits, and
the answer through tanh, as in Luong et al. 2015, so that it has a bound.
"""

import torch
from torch import Tensor, nn

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
        return (
            zero(1, n, self.window * self.width),
            zero(1, n, self.window * self.width),
            zero(1, n, self.window),
        )

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
