"""Making a base from any text: vocabulary, network, validation text, training, and the folder of the base.

For `poembot train` and `poembot voice add` (`app/commands/`), and for the benches.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
import torch

from models import checkpoint, seen
from models.checkpoint import Meta, Style
from models.corpus import Corpus, Stream
from models.network import Architecture, Cell, CharNetwork
from models.train import Plan, Surprised, Training, Watch, bf16_pays, run_until_enough
from models.vocabulary import Vocabulary, normalise

FEWEST_CHARACTERS = 1000
"""Least number of characters of a training text."""
ASIDE = 20
"""The last 1/ASIDE of a text is the validation text, if no other is given."""
FEWEST_ASIDE, MOST_ASIDE = 1_000, 50_000
"""Least and greatest number of characters of that validation text; but never more than a tenth of the text."""
MOST_VERSE = 1_000_000
"""Characters of its training text that a base carries, for rehearsal."""
SAVE_EVERY = 60.0
"""Seconds between two saves: the training time that a crash may cost."""
LANES, STEPS = 32, 64
"""Lanes of a batch, and symbols of each. With twice the symbols training is hardly faster."""
FLOOR = 0.5
"""Learning rate at the end, as a share of the peak. It need not fall further, because the weights are averaged."""
WINDOW = 64
"""Window of attention, in symbols: more than a line, less than a poem."""
ENOUGH = 100_000
"""Characters of a text that are enough to estimate frequencies."""
HOLDOUT = "holdout.txt"
"""Name of the file with the validation text, in the base's folder."""
MOST_WORDS = 8000
"""Words with a symbol of their own, at word level. With more, the softmax takes the time that words save."""
Level = Literal["char", "word", "byte"]
"""What symbols stand for."""


@dataclass(frozen=True, slots=True)
class Order:
    """The architecture and the training of a base. Either `minutes` or `epochs` sets the length of the training."""

    cell: Cell = "lstm"
    level: Level = "char"
    layers: int = 3
    size: int = 512
    embedding: int = 256
    residual: bool = True
    attention: int = 0
    dropout: float = 0.3
    minutes: float | None = None
    epochs: int | None = None
    rate: float = 4e-3
    seed: int = 0

    def plan(self, device: str, share: float = 1.0) -> Plan:
        """The plan for *share* of the training, 0 to 1."""
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
    """An unfinished training with another order or other texts is in the folder where this one would resume."""


def vocabulary_of(texts: Sequence[str], level: Level) -> Vocabulary:
    """The vocabulary for *texts*: at byte level without characters, at word level with frequent words too.

    A character needs three occurrences, or two in a short text: half of a short Chinese text would be spelled in bytes
    otherwise. One occurrence is too few, because then the network would never see a byte.
    """
    if level == "byte":
        return Vocabulary(())
    if level == "word":
        return Vocabulary.of(texts, words=MOST_WORDS)
    return Vocabulary.of(texts, at_least=2 if sum(map(len, texts)) < ENOUGH else 3)


def chars_per_symbol(texts: Sequence[str], vocabulary: Vocabulary) -> float:
    """The mean number of characters of a symbol, measured on the beginning of *texts*."""
    some = "".join(text[:ENOUGH] for text in texts)[:ENOUGH]
    return len(some) / max(1, len(vocabulary.encode(some)))


def fresh(vocabulary: Vocabulary, order: Order) -> CharNetwork:
    """An untrained network; the same order gives the same weights."""
    torch.manual_seed(order.seed)
    architecture = Architecture(
        symbols=len(vocabulary),
        cell=order.cell,
        layers=order.layers,
        size=order.size,
        embedding=order.embedding,
        residual=order.residual,
        attention=order.attention,
    )
    return CharNetwork(architecture, dropout=order.dropout)


def size_for(chars: int) -> int:
    """Units of each layer for a text of that many characters: a larger network would memorise a short text, slowly."""
    return 128 if chars < 30_000 else 256 if chars < 300_000 else 384


def stream(texts: Sequence[str], vocabulary: Vocabulary) -> Stream:
    """The texts as a `Stream`, with fewer than `LANES` lanes if they are short."""
    steps = STEPS // 2 if vocabulary.words else STEPS  # words are longer, so a batch has about as many characters
    room = sum(map(len, texts)) // (2 * STEPS)
    return Stream(texts, vocabulary, lanes=max(1, min(LANES, room)), steps=steps)


def set_aside(text: str) -> tuple[str, str]:
    """Split *text* into a training text and a validation text, its last part; at a blank line or at a line end."""
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
    """Train to the end of the plan; returns the network on the CPU. Raises Diverged, and what *watch* raises.

    *work*: a folder; the training resumes from there and is saved there every minute and on Ctrl-C. *surprised*: for
    early stopping, only without *work*.
    """
    training = Training(network, corpus, plan, device=device)
    if work is None:
        return (training.run(watch) if surprised is None else run_until_enough(training, surprised, watch)).cpu()
    try:
        return training.run_saving(work, watch, every=SAVE_EVERY).cpu()
    except KeyboardInterrupt:
        training.save(work)
        raise


def workplace(out: Path, order: Order, texts: Sequence[str]) -> Path:
    """The folder beside *out* in which its training is saved until it is done. Raises OtherOrder."""
    work = out.parent / f".{out.name}.training"
    work.mkdir(parents=True, exist_ok=True)
    text_hash = hashlib.sha256("\0".join(texts).encode()).hexdigest()
    wanted = json.dumps(asdict(order) | {"text": text_hash}, sort_keys=True)
    kept = work / "order.json"
    if kept.is_file() and kept.read_text(encoding="utf-8") != wanted:
        raise OtherOrder(f"{work} holds an unfinished training with other options or texts; finish or remove it")
    kept.write_text(wanted, encoding="utf-8")
    return work


def style_of(text: str, level: Level) -> Style:
    """The style of a base that was trained on *text*.

    Its lines have at most the length of the 95th percentile of the text's lines, and at least half of the 5th. It does
    not write characters without a symbol: a character that was seen once or twice is often a mistake. If `#` stands
    only before titles, it does not write `#`.
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
    """Write the base's folder: the version, the holdout, the verse for rehearsal, `seen.npy` and a model card.

    *texts*: it was trained on; *aside*: the validation text. Raises FileExistsError, OSError, ValueError for weights
    that are not finite.
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
