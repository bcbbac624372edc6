"""The reader: many to one. A recurrent network reads a sequence from both its ends and says one thing about it.

Steps (N, T, D) -> a recurrent layer in each direction -> the last state of either, side by side -> (N, K).
Knows neither symbols nor what it is asked: rows of a picture, characters of a line.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from models.network import CELLS, Cell


class Reader(nn.Module):
    """A bidirectional recurrent layer of *size* units each way over steps of *width*, and *answers* logits."""

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
