"""Evaluation: how surprised is a network by a text it has never seen?

Bits per character and per byte, so that networks with different symbols can be
compared. Measures only; what is good enough is the gate's business.
"""

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import nn

from models.corpus import Passage, Poems, ReadingMode, Stream, poems_in, side_by_side
from models.network import CharNetwork, State
from models.train import loss_of
from models.vocabulary import END, Vocabulary, normalise

STEPS = 512
"""Symbols that are read at once; the state is carried on."""
Watch = Callable[[int, int], None]
"""Hears how much has been read, and of how much."""


@dataclass(frozen=True, slots=True)
class Surprise:
    """What a text cost a network."""

    nats: float
    """In all."""
    chars: int
    bytes: int

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
        """The contract's names."""
        rates = {name: round(getattr(self, name), 5) for name in ("bits_per_char", "bits_per_byte", "nats_per_char")}
        return rates | {k: v for k, v in asdict(self).items() if k == "chars"}


def unwatched(_done: int, _of: int) -> None:
    """Nobody is told."""


def surprise_of(
    network: CharNetwork, vocabulary: Vocabulary, text: str, reads: ReadingMode, *, watch: Watch = unwatched
) -> Surprise:
    """What *text* costs a network that *reads* it poem by poem, or as one stream. ValueError for too short a text."""
    if reads == "poems":
        return surprise_of_poems(network, vocabulary, poems_in(text), watch=watch)
    return surprise_of_stream(network, vocabulary, text, watch=watch)


@torch.no_grad()
def surprise_of_stream(
    network: CharNetwork, vocabulary: Vocabulary, text: str, *, steps: int = STEPS, watch: Watch = unwatched
) -> Surprise:
    """One pass over running *text*, the state carried from its first character to its last."""
    network.eval()
    text = normalise(text)
    stream = Stream([text], vocabulary, lanes=1, steps=steps)
    stream_ids = stream.whole()
    state: State | None = None
    nats = 0.0
    for start in range(0, len(stream_ids) - 1, steps):
        ids = torch.from_numpy(stream_ids[start : start + steps + 1])[None]
        logits, state = network(ids[:, :-1], state)
        nats += float(loss_of(logits, ids[:, 1:], torch.ones_like(ids[:, 1:], dtype=torch.float))) * (ids.shape[1] - 1)
        watch(min(start + steps, len(stream_ids)), len(stream_ids))
    return Surprise(nats, len(text), len(text.encode()))


@torch.no_grad()
def surprise_of_poems(
    network: CharNetwork, vocabulary: Vocabulary, poems: Sequence[str], *, steps: int = STEPS, watch: Watch = unwatched
) -> Surprise:
    """Each poem from silence to its END, state carried within; its characters are those of poem and line end, and
    the blank line after it (END).
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


AT_ONCE = 64
"""Texts that `nats_of` reads side by side."""


def unheard(_share: float) -> None:
    """Nobody is told."""


@torch.no_grad()
def nats_of(
    network: CharNetwork,
    vocabulary: Vocabulary,
    passages: Sequence[Passage],
    *,
    watch: Callable[[float], None] = unheard,
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


@torch.no_grad()
def nats_of_lines(network: CharNetwork, vocabulary: Vocabulary, poems: Sequence[Sequence[str]]) -> list[list[float]]:
    """Nats of each line of each poem where it stands, its line end included; each poem is read once, from silence."""
    network.eval()
    encoded = [[vocabulary.encode(f"{line}\n") for line in lines] for lines in poems]
    read = [[END, *(symbol for line in lines for symbol in line)] for lines in encoded]
    order = sorted(range(len(read)), key=lambda i: len(read[i]))
    found: list[list[float]] = [[] for _ in poems]
    for start in range(0, len(order), AT_ONCE):
        group = order[start : start + AT_ONCE]
        ids = torch.full((len(group), len(read[group[-1]])), END)  # (N, T + 1), filled up with END on the right
        for row, i in enumerate(group):
            ids[row, : len(read[i])] = torch.tensor(read[i])
        logits, _ = network(ids[:, :-1], None)  # (N, T, V)
        each = nn.functional.cross_entropy(logits.transpose(1, 2).float(), ids[:, 1:], reduction="none")  # (N, T)
        for row, i in enumerate(group):
            sizes = [len(line) for line in encoded[i]]
            parts = torch.split(each[row, : sum(sizes)], sizes)
            found[i] = [float(part.sum()) for part in parts]
    return found


# Other protocols, for comparisons with published figures; reported apart from the project's own. `surprise_of_windows`
# is nanoGPT's: random windows of fixed length, each from zero state. `surprise_while_learning` goes on learning from
# what it has just read (Krause et al. 2018), so it is no measure of the network alone.

BATCHES, WINDOWS, LENGTH = 200, 64, 256
"""nanoGPT's `eval_iters`, `batch_size` and `block_size` for characters."""
SEGMENT = 32
"""Symbols that a dynamic evaluation reads before it learns from them."""
DYNAMIC_RATE = 0.002
"""Its learning rate, for each symbol."""
DYNAMIC_CLIP = 1.0
"""Largest gradient norm of a dynamic evaluation."""


@torch.no_grad()
def surprise_of_windows(
    network: CharNetwork, vocabulary: Vocabulary, text: str, *, batches: int = BATCHES, watch: Watch = unwatched
) -> Surprise:
    """Random windows of *text*, the state zero at the start of each. ValueError for a text shorter than a window."""
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
    """One pass over *text* by a copy of the network that takes a step of SGD after each segment it was measured on."""
    learner = deepcopy(network).eval()  # no dropout; gradients all the same
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
