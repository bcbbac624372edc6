"""What a base has read: hashed runs of its texts' letters, and how its words are built.

Ten syllables in a row, or as much in an alphabet, are more than chance brings together: their hashes tell a copied line
from one's own without giving the text away. Three syllables of a word that stand in none of its words are seldom a
word. Knows numpy, not torch.
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


def said(texts: Iterable[str]) -> Hashes:
    """The runs of each line of *texts*, sorted, each once: none goes over a line's end, as a copied line does not."""
    return hashes(line for text in texts for line in text.splitlines())


PART, SPELLED_PART = 3, 5
"""Letters in a row by which the build of a word is known, where a letter is a syllable, and in an alphabet; its ends
count as letters."""
EDGE = "|"


def parts(word: str) -> set[str]:
    """The runs of letters of *word*, ends included, by which its build is known."""
    edged = f"{EDGE}{word}{EDGE}"
    length = PART if max(word, default="") >= chr(WIDE) else SPELLED_PART
    return {edged[start : start + length] for start in range(max(1, len(edged) - length + 1))}


def words(text: str) -> list[str]:
    """The words of *text*, case folded, without marks and digits."""
    told = unicodedata.normalize("NFC", text).casefold()
    return "".join(c if c.isalpha() else " " for c in told).split()


def known_parts(texts: Iterable[str]) -> frozenset[str]:
    """The parts of all words of *texts*."""
    return frozenset(part for word in {word for text in texts for word in words(text)} for part in parts(word))


def is_strange(word: str, known: frozenset[str]) -> bool:
    """Is *word* built like none of the known ones? Of the words that no dictionary has most are."""
    return not parts(word) <= known


def of_base(folder: Path) -> Hashes:
    """What the base in *folder* has read: its `seen.npy`, and the verse that lies beside it."""
    texts = [file.read_text(encoding="utf-8") for file in sorted((folder / "verse").glob("*.txt"))]
    kept = np.load(folder / FILE, allow_pickle=False) if (folder / FILE).is_file() else np.zeros(0, np.uint32)
    return np.union1d(hashes(texts), kept.astype(np.uint32))
