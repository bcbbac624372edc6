"""The vocabulary: text to symbols and back, fixed for good per base.

Frequent characters are symbols of their own; every other character is spelled
in its UTF-8 bytes, so any text can be learned and any two versions compared.
`Grammar` keeps a decoder inside valid UTF-8. Knows nothing of networks.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

END = 0
"""The symbol between two poems: what a network reads first and writes last."""
FIRST_BYTE = 1
FIRST_CHARACTER = FIRST_BYTE + 256
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def normalise(text: str) -> str:
    r"""NFC with `\n` line ends; half a surrogate pair becomes U+FFFD."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return unicodedata.normalize("NFC", whole).replace("\r\n", "\n").replace("\r", "\n")


@dataclass(frozen=True)
class Vocabulary:
    """Symbols: `END`, the 256 bytes, then the frequent characters."""

    characters: tuple[str, ...]
    """The characters that are symbols of their own, most frequent first."""
    _ids: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the characters; ValueError on one that is doubled or not one character."""
        if len(set(self.characters)) != len(self.characters):
            raise ValueError("a character stands twice in the vocabulary")
        if any(len(c) != 1 for c in self.characters):
            raise ValueError("a vocabulary holds single characters")
        ids = {c: FIRST_CHARACTER + i for i, c in enumerate(self.characters)}
        object.__setattr__(self, "_ids", ids)

    @classmethod
    def of(cls, texts: Iterable[str], *, at_least: int = 3) -> "Vocabulary":
        """The vocabulary of *texts*: a symbol for each character seen *at_least* so often."""
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(normalise(text))
        frequent = [c for c, n in counts.items() if n >= at_least]
        return cls(tuple(sorted(frequent, key=lambda c: (-counts[c], c))))

    def __len__(self) -> int:
        """How many symbols there are, END and the bytes included."""
        return FIRST_CHARACTER + len(self.characters)

    def encode(self, text: str) -> list[int]:
        """The symbols of *text* after `normalise`; nothing is added at either end."""
        ids: list[int] = []
        for character in normalise(text):
            known = self._ids.get(character)
            if known is None:
                ids.extend(FIRST_BYTE + b for b in character.encode("utf-8"))
            else:
                ids.append(known)
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of *ids*; END says nothing, and broken bytes become U+FFFD."""
        raw = bytearray()
        for i in ids:
            if i >= FIRST_CHARACTER:
                raw += self.characters[i - FIRST_CHARACTER].encode("utf-8")
            elif i >= FIRST_BYTE:
                raw.append(i - FIRST_BYTE)
        return raw.decode("utf-8", "replace")

    def ids_of(self, characters: str) -> list[int]:
        """The symbols of those *characters* that have one of their own."""
        return [self._ids[c] for c in characters if c in self._ids]

    @cached_property
    def grammar(self) -> "Grammar":
        """Which symbols may follow which, so that what is written is UTF-8."""
        return Grammar.of(self)


# What may follow inside a UTF-8 character (RFC 3629, section 4): state -> (low, high, next).
_WITHIN = {
    1: (0x80, 0xBF, 0),  # the last continuation byte
    2: (0x80, 0xBF, 1),
    3: (0x80, 0xBF, 2),
    4: (0xA0, 0xBF, 1),  # after E0: no overlong forms
    5: (0x80, 0x9F, 1),  # after ED: no surrogates
    6: (0x90, 0xBF, 2),  # after F0: no overlong forms
    7: (0x80, 0x8F, 2),  # after F4: nothing past U+10FFFF
}
_LEAD = {0xE0: 4, 0xED: 5, 0xF0: 6, 0xF4: 7}


@dataclass(frozen=True)
class Grammar:
    """A finite automaton over symbols whose words are valid UTF-8; state 0 is between characters."""

    allowed: NDArray[np.bool_]
    """(states, symbols): may this symbol come next?"""
    follows: NDArray[np.int8]
    """(states, symbols): the state after it."""

    @classmethod
    def of(cls, vocabulary: Vocabulary) -> "Grammar":
        """Build the automaton; characters with a symbol of their own are never spelled."""
        allowed = np.zeros((8, len(vocabulary)), np.bool_)
        follows = np.zeros((8, len(vocabulary)), np.int8)
        allowed[0, END] = True
        allowed[0, FIRST_CHARACTER:] = True
        for byte in range(0x20, 0x7F):
            allowed[0, FIRST_BYTE + byte] = chr(byte) not in vocabulary.characters
        for byte in range(0xC2, 0xF5):
            allowed[0, FIRST_BYTE + byte] = True
            plain = 1 if byte < 0xE0 else 2 if byte < 0xF0 else 3
            follows[0, FIRST_BYTE + byte] = _LEAD.get(byte, plain)
        for state, (low, high, then) in _WITHIN.items():
            span = slice(FIRST_BYTE + low, FIRST_BYTE + high + 1)
            allowed[state, span] = True
            follows[state, span] = then
        return cls(allowed, follows)
