"""Evaluation: the cross-entropy (surprise) of a network on a text that it has not seen.

In bits per character and per byte, so that networks with different symbols can be compared. This module only measures;
`app/domain/gate.py` decides what is good enough.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.corpus import Batch, Ids, Passage, Poems, ReadingMode, poems_in, side_by_side
from models.network import CharNetwork, State
from models.train import loss_of
from models.vocabulary import END, Vocabulary, normalise

STEPS = 512
"""Symbols of a text in one chunk; the state is carried from chunk to chunk."""
AT_ONCE = 64
"""Texts of like length in one batch."""
Watch = Callable[[int, int], None]
"""Is called with how much has been read, and of how much."""


@dataclass(frozen=True, slots=True)
class Surprise:
    """The cross-entropy of a network on a text."""

    nats: float
    """Summed over the text."""
    chars: int
    """Characters of the text."""
    bytes: int
    """Bytes of the text in UTF-8."""

    @property
    def nats_per_char(self) -> float:
        """Nats a character."""
        return self.nats / max(1, self.chars)

    @property
    def bits_per_char(self) -> float:
        """Bits a character."""
        return self.nats_per_char / math.log(2)

    @property
    def bits_per_byte(self) -> float:
        """Bits a byte of UTF-8."""
        return self.nats / max(1, self.bytes) / math.log(2)

    def as_dict(self) -> dict[str, float]:
        """The figures by the names that CONTRACT gives them."""
        return {
            "bits_per_char": round(self.bits_per_char, 5),
            "bits_per_byte": round(self.bits_per_byte, 5),
            "nats_per_char": round(self.nats_per_char, 5),
            "chars": self.chars,
        }


def unwatched(_done: int, _of: int) -> None:
    """A `Watch` that does nothing."""


def surprise_of(
    network: CharNetwork, vocabulary: Vocabulary, text: str, reads: ReadingMode, *, watch: Watch = unwatched
) -> Surprise:
    """The surprise of a network that *reads* the text poem by poem, or as one stream.

    Raises ValueError for too short a text.
    """
    if reads == "poems":
        return surprise_of_poems(network, vocabulary, poems_in(text), watch=watch)
    return surprise_of_stream(network, vocabulary, text, watch=watch)


@torch.no_grad()
def surprise_of_stream(
    network: CharNetwork, vocabulary: Vocabulary, text: str, *, steps: int = STEPS, watch: Watch = unwatched
) -> Surprise:
    """The surprise of one pass over running *text*, with the state carried from its first character to its last."""
    network.eval()
    text = normalise(text)
    if not text:
        raise ValueError("there is no text")
    stream = np.array([END, *vocabulary.encode(text)], np.int64)
    state: State | None = None
    nats = 0.0
    for start in range(0, len(stream) - 1, steps):
        ids = torch.from_numpy(stream[start : start + steps + 1])[None]  # (1, T + 1)
        logits, state = network(ids[:, :-1], state)
        nats += float(loss_of(logits, ids[:, 1:], torch.ones_like(ids[:, 1:], dtype=torch.float))) * (ids.shape[1] - 1)
        watch(min(start + steps, len(stream)), len(stream))
    return Surprise(nats, len(text), len(text.encode()))


@torch.no_grad()
def surprise_of_poems(
    network: CharNetwork, vocabulary: Vocabulary, poems: Sequence[str], *, steps: int = STEPS, watch: Watch = unwatched
) -> Surprise:
    """The surprise over poems, each read from zero state to its END.

    The characters of a poem include its last line end and the blank line after it, which stands for END.
    """
    network.eval()
    corpus = Poems(poems, vocabulary, per_batch=32, longest=1_000_000)
    nats = 0.0
    for done, batch in enumerate(corpus.batches(np.random.default_rng(0)), 1):
        state: State | None = None
        for start in range(0, batch.inputs.shape[1], steps):
            span = slice(start, start + steps)
            weights = torch.from_numpy(batch.weights[:, span])
            logits, state = network(torch.from_numpy(batch.inputs[:, span]), state)
            loss = loss_of(logits, torch.from_numpy(batch.targets[:, span].copy()), weights)
            nats += float(loss) * int((weights > 0).sum())
        watch(done, len(corpus))
    texts = [normalise(poem) + "\n\n" for poem in poems]
    return Surprise(nats, sum(map(len, texts)), sum(len(t.encode()) for t in texts))


@torch.no_grad()
def nats_of(
    network: CharNetwork,
    vocabulary: Vocabulary,
    passages: Sequence[Passage],
    *,
    watch: Callable[[float], None] = lambda _share: None,
) -> list[float]:
    """The surprise at each passage, in nats; each is read from zero state, and the lines before it do not count.

    A passage with which another one begins is read with it, once: a poem's five lines, each after those above it, cost
    a third. *watch* is called with the share done (0 to 1); an exception that it raises stops the evaluation.
    """
    texts = [passage.symbols(vocabulary) for passage in passages]
    readings = _beginning_alike([symbols for symbols, _ in texts])
    nats = [0.0] * len(passages)
    done = 0
    for group, _, each in _in_groups(network, [texts[same[0]] for same in readings]):
        for row, reading in enumerate(group):
            for i in readings[reading]:
                counts = torch.from_numpy(texts[i][1] > 0)  # (T,)
                nats[i] = float(each[row, : len(counts)][counts].sum())
        done += len(group)
        watch(done / len(readings))
    return nats


def _beginning_alike(texts: Sequence[Ids]) -> list[list[int]]:
    """The numbers of *texts* in groups: in each, the first text begins with every other one."""
    content = [symbols.tobytes() for symbols in texts]
    groups: list[list[int]] = []
    for i in sorted(range(len(texts)), key=content.__getitem__, reverse=True):
        if groups and content[groups[-1][0]].startswith(content[i]):
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


@torch.no_grad()
def nats_of_lines(network: CharNetwork, vocabulary: Vocabulary, poems: Sequence[Sequence[str]]) -> list[list[float]]:
    """The surprise at each line of each poem, in nats, with its line end; each poem is read once, from zero state."""
    encoded = [[vocabulary.encode(f"{line}\n") for line in lines] for lines in poems]
    sizes = [[len(line) for line in lines] for lines in encoded]
    found: list[list[float]] = [[] for _ in poems]
    texts = [
        (np.array([END, *(symbol for line in lines for symbol in line)], np.int64), np.ones(sum(size), np.float32))
        for lines, size in zip(encoded, sizes, strict=True)
    ]
    for group, _, each in _in_groups(network, texts):
        for row, i in enumerate(group):
            found[i] = [float(part.sum()) for part in torch.split(each[row, : sum(sizes[i])], sizes[i])]
    return found


def _in_groups(
    network: CharNetwork, texts: Sequence[tuple[Ids, NDArray[np.float32]]]
) -> Iterator[tuple[list[int], Batch, Tensor]]:
    """Read *texts*, as `Legible.symbols` gives them, from zero state, `AT_ONCE` of like length in a batch.

    Yields the numbers of the texts in a batch, the batch, and the nats of each target (N, T).
    """
    network.eval()
    order = sorted(range(len(texts)), key=lambda i: len(texts[i][0]))
    for start in range(0, len(order), AT_ONCE):
        group = order[start : start + AT_ONCE]
        batch = side_by_side([texts[i] for i in group])
        logits, _ = network(torch.from_numpy(batch.inputs))  # (N, T, V)
        targets = torch.from_numpy(batch.targets)
        yield group, batch, nn.functional.cross_entropy(logits.transpose(1, 2).float(), targets, reduction="none")


# Other protocols, for comparison with published figures. `surprise_of_windows` is nanoGPT's: random windows of fixed
# length, each from zero state. `surprise_while_learning` is dynamic evaluation (Krause et al. 2018): the network goes
# on learning from what it has just read, so the figure does not measure the network alone.

BATCHES, WINDOWS, LENGTH = 200, 64, 256
"""nanoGPT's `eval_iters`, `batch_size` and `block_size` for characters."""
SEGMENT = 32
"""Symbols between two updates of a dynamic evaluation."""
DYNAMIC_RATE = 0.002
"""Learning rate of a dynamic evaluation, for each symbol."""
DYNAMIC_CLIP = 1.0
"""Largest gradient norm of a dynamic evaluation."""


