"""Making a base from any text: what to keep aside, how to train, what to write into its folder.

Running text is read as one stream, verse also poem by poem. Knows no site: a folder
comes of it, and who adopts it is another matter.
"""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import torch

from models import checkpoint, seen
from models.checkpoint import Meta, Style
from models.corpus import Corpus, Stream
from models.network import Architecture, Cell, CharNetwork
from models.train import Plan, Surprised, Training, Watch, bf16_pays, run_until_enough
from models.vocabulary import Vocabulary, normalise

FEWEST = 1000
"""Characters below which there is nothing to learn a language from."""
ASIDE = 20
"""Without a text to validate on, one in so many characters is kept aside, from the end."""
FEWEST_ASIDE, MOST_ASIDE = 1_000, 50_000
"""Of a short text more is kept, up to a tenth: too little says nothing."""
MOST_VERSE = 1_000_000
"""Characters that travel with a base to be rehearsed."""
SAVE_EVERY = 60.0
"""Seconds of training that a crash may cost."""
LANES, STEPS = 32, 64
"""Texts read side by side, and symbols of each between two updates. Twice the symbols are read little faster."""
FLOOR = 0.5
"""Share of the peak rate at the end: the average of the weights settles what a rate that falls to nothing would."""
WINDOW = 64
"""States that a network with attention looks back at: more than a line, less than a poem."""
ENOUGH = 100_000
"""Characters that tell how long symbols are, and which are rare."""
HOLDOUT = "holdout.txt"
MOST_WORDS = 8000
"""Symbols for words, at word level; the softmax over more takes the time that reading in words saves."""
Level = Literal["char", "word", "byte"]


@dataclass(frozen=True, slots=True)
class Order:
    """What kind of network, and how long to train it: `minutes` or `epochs`."""

    cell: Cell = "lstm"
    level: Level = "char"
    layers: int = 3
    size: int = 512
    embedding: int = 256
    residual: bool = True
    attention: int = 0
    dropout: float = 0.3
    weight_dropout: float = 0.0
    minutes: float | None = None
    epochs: int | None = None
    rate: float = 4e-3
    seed: int = 0

    def plan(self, device: str, share: float = 1.0) -> Plan:
        """The plan for *share* of the time."""
        return Plan(
            passes=None if self.epochs is None else max(1, round(self.epochs * share)),
            minutes=None if self.minutes is None else self.minutes * share,
            rate=self.rate,
            floor=FLOOR,
            average=0.999,
            bf16=bf16_pays(device),
            seed=self.seed,
        )


class OtherOrder(ValueError):
    """An unfinished training of another order lies where this one would resume."""


def vocabulary_of(texts: Sequence[str], level: Level) -> Vocabulary:
    """A symbol for each character seen three times, at word level for frequent words too, at byte level for none.

    In a short text twice is enough: half of a Chinese one would be spelled else. Once would teach no spelling.
    """
    if level == "byte":
        return Vocabulary(())
    if level == "word":
        return Vocabulary.of(texts, words=MOST_WORDS)
    return Vocabulary.of(texts, at_least=2 if sum(map(len, texts)) < ENOUGH else 3)


def chars_per_symbol(texts: Sequence[str], vocabulary: Vocabulary) -> float:
    """How many characters a symbol stands for, as the beginning of the texts has it."""
    some = "".join(text[:ENOUGH] for text in texts)[:ENOUGH]
    return len(some) / max(1, len(vocabulary.encode(some)))


def fresh(vocabulary: Vocabulary, order: Order) -> CharNetwork:
    """An untrained network; the same order gives the same weights."""
    torch.manual_seed(order.seed)
    names = ("cell", "layers", "size", "embedding", "residual", "attention")
    architecture = Architecture(len(vocabulary), **{name: getattr(order, name) for name in names})
    return CharNetwork(architecture, dropout=order.dropout, weight_dropout=order.weight_dropout)


def size_for(chars: int) -> int:
    """Units of each layer for so much text: a larger network learns a short one by heart, and slowly."""
    return 128 if chars < 30_000 else 256 if chars < 300_000 else 384


