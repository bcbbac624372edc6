"""What a symbol, a cell and a layer are worth: small networks taught the same text, one after the other.

    python -m lab.bench.compare --text FILE… --val FILE [--prose FILE… --size 128 --passes 8 --only char,word]

Each reads the text as often, and all are measured in bits a character of the same held-out text,
read as one stream. Jamo are symbols here only: syllables are taken apart before a text is read.
With `--prose`, one of them reads that once before it comes to the text.
"""

import argparse
import math
import sys
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from app.commands.shell import training_bar
from models.evaluate import surprise_of_stream
from models.make import WINDOW, Order, chars_per_symbol, fresh, learn, stream, vocabulary_of
from models.vocabulary import normalise


@dataclass(frozen=True, slots=True)
class Contestant:
    """A network to be taught."""

    name: str
    differs: Mapping[str, Any] = field(default_factory=dict)
    """In what its order is another than the first one's."""
    spelled: Callable[[str], str] = normalise
    """A text as it reads it."""
    prose_first: bool = False
    """Does it read prose before the text?"""


def in_jamo(text: str) -> str:
    """Its syllables as letters: 봄 as ㅂㅗㅁ."""
    return "".join(_letters(c) if "가" <= c <= "힣" else c for c in normalise(text))


@cache
def _letters(syllable: str) -> str:
    """A syllable's letters, as letters of their own, which `normalise` does not put together again."""
    names = (unicodedata.name(part).split(" ", 2)[2] for part in unicodedata.normalize("NFD", syllable))
    return "".join(unicodedata.lookup(f"HANGUL LETTER {name}") for name in names)


CONTESTANTS = (
    Contestant("char, lstm, 1 layer"),
    Contestant("byte", {"level": "byte"}),
    Contestant("word", {"level": "word"}),
    Contestant("jamo", spelled=in_jamo),
    Contestant("gru", {"cell": "gru"}),
    Contestant("rnn", {"cell": "rnn"}),
    Contestant("2 layers", {"layers": 2}),
    Contestant("3 layers", {"layers": 3}),
    Contestant("attention", {"attention": WINDOW}),
    Contestant("prose first", prose_first=True),
)


def teach(contestant: Contestant, plain: Order, texts: Sequence[str], val: str, prose: Sequence[str] = ()) -> str:
    """Train and measure; a row of the table. Symbols are the text's, whatever was read before."""
    spelled = [contestant.spelled(text) for text in texts]
    order = replace(plain, **contestant.differs)
    vocabulary = vocabulary_of(spelled, order.level)
    network = fresh(vocabulary, order)
    began = time.process_time()
    lessons = [(prose, replace(order, epochs=1))] if prose and contestant.prose_first else []
    with training_bar(contestant.name, chars_per_symbol(spelled, vocabulary)) as watch:
        for read, how in [*lessons, (spelled, order)]:
            network = learn(network, stream(read, vocabulary), how.plan("cpu"), device="cpu", watch=watch)
    minutes = (time.process_time() - began) / 60
    bits = surprise_of_stream(network, vocabulary, contestant.spelled(val)).nats / len(val) / math.log(2)
    longer = len(vocabulary.encode("".join(spelled))) / sum(map(len, texts))
    told = f"{len(vocabulary):,} | {longer:.2f} | {network.weight_count:,} | {minutes:.1f} | {bits:.3f}"
    return f"| {contestant.name} | {told} |"


def main() -> None:
    """Print the table, a row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, nargs="+", required=True)
    parser.add_argument("--val", type=Path, required=True)
    parser.add_argument("--prose", type=Path, nargs="+", default=[])
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--passes", type=int, default=8)
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="beginnings of the names, parted by commas")
    args = parser.parse_args()
    texts, prose = ([normalise(file.read_text(encoding="utf-8")) for file in some] for some in (args.text, args.prose))
    val = normalise(args.val.read_text(encoding="utf-8"))
    plain = Order(
        layers=1,
        size=args.size,
        embedding=min(256, args.size),
        dropout=args.dropout,
        epochs=args.passes,
        seed=args.seed,
    )
    print(f"{sum(map(len, texts)):,} characters, {args.passes} passes, {args.size} units", file=sys.stderr)
    print("| network | symbols | symbols a character | parameters | processor minutes | bits a character |")
    print("|---|---|---|---|---|---|")
    for contestant in CONTESTANTS:
        asked_for = contestant.name.startswith(tuple(args.only.split(",")))
        if asked_for and (prose or not contestant.prose_first):
            print(teach(contestant, plain, texts, val, prose), flush=True)


if __name__ == "__main__":
    main()