@torch.no_grad()
def surprise_of_windows(
    network: CharNetwork, vocabulary: Vocabulary, text: str, *, batches: int = BATCHES, watch: Watch = unwatched
) -> Surprise:
    """The surprise over random windows of *text*, each read from zero state.

    Raises ValueError for a text shorter than a window.
    """
    network.eval()
    ids = np.array(vocabulary.encode(text), np.int64)
    if len(ids) <= LENGTH:
        raise ValueError(f"the text has {len(ids)} symbols; a window has {LENGTH}")
    rng = np.random.default_rng(0)
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
    network: CharNetwork, vocabulary: Vocabulary, text: str, *, watch: Watch = unwatched
) -> Surprise:
    """The surprise of one pass over *text*, by a copy of the network that makes an SGD step after each segment."""
    learner = deepcopy(network).eval()  # without dropout, but with gradients
    optimizer = torch.optim.SGD(learner.parameters(), lr=DYNAMIC_RATE * SEGMENT)
    text = normalise(text)
    ids = torch.tensor([[0, *vocabulary.encode(text)]])
    state: State | None = None
    nats = 0.0
    for start in range(0, ids.shape[1] - 1, SEGMENT):
        part = ids[:, start : start + SEGMENT + 1]
        logits, after = learner(part[:, :-1], state)
        loss = loss_of(logits, part[:, 1:], torch.ones_like(part[:, 1:], dtype=torch.float))
        nats += loss.item() * (part.shape[1] - 1)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(learner.parameters(), DYNAMIC_CLIP)
        optimizer.step()
        state = [tuple(t.detach() for t in layer) for layer in after]
        watch(start + part.shape[1], ids.shape[1])
    return Surprise(nats, len(text), len(text.encode()))
