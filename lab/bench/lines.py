"""What a voice's temperature and nucleus do to its lines: how its default style was chosen.

    python -m lab.bench.lines --folder models/base/sibot [--lines 3000 --temperatures 0.9,1.0 --nuclei 0.85,0.9]

A row for each pair of settings, by the site's own engine. Real words are those that hunspell knows (Korean, English);
distinct pairs are syllables next to each other, distinct words for other scripts, among the first 20,000.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from statistics import median

from app.domain.poem import LINES
from app.engine.live import LiveVersion, load
from app.store.voices import Serving
from lab.simulate.measures import pieces, real_words
from models import checkpoint, seen
from worker.trainer import dream

ROWS = 64
PIECES = 20_000
HEAD = ("temperature", "nucleus", "real words", "distinct pairs", "distinct lines", "copied", "median", "longest")


def figures(lines: Sequence[str], language: str, read: seen.Hashes) -> list[str]:
    """What is measured of *lines*, as the cells of a row after the settings."""
    said, sizes = pieces(lines)[:PIECES], [len(seen.letters(line)) for line in lines]
    copied = sum(seen.shares_a_run(line, read) for line in lines) / len(lines)
    shares = (real_words(lines, language), len(set(said)) / len(said), len(set(lines)) / len(lines))
    return [*(f"{share:.3f}" for share in shares), f"{copied:.4f}", f"{median(sizes):g}", str(max(sizes))]


def written(live: LiveVersion, lines: int, temperature: float, nucleus: float) -> list[str]:
    """So many lines with those settings."""
    bold = replace(live, style=replace(live.style, temperature=temperature, nucleus=nucleus))
    poems = list(dream(bold, -(-lines // LINES), seed=1))
    return [line for poem in poems for line, _ in poem][:lines]


def main() -> None:
    """Print the table, a row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--lines", type=int, default=3000)
    parser.add_argument("--temperatures", default="")
    parser.add_argument("--nuclei", default="")
    args = parser.parse_args()
    found = checkpoint.read(args.folder)
    meta, read = found.meta, seen.of_base(args.folder)
    live = load(Serving(meta.voice, 0, 0, "base", meta.base), args.folder, precision="int8", rows=ROWS, threads=1)
    print("| " + " | ".join(HEAD) + " |\n|" + "---|" * len(HEAD))
    for heat, nucleus in product(
        _numbers(args.temperatures) or [meta.style.temperature], _numbers(args.nuclei) or [meta.style.nucleus]
    ):
        cells = [f"{heat:g}", f"{nucleus:g}", *figures(written(live, args.lines, heat, nucleus), meta.language, read)]
        print("| " + " | ".join(cells) + " |", flush=True)
    print(f"{args.lines} lines each of {meta.base}", file=sys.stderr)


def _numbers(told: str) -> list[float]:
    return [float(each) for each in told.split(",") if each]


if __name__ == "__main__":
    main()
