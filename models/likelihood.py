"""Likelihood: what each of many short texts costs a network, one by one."""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from models.corpus import Passage, side_by_side
from models.network import CharNetwork
from models.vocabulary import Vocabulary

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
        batch = side_by_side([read[i] for i in group])
        logits, _ = network(torch.from_numpy(batch.inputs), None)  # (N, T, V)
        targets, counts = torch.from_numpy(batch.targets), torch.from_numpy(batch.weights > 0)  # (N, T)
        each = nn.functional.cross_entropy(logits.transpose(1, 2).float(), targets, reduction="none")  # (N, T)
        for i, cost in zip(group, (each * counts).sum(dim=1).tolist(), strict=True):
            nats[i] = float(cost)
        watch((start + len(group)) / len(order))
    return nats
