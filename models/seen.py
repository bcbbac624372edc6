"""What a base has read: hashed runs of its texts' letters, to tell a copied line from one's own.

Ten syllables in a row, or as much in an alphabet, are more than chance brings together; their
hashes say whether a line was read without giving the text away. Knows numpy, not torch.
"""

import unicodedata
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RUN = 10
"""Letters in a row that make a copy where a letter is a syllable or a word: Hangul, kana, Chinese."""
SPELLED_RUN = 25
"""The same in an alphabet: ten letters of English are two words, which everybody has said."""
WIDE = 0x1100
"""Scripts from Hangul on have a syllable or a word in each letter."""
FILE = "seen.npy"
Hashes = NDArray[np.uint32]


def letters(text: str) -> str:
    """The letters and digits of *text* alone, case folded: what a copy can't hide behind spacing and marks."""
    return "".join(c for c in unicodedata.normalize("NFC", text).casefold() if c.isalnum())


def runs(text: str) -> Hashes:
    """A hash for each run of letters of *text* that makes a copy in its script; none for a shorter text."""
    codes = np.frombuffer(letters(text).encode("utf-32-le"), np.uint32).astype(np.uint64)
    length = RUN if 2 * (codes >= WIDE).sum() >= len(codes) else SPELLED_RUN
    if len(codes) < length:
        return np.zeros(0, np.uint32)
    total = np.zeros(len(codes) - length + 1, np.uint64)
    for offset in range(length):
        total = total * np.uint64(0x100000001B3) + codes[offset : offset + len(total)]
    total ^= total >> np.uint64(29)
    mixed: Hashes = ((total * np.uint64(0xBF58476D1CE4E5B9)) >> np.uint64(32)).astype(np.uint32)
    return mixed


def hashes(texts: Iterable[str], *, one_in: int = 1) -> Hashes:
    """The runs of all *texts*, sorted, each once.

    *one_in*: keep only so many of them, chosen by the hash itself (winnowing, Schleimer et al. 2003): long copies
    from a long text are still found, in a fraction of the room.
    """
    found: Hashes = np.unique(np.concatenate([np.zeros(0, np.uint32), *map(runs, texts)]))
    kept: Hashes = found[found % np.uint32(one_in) == 0]
    return kept


def shares_a_run(line: str, seen: Hashes) -> bool:
    """Does *line* hold so many letters in a row that stand in *seen* (sorted)?"""
    found = runs(line)
    if not len(found) or not len(seen):
        return False
    places = np.minimum(np.searchsorted(seen, found), len(seen) - 1)
    return bool((seen[places] == found).any())


def of_base(folder: Path) -> Hashes:
    """What the base in *folder* has read: its `seen.npy`, and the verse that lies beside it."""
    texts = [file.read_text(encoding="utf-8") for file in sorted((folder / "verse").glob("*.txt"))]
    kept = np.load(folder / FILE, allow_pickle=False) if (folder / FILE).is_file() else np.zeros(0, np.uint32)
    return np.union1d(hashes(texts), kept.astype(np.uint32))
