"""Which small network learns a text best? They are trained one after the other on the same text.

    python -m lab.bench.compare parts --text FILE… --val FILE [--prose FILE… --size 128 --passes 8 --only char,word]
    python -m lab.bench.compare shakespeare --corpus tinyshakespeare.txt [--only plain,soon --short]

`parts` compares symbols, cells and numbers of layers. Each network reads the text equally often; the measure is bits
per character of the held-out text, read as one stream. With `--prose`, one network reads prose before the text.

`shakespeare` trains char-rnn's text as everybody measures it: on the first nine tenths of the characters, measured on
the last tenth in nats per character. It prints wall-clock minutes and processor minutes; on a machine that others
share, only the second means anything. There are three ways to measure: in one pass with the state carried, in
nanoGPT's random windows (nanoGPT itself has 1.4697 there), and learning on while reading. `--short` leaves out the
last two, which take longer than a short training.
"""

import argparse
import json
import math
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from app.commands.shell import training_bar
from models.evaluate import surprise_of_stream, surprise_of_windows, surprise_while_learning
from models.make import WINDOW, Order, chars_per_symbol, fresh, learn, stream, vocabulary_of
from models.vocabulary import normalise

# -- Symbols, cells and layers ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Contestant:
    """A network to be trained."""

    name: str
    differs: Mapping[str, Any] = field(default_factory=dict)
    """Fields of its order that differ from the first contestant's."""
    spelled: Callable[[str], str] = normalise
    """How a text is spelled for it."""
    prose_first: bool = False
    """Does it read prose before the text?"""


def in_jamo(text: str) -> str:
    """The text with its Hangul syllables split into letters: 봄 as ㅂㅗㅁ."""
    return "".join(_letters(c) if "가" <= c <= "힣" else c for c in normalise(text))


@cache
def _letters(syllable: str) -> str:
    """The letters of a syllable, as compatibility jamo, which `normalise` does not compose again."""
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


def row(contestant: Contestant, plain: Order, texts: Sequence[str], val: str, prose: Sequence[str] = ()) -> str:
    """Train and measure; a row of the table. The vocabulary is the text's, whatever was read before it."""
    spelled = [contestant.spelled(text) for text in texts]
    order = replace(plain, **contestant.differs)
    vocabulary = vocabulary_of(spelled, order.level)
    network = fresh(vocabulary, order)
    began = time.process_time()
    readings = [(prose, replace(order, epochs=1))] if prose and contestant.prose_first else []
    with training_bar(contestant.name, chars_per_symbol(spelled, vocabulary)) as watch:
        for read, how in [*readings, (spelled, order)]:
            network = learn(network, stream(read, vocabulary), how.plan("cpu"), device="cpu", watch=watch)
    minutes = (time.process_time() - began) / 60
    bits = surprise_of_stream(network, vocabulary, contestant.spelled(val)).nats / len(val) / math.log(2)
    longer = len(vocabulary.encode("".join(spelled))) / sum(map(len, texts))
    figures = f"{len(vocabulary):,} | {longer:.2f} | {network.weight_count:,} | {minutes:.1f} | {bits:.3f}"
    return f"| {contestant.name} | {figures} |"


def parts(args: argparse.Namespace) -> None:
    """Print the table, each row as soon as it is known."""
    texts, prose = ([normalise(file.read_text(encoding="utf-8")) for file in some] for some in (args.text, args.prose))
    val = normalise(args.val.read_text(encoding="utf-8"))
    size = args.size
    plain = Order(layers=1, size=size, embedding=min(256, size), dropout=0.2, epochs=args.passes, seed=0)
    print("| network | symbols | symbols a character | parameters | processor minutes | bits a character |")
    print("|---|---|---|---|---|---|")
    for contestant in CONTESTANTS:
        asked_for = contestant.name.startswith(tuple(args.only.split(",")))
        if asked_for and (prose or not contestant.prose_first):
            print(row(contestant, plain, texts, val, prose), flush=True)


# -- Shakespeare ------------------------------------------------------------------------------------------------------

LEARNED = 0.9
"""Share of the text that is trained on; nanoGPT's."""
NANOGPT = 1.4697
"""Nats per character of nanoGPT's own run."""
ORDERS: Mapping[str, Order] = {
    # A textbook's network: no residual connections.
    "plain": Order(layers=2, residual=False, epochs=4),
    # `poembot train --epochs 3`, all else by default: the shortest training that passes nanoGPT's figure.
    "soon": Order(epochs=3),
    # `poembot train --epochs 4`: as many passes as the plain one.
    "quick": Order(epochs=4),
    # `poembot train --dropout 0.4 --epochs 10`: the best that was found.
    "long": Order(dropout=0.4, epochs=10),
}


def halves(text: str) -> tuple[str, str]:
    """The part to train on, and the part to measure on."""
    cut = int(LEARNED * len(text))
    return text[:cut], text[cut:]


def play(name: str, order: Order, text: str, *, short: bool = False) -> dict[str, object]:
    """Train on a text and measure, in nats per character by each protocol."""
    learned, aside = halves(text)
    vocabulary = vocabulary_of([learned], order.level)
    network = fresh(vocabulary, order)
    clock, processor = time.monotonic(), time.process_time()
    with training_bar(name) as watch:
        network = learn(network, stream([learned], vocabulary), order.plan("cpu"), device="cpu", watch=watch)
    minutes, core_minutes = (time.monotonic() - clock) / 60, (time.process_time() - processor) / 60
    one_pass = surprise_of_stream(network, vocabulary, aside).nats_per_char
    found: dict[str, object] = {
        "network": name,
        "params": network.weight_count,
        "minutes": round(minutes, 2),
        "processor_minutes": round(core_minutes, 2),
        "one_pass": round(one_pass, 4),
        "passes_nanogpt": one_pass < NANOGPT,
    }
    if not short:
        found["random_windows"] = round(surprise_of_windows(network, vocabulary, aside).nats_per_char, 4)
        found["dynamic"] = round(surprise_while_learning(network, vocabulary, aside).nats_per_char, 4)
    return found


def shakespeare(args: argparse.Namespace) -> None:
    """Print a line of JSON for each network, the plain one first."""
    text = normalise(args.corpus.read_text(encoding="utf-8"))
    for name in args.only.split(","):
        print(json.dumps(play(name, ORDERS[name], text, short=args.short)), flush=True)


def main() -> None:
    """Run the comparison that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    of_parts = commands.add_parser("parts", help="symbols, cells and layers on your own text")
    of_parts.set_defaults(run=parts)
    of_parts.add_argument("--text", type=Path, nargs="+", required=True)
    of_parts.add_argument("--val", type=Path, required=True)
    of_parts.add_argument("--prose", type=Path, nargs="+", default=[])
    of_parts.add_argument("--size", type=int, default=128)
    of_parts.add_argument("--passes", type=int, default=8)
    of_parts.add_argument("--only", default="", help="first words of the rows' names, separated by commas")
    of_plays = commands.add_parser("shakespeare", help="char-rnn's text, beside nanoGPT's figure")
    of_plays.set_defaults(run=shakespeare)
    of_plays.add_argument("--corpus", type=Path, required=True)
    of_plays.add_argument("--only", default=",".join(ORDERS), help="names, separated by commas")
    of_plays.add_argument("--short", action="store_true", help="measure in one pass only")
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
