"""What a base has read: hashes of n-grams of letters, to find copied lines, and letter n-grams of its words.

Two texts that share ten syllables in a row, or 25 letters of an alphabet, seldom do so by chance. So a set of hashes
finds copied lines, and it does not contain the text. A word with a run of three syllables that no known word has is
seldom a real word. The module imports numpy, not torch.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SYLLABLE_RUN = 10
"""Letters in a row that count as a copy, in scripts whose letters are syllables or words: Hangul, kana, Chinese."""
SPELLED_RUN = 25
"""The same in an alphabet: ten letters of English are only two words, and no copy."""
WIDE = 0x1100
"""Code point of the first Hangul letter: scripts from here on have a syllable or a word in each letter."""
_POWERS = np.array([pow(0x100000001B3, SPELLED_RUN - 1 - i, 2**64) for i in range(SPELLED_RUN)], np.uint64)
"""Falling powers of the multiplier of a polynomial hash modulo 2^64, the last one 1."""
FILE = "seen.npy"
Hashes = NDArray[np.uint32]


def letters(text: str) -> str:
    """Only the letters and digits of *text*, case folded: spacing and punctuation do not hide a copy."""
    return "".join(c for c in unicodedata.normalize("NFC", text).casefold() if c.isalnum())


def runs(text: str) -> Hashes:
    """A hash of each run of `SYLLABLE_RUN` letters in *text*, `SPELLED_RUN` in an alphabet: (number of runs,)."""
    known = letters(text)
    if len(known) < min(SYLLABLE_RUN, SPELLED_RUN):
        return np.zeros(0, np.uint32)
    codes = np.frombuffer(known.encode("utf-32-le"), np.uint32).astype(np.uint64)
    length = SYLLABLE_RUN if 2 * (codes >= WIDE).sum() >= len(codes) else SPELLED_RUN
    if len(codes) < length:
        return np.zeros(0, np.uint32)
    total = np.correlate(codes, _POWERS[-length:])  # modulo 2^64, as integers of numpy overflow
    total ^= total >> np.uint64(29)
    mixed: Hashes = ((total * np.uint64(0xBF58476D1CE4E5B9)) >> np.uint64(32)).astype(np.uint32)
    return mixed


def hashes(texts: Iterable[str], *, one_in: int = 1) -> Hashes:
    """The hashes of all runs in *texts*, sorted, without duplicates.

    *one_in*: keep one of so many hashes, selected by the hash itself (fingerprinting modulo p, Schleimer et al. 2003).
    Long copies are still found, with a fraction of the memory.
    """
    found = _distinct([np.zeros(0, np.uint32), *map(runs, texts)])
    kept: Hashes = found[found % np.uint32(one_in) == 0]
    return kept


def _distinct(parts: Sequence[Hashes]) -> Hashes:
    """All of *parts*, sorted, without duplicates. `np.unique` hashes since NumPy 2.3: fifteen times as long."""
    found: Hashes = np.sort(np.concatenate(parts))
    new = np.ones(len(found), bool)
    new[1:] = found[1:] != found[:-1]
    return found[new]


def shares_a_run(line: str, seen: Hashes) -> bool:
    """Does *line* have a run whose hash is in *seen*, which is sorted?"""
    found = runs(line)
    if not len(found) or not len(seen):
        return False
    places = np.minimum(np.searchsorted(seen, found), len(seen) - 1)
    return bool((seen[places] == found).any())


def said(texts: Iterable[str]) -> Hashes:
    """The hashes of the runs in each line of *texts*, sorted, without duplicates; no run crosses the end of a line."""
    return hashes(line for text in texts for line in text.splitlines())


PART, SPELLED_PART = 3, 5
"""Letters in an n-gram of a word, in scripts of syllables and in an alphabet; each end of the word counts as a
letter."""
EDGE = "|"
"""Stands for an end of the word."""


def parts(word: str) -> set[str]:
    """The letter n-grams of *word*, with its ends."""
    edged = f"{EDGE}{word}{EDGE}"
    length = PART if max(word, default="") >= chr(WIDE) else SPELLED_PART
    return {edged[start : start + length] for start in range(max(1, len(edged) - length + 1))}


def words(text: str) -> list[str]:
    """The words of *text*, case folded, without punctuation and digits."""
    folded = unicodedata.normalize("NFC", text).casefold()
    return "".join(c if c.isalpha() else " " for c in folded).split()


def known_parts(texts: Iterable[str]) -> frozenset[str]:
    """The letter n-grams of all words in *texts*."""
    return frozenset(part for word in {word for text in texts for word in words(text)} for part in parts(word))


def is_strange(word: str, known: frozenset[str]) -> bool:
    """Has *word* an n-gram that is not *known*? Most words that stand in no dictionary have one."""
    return not parts(word) <= known


def of_base(folder: Path) -> Hashes:
    """The hashes of what the base in *folder* has read: its `seen.npy`, and the verse in the folder."""
    texts = [file.read_text(encoding="utf-8") for file in sorted((folder / "verse").glob("*.txt"))]
    kept = np.load(folder / FILE, allow_pickle=False) if (folder / FILE).is_file() else np.zeros(0, np.uint32)
    return _distinct([hashes(texts), kept.astype(np.uint32)])