def stream(texts: Sequence[str], vocabulary: Vocabulary) -> Stream:
    """The texts in as many lanes as they are long enough for."""
    steps = STEPS // 2 if vocabulary.words else STEPS  # words are longer: a batch is still about as much text
    room = sum(map(len, texts)) // (2 * STEPS)
    return Stream(texts, vocabulary, lanes=max(1, min(LANES, room)), steps=steps)


def set_aside(text: str) -> tuple[str, str]:
    """*text* without its last part, and that part: a blank line, else a line end, parts them."""
    share = max(len(text) // ASIDE, min(FEWEST_ASIDE, len(text) // 10))
    at = len(text) - min(MOST_ASIDE, share)
    for boundary in ("\n\n", "\n"):
        found = text.find(boundary, at)
        if 0 <= found < len(text) - len(boundary):
            return text[:found] + "\n", text[found:].lstrip("\n")
    return text[:at], text[at:]


def learn(
    network: CharNetwork,
    corpus: Corpus,
    plan: Plan,
    *,
    device: str,
    watch: Watch,
    work: Path | None = None,
    surprised: Surprised | None = None,
) -> CharNetwork:
    """Train to the end of the plan, resuming what lies in *work* and saving there once a minute and when stopped.

    With *surprised*, and without *work*, only until that falls no more.
    """
    training = Training(network, corpus, plan, device=device)
    if work is None:
        return (training.run(watch) if surprised is None else run_until_enough(training, surprised, watch)).cpu()
    training.resume(work)
    saved = time.monotonic()

    def watch_and_save(at: Any) -> None:
        nonlocal saved
        watch(at)
        if time.monotonic() - saved > SAVE_EVERY:
            training.save(work)
            saved = time.monotonic()

    try:
        return training.run(watch_and_save).cpu()
    except KeyboardInterrupt:
        training.save(work)
        raise


def workplace(out: Path, order: Order, texts: Sequence[str]) -> Path:
    """The folder beside *out* where its training is kept until it is done. OtherOrder when another's is there."""
    work = out.parent / f".{out.name}.training"
    work.mkdir(parents=True, exist_ok=True)
    told = hashlib.sha256("\0".join(texts).encode()).hexdigest()
    wanted = json.dumps(asdict(order) | {"text": told}, sort_keys=True)
    kept = work / "order.json"
    if kept.is_file() and kept.read_text(encoding="utf-8") != wanted:
        raise OtherOrder(f"{work} holds an unfinished training with other options or texts; finish or remove it")
    kept.write_text(wanted, encoding="utf-8")
    return work


def style_of(text: str, level: Level) -> Style:
    """How to speak after such a text: lines as long as nearly all of its lines are, few half as short.

    Characters without a symbol it may read, not write: what it saw once or twice is more often a mistake than a find.
    Nor does it write titles, where the text has some and `#` stands nowhere else.
    """
    lengths = [len(line) for line in text.splitlines() if line.strip()] or [4, 40]
    shortest, longest = (int(length) for length in np.percentile(lengths, (5, 95)))
    shortest, longest = max(1, min(20, shortest // 2)), max(8, min(80, longest))
    titles = sum(line.startswith("# ") for line in text.splitlines())
    banned = "#" if titles and text.count("#") == titles else ""
    return Style(shortest=shortest, longest=longest, spell=level == "byte", banned=banned)


def package(
    out: Path, network: CharNetwork, meta: Meta, vocabulary: Vocabulary, *, texts: Sequence[str], aside: str, card: str
) -> Meta:
    """Write the base's folder: network, holdout, verse to rehearse, what it has read, and a model card.

    Raises FileExistsError, OSError, ValueError for weights that are not finite.
    """
    with TemporaryDirectory(prefix="poembot-") as folder:
        extras = Path(folder)
        (extras / "verse").mkdir()
        (extras / HOLDOUT).write_text(normalise(aside)[:MOST_VERSE], encoding="utf-8")
        whole = "\n\n".join(normalise(text) for text in texts)
        (extras / "verse" / "text.txt").write_text(whole[:MOST_VERSE], encoding="utf-8")
        if len(whole) > MOST_VERSE:
            np.save(extras / seen.FILE, seen.hashes(texts), allow_pickle=False)
        (extras / checkpoint.CARD).write_text(card, encoding="utf-8")
        return checkpoint.write(out, meta, vocabulary, network.arrays(), extras=extras)
