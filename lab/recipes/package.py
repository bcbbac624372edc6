"""Package a base voice: write `models/base/{voice}` from what a recipe has trained, or from an existing base.

    python -m lab.recipes.package --voice sibot --release sibot-2026.12.9

Recipes call this themselves; the command is for a changed style or ONNX graph. Holdouts and verse in the folder are
kept. The old folder is removed when the new one is complete.
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
from numpy.typing import NDArray
from safetensors import safe_open

from models import checkpoint, seen
from models.checkpoint import Meta, Style
from models.vocabulary import Vocabulary

SKIM = 8
"""Of long prose, only one run of letters in `SKIM` is kept; all would take more space than the network."""
BASES = Path(__file__).parents[2] / "models" / "base"


@dataclass(frozen=True, slots=True)
class Voice:
    """Settings of a shipped voice that are chosen by hand."""

    title: str
    language: str
    writes: Callable[[str], bool]
    """May this character occur in a poem? Others are banned: the corpus has footnotes, headings and quotation marks."""
    style: Style


def _korean(character: str) -> bool:
    return "가" <= character <= "힣" or character in ",.?!…"


def _english(character: str) -> bool:
    return (character.isascii() and character.isalpha()) or character in ",.;:?!'’-—"


VOICES = {
    "sibot": Voice(
        "시봇",
        "ko",
        _korean,
        Style(temperature=0.65, opening=1.07, nucleus=0.9, shortest=4, longest=32, spell=False, candidates=64, takes=4),
    ),
    "bard": Voice(
        "Bard",
        "en",
        _english,
        Style(temperature=0.75, nucleus=0.9, shortest=8, longest=64, spell=False, candidates=64, takes=4),
    ),
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
    reward: NDArray[Any] | None = None,
) -> Meta:
    """Write the base of *voice*; *read*: texts whose runs of letters count as copied; *skimmed*: one in `SKIM` of them.

    *reward*: what readers prefer; None: only likelihood chooses among candidates.

    Raises KeyError for an unknown voice, ValueError for weights that do not fit the vocabulary.
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
    verse = seen.said(file.read_text(encoding="utf-8") for file in (place / "verse").glob("*.txt"))
    said = np.union1d(verse, seen.said(read))
    written = checkpoint.write(fresh, meta, symbols, tensors, extras=beside, reward=reward, said=said)
    take_place(place, fresh)
    return written


def renew(voice: str, *, release: str = "", bases: Path = BASES) -> Meta:
    """Write the base of *voice* again from its own weights, for a changed ONNX graph or style.

    *release*: its new name, needed when it writes differently; without it the name stays.
    """
    place, fresh = bases / voice, bases / f".{voice}.new"
    old = checkpoint.read(place)
    meta = replace(old.meta, base=release or old.meta.base, style=_with_bans(VOICES[voice], old.vocabulary))
    written = checkpoint.write(fresh, meta, old.vocabulary, old.weights, extras=place, reward=old.reward, said=old.said)
    take_place(place, fresh)
    return written


def architecture_of(weights: Path) -> dict[str, Any]:
    """The architecture that the recipe stored with the weights. KeyError if it did not."""
    with safe_open(weights, "numpy") as opened:
        return dict(loads(opened.metadata()["architecture"]))


def take_place(place: Path, fresh: Path) -> None:
    """Move *fresh* to *place*; what was there is removed last."""
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
    """Write the graph and style of one voice again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voice", choices=sorted(VOICES), required=True)
    parser.add_argument("--release", default="", help="its new name; default: the old one")
    told = parser.parse_args()
    meta = renew(told.voice, release=told.release)
    print(f"{meta.voice}: {meta.base}, {len(meta.files)} files sealed")


if __name__ == "__main__":
    main()
