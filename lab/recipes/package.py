"""Make a base voice of what a recipe has trained.

    python -m lab.recipes.package --voice sibot --release sibot-2026.11 --work FOLDER --stage verse
    python -m lab.recipes.package --voice sibot --renew

Writes `models/base/{voice}` whole, with the holdout and the verse that lie there kept;
what was there before goes only when the new one is complete.
"""

import argparse
import shutil
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from json import loads
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import safe_open

from models import checkpoint, seen
from models.checkpoint import Meta, Style
from models.vocabulary import Vocabulary

SKIM = 8
"""Of the runs of long prose, one in so many is kept: all of them would weigh more than the network."""
BASES = Path(__file__).parents[2] / "models" / "base"


@dataclass(frozen=True, slots=True)
class Voice:
    """What is decided about a shipped voice, not learned."""

    title: str
    language: str
    writes: Callable[[str], bool]
    """May this character stand in a poem? Others are banned: the corpus has footnotes, headings and quotation marks."""
    style: Style


def _korean(character: str) -> bool:
    return "가" <= character <= "힣" or character in ",.?!…"


def _english(character: str) -> bool:
    return (character.isascii() and character.isalpha()) or character in ",.;:?!'’-—"


VOICES = {
    "sibot": Voice("시봇", "ko", _korean, Style(temperature=1.0, nucleus=0.9, shortest=4, longest=32, spell=False)),
    "bard": Voice("Bard", "en", _english, Style(temperature=0.9, nucleus=0.9, shortest=8, longest=64, spell=False)),
}


def package(
    voice: str,
    *,
    release: str,
    weights: Path,
    vocabulary: Path,
    bases: Path = BASES,
    read: Sequence[str] = (),
    skimmed: Sequence[str] = (),
    reranker: bytes | None = None,
) -> Meta:
    """Write the base of *voice*; *read*: texts whose runs of letters count as copied; *skimmed*: one in `SKIM` of them.

    *reranker*: what chooses among its candidates; None: the likeliest are as good as each other.

    KeyError for a voice we have decided nothing about, ValueError for weights that do not fit the vocabulary.
    """
    decided, symbols = VOICES[voice], Vocabulary.of_pieces(loads(vocabulary.read_text(encoding="utf-8")))
    tensors = safetensors.numpy.load_file(weights)
    place, fresh = bases / voice, bases / f".{voice}.new"
    meta = Meta(
        voice=voice,
        title=decided.title,
        language=decided.language,
        base=release,
        architecture=architecture_of(weights),
        reads="poems",
        style=_with_bans(decided, symbols),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    if read or skimmed:
        place.mkdir(parents=True, exist_ok=True)
        whole_runs, few_runs = seen.hashes(read), seen.hashes(skimmed, one_in=SKIM)
        np.save(place / seen.FILE, np.union1d(whole_runs, few_runs))
    beside = place if place.exists() else None
    whole = checkpoint.write(fresh, meta, symbols, tensors, extras=beside, reranker=reranker)
    take_place(place, fresh)
    return whole


def renew(voice: str, *, bases: Path = BASES) -> Meta:
    """Write the base of *voice* once more, from what is in it: after the export has learned a better graph."""
    place, fresh = bases / voice, bases / f".{voice}.new"
    old = checkpoint.read(place)
    whole = checkpoint.write(fresh, old.meta, old.vocabulary, old.weights, extras=place, reranker=old.reranker)
    take_place(place, fresh)
    return whole


def architecture_of(weights: Path) -> dict[str, Any]:
    """What the recipe noted beside the weights. KeyError when it did not."""
    with safe_open(weights, "numpy") as opened:
        return dict(loads(opened.metadata()["architecture"]))


def take_place(place: Path, fresh: Path) -> None:
    """Put *fresh* where *place* is; what was there goes last."""
    if not place.exists():
        fresh.rename(place)
        return
    old = place.with_name(f".{place.name}.old")
    place.rename(old)
    fresh.rename(place)
    shutil.rmtree(old)


def _with_bans(decided: Voice, symbols: Vocabulary) -> Style:
    odd = (c for c in symbols.characters if not (decided.writes(c) or unicodedata.category(c) in ("Zs", "Cc")))
    return replace(decided.style, banned="".join(odd))


def main() -> None:
    """Package one voice."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voice", choices=sorted(VOICES), required=True)
    parser.add_argument("--renew", action="store_true", help="only write its graph anew, from its own weights")
    parser.add_argument("--release", help="name of the base, e.g. sibot-2026.11")
    parser.add_argument("--work", type=Path, help="the recipe's work folder")
    parser.add_argument("--stage", default="verse", help="which of its stages")
    parser.add_argument("--read", type=Path, nargs="*", default=(), help="verse it read: any run of ten is a copy")
    parser.add_argument("--skimmed", type=Path, nargs="*", default=(), help="prose it read: runs of it, to save room")
    args = parser.parse_args()
    if args.renew:
        meta = renew(args.voice)
    elif args.release and args.work:
        weights, vocabulary = args.work / f"{args.stage}.safetensors", args.work / "vocabulary.json"
        read = {"read": args.read, "skimmed": args.skimmed}
        meta = package(args.voice, release=args.release, weights=weights, vocabulary=vocabulary, **read)
    else:
        parser.error("a new base wants --release and --work")
    print(f"{args.voice}: {meta.base}, {len(meta.files)} files sealed")


if __name__ == "__main__":
    main()
