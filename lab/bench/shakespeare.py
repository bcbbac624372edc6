"""char-rnn's text as everybody measures it: how well our networks know it, how soon, beside a plain one.

    python -m lab.bench.shakespeare --corpus tinyshakespeare.txt [--only plain,soon,quick,long --short]

Learned are the first nine tenths of the characters, measured is the last. A row is printed as soon as it is known:
wall-clock minutes, processor minutes (the honest ones where others share the machine), and nats a character read
three ways: in one pass with the state carried, in nanoGPT's random windows (its own figure there is 1.4697), and
learning on while reading. `--short` leaves out the last two, which take longer than a short training.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import torch

from app.commands.shell import training_bar
from models.evaluate import surprise_of_stream, surprise_of_windows, surprise_while_learning
from models.make import Order, fresh, learn, stream, vocabulary_of
from models.network import CharNetwork
from models.vocabulary import Vocabulary, normalise

LEARNED = 0.9
"""Share of the text that is read; nanoGPT's."""
NANOGPT = 1.4697
ORDERS: Mapping[str, Order] = {
    # As a textbook has it: no layer adds to the one below.
    "plain": Order(layers=2, residual=False, epochs=4),
    # What `poembot train --epochs 3` trains, all else as it is out of the box: past nanoGPT's figure, and soon.
    "soon": Order(epochs=3),
    # What `poembot train --epochs 4` trains: as many passes as the plain one.
    "quick": Order(epochs=4),
    # What `poembot train --dropout 0.4 --epochs 10` trains: the best that was found.
    "long": Order(dropout=0.4, epochs=10),
}


def halves(text: str) -> tuple[str, str]:
    """What is learned, and what is kept aside."""
    cut = int(LEARNED * len(text))
    return text[:cut], text[cut:]


def teach(name: str, order: Order, text: str, *, short: bool = False) -> dict[str, object]:
    """Train and measure."""
    learned, aside = halves(text)
    vocabulary = vocabulary_of([learned], order.level)
    network = fresh(vocabulary, order)
    clock, processor = time.monotonic(), time.process_time()
    with training_bar(name) as watch:
        network = learn(network, stream([learned], vocabulary), order.plan("cpu"), device="cpu", watch=watch)
    spent = {
        "minutes": round((time.monotonic() - clock) / 60, 2),
        "processor_minutes": round((time.process_time() - processor) / 60, 2),
    }
    return {
        "network": name,
        "params": network.weight_count,
        **spent,
        **_measured(network, vocabulary, aside, short=short),
    }


def _measured(network: CharNetwork, vocabulary: Vocabulary, aside: str, *, short: bool) -> dict[str, object]:
    """Nats a character, by protocol."""
    static = surprise_of_stream(network, vocabulary, aside).nats_per_char
    found: dict[str, object] = {"one_pass": round(static, 4), "passes_nanogpt": static < NANOGPT}
    if not short:
        found["random_windows"] = round(surprise_of_windows(network, vocabulary, aside).nats_per_char, 4)
        found["dynamic"] = round(surprise_while_learning(network, vocabulary, aside).nats_per_char, 4)
    return found


def main() -> None:
    """Print a line of JSON for each network, the plain one first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--only", default=",".join(ORDERS), help="names, parted by commas")
    parser.add_argument("--short", action="store_true", help="measure in one pass only")
    args = parser.parse_args()
    text = normalise(args.corpus.read_text(encoding="utf-8"))
    print(f"{len(text):,} characters, {torch.get_num_threads()} threads", file=sys.stderr)
    for name in args.only.split(","):
        print(json.dumps(teach(name, ORDERS[name], text, short=args.short)), flush=True)


if __name__ == "__main__":
    main()
