"""How `sibot` was made: novels for the language, then verse for the voice, first boldly, then settling.

    python -m lab.recipes.sibot --corpus FOLDER --work FOLDER

The corpus folder holds `ko-prose/` and `ko-poems/`; our own verse lies beside the
base voice. `lab.recipes.package` makes a base voice of the last stage.
"""

import argparse
from pathlib import Path

from lab.recipes.stages import examine, fresh, stage, verse_of, vocabulary_of
from models.corpus import Poems, Stream, read_poems
from models.network import Architecture
from models.train import Plan

BASE = Path(__file__).parents[2] / "models" / "base" / "sibot"
OLD_SPELLING = ("이상.txt", "박용철(번역)_옛표기.txt", "시조_옛표기.txt")
LONGEST_LINE = 40


def old_poets(corpus: Path) -> list[str]:
    """The poets of the 1920s to 40s in modern spelling, without prose poems."""
    files = [f for f in sorted((corpus / "ko-poems").glob("*.txt")) if f.name not in OLD_SPELLING]
    return [p for p in read_poems(*files) if max(map(len, p.splitlines())) <= LONGEST_LINE]


def everything(corpus: Path) -> list[str]:
    """All that is read in the first stage: prose, every poet, and our own verse."""
    prose = [f.read_text(encoding="utf-8") for f in sorted((corpus / "ko-prose").glob("*.txt"))]
    poets = read_poems(*sorted((corpus / "ko-poems").glob("*.txt")))
    return [*prose, *(poem + "\n" for poem in [*poets, *verse_of(BASE)])]


def main() -> None:
    """Train the three stages; prints bits per character on the holdout after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()

    texts, poets, ours = everything(args.corpus), old_poets(args.corpus), verse_of(BASE)
    vocabulary = vocabulary_of(texts, args.work)

    network = fresh(Architecture(len(vocabulary), layers=3, size=448, residual=True), dropout=0.2)
    reading = Stream(texts, vocabulary, lanes=32, steps=64)
    stage("prose", network, reading, Plan(passes=4, rate=4e-3, floor=0.5, average=0.999), args.work)
    examine("prose", network, vocabulary, BASE)

    network.dropout.share = 0.5
    verse = Poems([*ours, *ours, *poets], vocabulary, per_batch=32)
    stage("verse", network, verse, Plan(passes=8, rate=3e-3, floor=0.2, seed=2, average=0.999), args.work)
    examine("verse", network, vocabulary, BASE)
    stage("settled", network, verse, Plan(passes=5, rate=2e-3, seed=3, average=0.999), args.work)
    examine("settled", network, vocabulary, BASE)


if __name__ == "__main__":
    main()
