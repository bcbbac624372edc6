"""The vocabulary: text to symbols and back, fixed for good per base.

Frequent characters are symbols of their own; every other character is spelled
in its UTF-8 bytes, so any text can be learned and any two versions compared.
At word level frequent words are symbols too, each with the space before it, and
every other word is spelled in characters. `Grammar` keeps a decoder inside valid
UTF-8, and words apart. Knows nothing of networks.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import regex
from numpy.typing import NDArray

END = 0
"""The symbol between two poems: what a network reads first and writes last."""
FIRST_BYTE = 1
FIRST_CHARACTER = FIRST_BYTE + 256
LETTER = regex.compile(r"[\p{L}\p{M}\p{N}_'’]")
"""What words are made of; the apostrophe and the underscore belong to them, as in `don't` and `vm_area`."""
WORD = regex.compile(rf" ?{LETTER.pattern}+")
PIECE = regex.compile(rf"{WORD.pattern}|.", regex.DOTALL)
"""A text is words, each with the one space before it, and single characters between them."""


def normalise(text: str) -> str:
    r"""NFC with `\n` line ends; half a surrogate pair becomes U+FFFD."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return unicodedata.normalize("NFC", whole).replace("\r\n", "\n").replace("\r", "\n")


@dataclass(frozen=True)
class Vocabulary:
    """Symbols: `END`, the 256 bytes, the frequent characters, then the frequent words."""

    characters: tuple[str, ...]
    """The characters that are symbols of their own, most frequent first."""
    words: tuple[str, ...] = ()
    """The words that are, with the space before them where one stood; none at character and byte level."""
    _ids: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the pieces; ValueError on one that is doubled, no single character, or no word."""
        if len(set(self.characters)) != len(self.characters) or len(set(self.words)) != len(self.words):
            raise ValueError("a character or word stands twice in the vocabulary")
        if any(len(c) != 1 for c in self.characters):
            raise ValueError("a vocabulary's characters are single ones")
        if any(len(word) < 2 or not WORD.fullmatch(word) for word in self.words):
            raise ValueError("a vocabulary's words are made of characters that are letters")
        object.__setattr__(self, "_ids", {piece: FIRST_CHARACTER + i for i, piece in enumerate(self.pieces)})

    @classmethod
    def of(cls, texts: Iterable[str], *, at_least: int = 3, words: int = 0) -> "Vocabulary":
        """The vocabulary of *texts*: what is seen *at_least* so often; of words only the first *words*."""
        characters: Counter[str] = Counter()
        pieces: Counter[str] = Counter()
        for text in map(normalise, texts):
            characters.update(text)
            if words:
                pieces.update(piece for piece in PIECE.findall(text) if len(piece) > 1)
        return cls(_frequent(characters, at_least), _frequent(pieces, at_least)[:words])

    @classmethod
    def of_pieces(cls, pieces: Sequence[str]) -> "Vocabulary":
        """The vocabulary whose `pieces` these are: single characters, then words. ValueError for anything else."""
        count = sum(len(piece) == 1 for piece in pieces)
        return cls(tuple(pieces[:count]), tuple(pieces[count:]))

    @property
    def pieces(self) -> tuple[str, ...]:
        """Characters and words in the order of their symbols, the first of which is `FIRST_CHARACTER`."""
        return self.characters + self.words

    def __len__(self) -> int:
        """How many symbols there are, END and the bytes included."""
        return FIRST_CHARACTER + len(self.characters) + len(self.words)

    def encode(self, text: str) -> list[int]:
        """The symbols of *text* after `normalise`; nothing is added at either end."""
        text = normalise(text)
        ids: list[int] = []
        for piece in PIECE.findall(text) if self.words else text:
            known = self._ids.get(piece)
            if known is None:
                ids.extend(self._spelled(piece))
            else:
                ids.append(known)
        return ids

    def _spelled(self, piece: str) -> list[int]:
        """The symbols of a piece that has none of its own: space and word, the word's characters, their bytes."""
        if len(piece) == 1:
            return [FIRST_BYTE + b for b in piece.encode("utf-8")]
        parts = (" ", piece[1:]) if piece[0] == " " else piece
        return [i for part in parts for i in ([self._ids[part]] if part in self._ids else self._spelled(part))]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of *ids*; END says nothing, and broken bytes become U+FFFD."""
        raw = bytearray()
        for i in ids:
            if i >= FIRST_CHARACTER:
                raw += self._raw[i - FIRST_CHARACTER]
            elif i >= FIRST_BYTE:
                raw.append(i - FIRST_BYTE)
        return raw.decode("utf-8", "replace")

    def ids_of(self, characters: str) -> list[int]:
        """The symbols of those *characters* that have one of their own."""
        return [self._ids[c] for c in characters if c in self._ids]

    @cached_property
    def _raw(self) -> list[bytes]:
        return [piece.encode("utf-8") for piece in self.pieces]

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """(V,): characters that begin with each symbol; none with END and the later bytes of a character."""
        bytes_ = [not 0x80 <= byte < 0xC0 for byte in range(256)]
        return np.array([0, *bytes_, *map(len, self.pieces)], np.int64)

    @cached_property
    def grammar(self) -> "Grammar":
        """Which symbols may follow which, so that what is written is UTF-8."""
        return Grammar.of(self)


def _frequent(counts: Counter[str], at_least: int) -> tuple[str, ...]:
    """Those counted *at_least* so often, the most frequent first."""
    return tuple(sorted((c for c, n in counts.items() if n >= at_least), key=lambda c: (-counts[c], c)))


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
SPELLING, AFTER_WORD = 8, 9
"""Two more states between characters, at word level: after a letter, where no word begins without a space; after a
word that is a symbol, where no letter follows either."""


@dataclass(frozen=True)
class Grammar:
    """A finite automaton over symbols whose words are valid UTF-8; states 0, 8 and 9 are between characters."""

    allowed: NDArray[np.bool_]
    """(states, symbols): may this symbol come next?"""
    follows: NDArray[np.int8]
    """(states, symbols): the state after it."""

    @classmethod
    def of(cls, vocabulary: Vocabulary) -> "Grammar":
        """Build the automaton; characters with a symbol of their own are never spelled."""
        allowed = np.zeros((10, len(vocabulary)), np.bool_)
        follows = np.zeros((10, len(vocabulary)), np.int8)
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
        allowed[SPELLING:], follows[SPELLING:] = allowed[0], follows[0]
        if vocabulary.words:
            _keep_words_apart(vocabulary, allowed, follows)
        return cls(allowed, follows)


def _keep_words_apart(vocabulary: Vocabulary, allowed: NDArray[np.bool_], follows: NDArray[np.int8]) -> None:
    """Words and letters that touch would be another word, which has a spelling of its own."""
    between = [0, SPELLING, AFTER_WORD]
    first_word = FIRST_CHARACTER + len(vocabulary.characters)
    letters = [FIRST_BYTE + byte for byte in range(0x80) if LETTER.match(chr(byte))]
    letters += [FIRST_CHARACTER + i for i, c in enumerate(vocabulary.characters) if LETTER.match(c)]
    touching = [first_word + i for i, word in enumerate(vocabulary.words) if word[0] != " "]
    follows[np.ix_(between, letters)] = SPELLING
    follows[between, first_word:] = AFTER_WORD
    allowed[np.ix_([SPELLING, AFTER_WORD], touching)] = False
    allowed[AFTER_WORD, letters] = False
