"""How `bard` was made: four centuries of English verse, then our own, which is today's.

    python -m lab.recipes.bard --corpus FOLDER --work FOLDER

The corpus folder holds `en-poems/`; our own verse lies beside the base voice.
"""

import argparse
from pathlib import Path

from lab.recipes.stages import examine, fresh, stage, verse_of, vocabulary_of
from models.corpus import Poems, Stream, read_poems
from models.network import Architecture
from models.train import Plan

BASE = Path(__file__).parents[2] / "models" / "base" / "bard"
LONGEST_LINE = 64
OURS = 3
"""Times our verse is read per pass: there is little of it, and it sets the tone."""


def everything(corpus: Path) -> list[str]:
    """All that is read in the first stage: four centuries of poets, and our own verse."""
    poets = read_poems(*sorted((corpus / "en-poems").glob("*.txt")))
    return [poem + "\n" for poem in [*poets, *verse_of(BASE)]]


def main() -> None:
    """Train both stages; prints bits per character on the holdout after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()

    texts, ours = everything(args.corpus), verse_of(BASE)
    vocabulary = vocabulary_of(texts, args.work, at_least=20)

    network = fresh(Architecture(len(vocabulary), layers=3, size=448, residual=True), dropout=0.2)
    reading = Stream(texts, vocabulary, lanes=32, steps=128)
    stage("poets", network, reading, Plan(passes=4, rate=4e-3, average=0.999), args.work)
    examine("poets", network, vocabulary, BASE)

    network.dropout.share = 0.4
    poets = read_poems(*sorted((args.corpus / "en-poems").glob("*.txt")))
    short = [p for p in poets if len(p) <= 900 and max(map(len, p.splitlines())) <= LONGEST_LINE]
    verse = Poems([*(ours * OURS), *short], vocabulary, per_batch=32, longest=400)
    stage("verse", network, verse, Plan(passes=5, rate=2e-3, seed=1, average=0.999), args.work)
    examine("verse", network, vocabulary, BASE)


if __name__ == "__main__":
    main()
