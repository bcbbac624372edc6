"""Likelihood: what each of many short texts costs a network, one by one."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from models.corpus import Passage
from models.network import CharNetwork
from models.vocabulary import END, Vocabulary

AT_ONCE = 64
"""Texts that are read side by side."""


def unwatched(_done: float) -> None:
    """Nobody is told."""


@torch.no_grad()
def nats_of(
    network: CharNetwork,
    vocabulary: Vocabulary,
    passages: Sequence[Passage],
    *,
    watch: Callable[[float], None] = unwatched,
) -> list[float]:
    """Nats of each passage, each from silence; what stands before it is read and costs nothing.

    *watch* hears how far it has come (0 to 1), and what it raises ends it.
    """
    network.eval()
    read = [passage.symbols(vocabulary) for passage in passages]
    order = sorted(range(len(read)), key=lambda i: len(read[i][0]))
    nats = [0.0] * len(read)
    for start in range(0, len(order), AT_ONCE):
        group = order[start : start + AT_ONCE]
        longest = max(len(read[i][1]) for i in group)
        ids = np.full((len(group), longest + 1), END, np.int64)
        counts = np.zeros((len(group), longest), np.float32)
        for row, i in enumerate(group):
            symbols, weights = read[i]
            ids[row, : len(symbols)] = symbols
            counts[row, : len(weights)] = weights > 0
        both = torch.from_numpy(ids)  # (N, T + 1)
        logits, _ = network(both[:, :-1], None)  # (N, T, V)
        each = nn.functional.cross_entropy(logits.transpose(1, 2).float(), both[:, 1:], reduction="none")  # (N, T)
        for i, cost in zip(group, (each * torch.from_numpy(counts)).sum(dim=1).tolist(), strict=True):
            nats[i] = float(cost)
        watch((start + len(group)) / len(order))
    return nats
