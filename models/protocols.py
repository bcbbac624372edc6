"""Other ways to measure surprise, for comparisons with published figures. Reported apart from `evaluate`'s own.

`windows` is nanoGPT's: random windows of fixed length, each from silence. `dynamic`
goes on learning from what it has just read (Krause et al. 2018), so it is no measure
of the network alone.
"""

from copy import deepcopy

import numpy as np
import torch

from models.evaluate import Surprise, Watch, unwatched
from models.network import CharNetwork, State
from models.train import loss_of
from models.vocabulary import Vocabulary, normalise

BATCHES, WINDOWS, LENGTH = 200, 64, 256
"""nanoGPT's `eval_iters`, `batch_size` and `block_size` for characters."""
SEGMENT = 32
"""Symbols that a dynamic evaluation reads before it learns from them."""
RATE = 0.002
CLIP = 1.0


@torch.no_grad()
def surprise_of_windows(
    network: CharNetwork,
    vocabulary: Vocabulary,
    text: str,
    *,
    batches: int = BATCHES,
    seed: int = 0,
    watch: Watch = unwatched,
) -> Surprise:
    """Random windows of *text*, the state zero at the start of each. ValueError for a text shorter than a window."""
    network.eval()
    ids = np.array(vocabulary.encode(text), np.int64)
    if len(ids) <= LENGTH:
        raise ValueError(f"the text has {len(ids)} symbols; a window has {LENGTH}")
    rng = np.random.default_rng(seed)
    nats, chars, size = 0.0, 0, 0
    for batch in range(batches):
        starts = rng.integers(0, len(ids) - LENGTH, WINDOWS)
        rows = np.stack([ids[start : start + LENGTH + 1] for start in starts])  # (N, T + 1)
        inputs, targets = torch.from_numpy(rows[:, :-1]), torch.from_numpy(rows[:, 1:].copy())
        logits, _ = network(inputs)
        nats += float(loss_of(logits, targets, torch.ones_like(targets, dtype=torch.float))) * targets.numel()
        chars += int(vocabulary.sizes[rows[:, 1:]].sum())
        size += sum(len(vocabulary.decode(row[1:].tolist()).encode()) for row in rows)
        watch(batch + 1, batches)
    return Surprise(nats, chars, size)


def surprise_while_learning(
    network: CharNetwork,
    vocabulary: Vocabulary,
    text: str,
    *,
    rate: float = RATE,
    segment: int = SEGMENT,
    watch: Watch = unwatched,
) -> Surprise:
    """One pass over *text* by a copy of the network that takes a step of SGD after each segment it was measured on."""
    learner = deepcopy(network).eval()  # no dropout; gradients all the same
    optimizer = torch.optim.SGD(learner.parameters(), lr=rate * segment)
    text = normalise(text)
    ids = torch.tensor([[0, *vocabulary.encode(text)]])
    state: State | None = None
    nats = 0.0
    for start in range(0, ids.shape[1] - 1, segment):
        part = ids[:, start : start + segment + 1]
        logits, after = learner(part[:, :-1], state)
        loss = loss_of(logits, part[:, 1:], torch.ones_like(part[:, 1:], dtype=torch.float))
        nats += loss.item() * (part.shape[1] - 1)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(learner.parameters(), CLIP)
        optimizer.step()
        state = [tuple(t.detach() for t in layer) for layer in after]
        watch(start + part.shape[1], ids.shape[1])
    return Surprise(nats, len(text), len(text.encode()))
