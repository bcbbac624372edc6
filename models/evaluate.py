"""Evaluation: how surprised is a network by a text it has never seen?

Bits per character and per byte, so that networks with different symbols can be
compared. Measures only; what is good enough is the gate's business.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch

from models.corpus import Poems, Reading, Stream, poems_in
from models.network import CharNetwork, State
from models.train import loss_of
from models.vocabulary import Vocabulary, normalise

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
    network: CharNetwork, vocabulary: Vocabulary, text: str, reads: Reading, *, watch: Watch = unwatched
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
