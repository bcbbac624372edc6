"""One command a voice: from the texts to the shipped folder. What each voice reads, its own recipe says."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.recipes import rerank, stages
from lab.recipes.package import BASES, package
from models.network import CharNetwork
from models.vocabulary import Vocabulary

LAST = stages.GRADED
"""The stage that ships."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a voice is made."""

    voice: str
    train: Callable[[Path, Path, Path], tuple[CharNetwork, Vocabulary]]
    """(corpus folder, work folder, base folder) -> what ships; resumes what lies in the work folder."""
    read: Callable[[Path], Sequence[str]]
    """Verse of the corpus folder that was read: any run of it counts as copied. Our own lies beside the base."""
    skimmed: Callable[[Path], Sequence[str]]
    """Prose that was read: some of its runs count, to save room."""


def main(recipe: Recipe) -> None:
    """Train, or go on training; then write the base's folder, teach it to choose, and write it whole."""
    parser = argparse.ArgumentParser(description=f"Make the base voice {recipe.voice}.")
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--release", required=True, help=f"name of the base, e.g. {recipe.voice}-2026.12")
    args = parser.parse_args()

    base = BASES / recipe.voice
    _, vocabulary = recipe.train(args.corpus, args.work, base)
    ship = {
        "release": args.release,
        "weights": args.work / f"{LAST}.safetensors",
        "vocabulary": args.work / "vocabulary.json",
        "read": recipe.read(args.corpus),
        "skimmed": recipe.skimmed(args.corpus),
    }
    chosen = args.work / "reranker.onnx"
    if not chosen.exists():
        package(recipe.voice, **ship)  # it chooses among its own lines, so it must write first
        poems = [poem.splitlines() for poem in [*stages.plain_verse(base), *stages.simple_verse(base)]]
        chosen.write_bytes(rerank.make(base, poems, vocabulary))
    meta = package(recipe.voice, **ship, reranker=chosen.read_bytes())
    print(f"{recipe.voice}: {meta.base}, {len(meta.files)} files sealed")
