"""The vocabulary: encodes text as symbols and decodes symbols as text. A base has one, which never changes.

Frequent characters are symbols of their own. Every other character is encoded as its UTF-8 bytes, so that a network can
read any text, and any two versions can be compared. At word level frequent words are symbols too, each with the space
before it, and every other word is encoded as its characters. `Grammar` defines the sequences of symbols that decode to
valid UTF-8 and keep words apart.
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
"""The symbol between two poems: the first that a network reads, and the last that it writes."""
FIRST_BYTE = 1
"""The symbol of byte 0; the other bytes follow."""
FIRST_CHARACTER = FIRST_BYTE + 256
"""The symbol of the most frequent character; the other characters and the words follow."""
LETTER = regex.compile(r"[\p{L}\p{M}\p{N}_'’]")
"""A letter of a word; the apostrophe and the underscore count as letters, as in `don't` and `vm_area`."""
WORD = regex.compile(rf" ?{LETTER.pattern}+")
"""A word, with the space before it if there is one."""
PIECE = regex.compile(rf"{WORD.pattern}|.", regex.DOTALL)
"""A piece of a text: a word, or a single character."""


def normalise(text: str) -> str:
    r"""Unicode NFC with `\n` as the line end; an unpaired surrogate becomes U+FFFD."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return unicodedata.normalize("NFC", whole).replace("\r\n", "\n").replace("\r", "\n")


@dataclass(frozen=True)
class Vocabulary:
    """The symbols, in this order: `END`, the 256 bytes, the frequent characters, the frequent words."""

    characters: tuple[str, ...]
    """The characters that are symbols of their own, the most frequent first."""
    words: tuple[str, ...] = ()
    """The words that are symbols of their own, the most frequent first; none at character and byte level."""
    _ids: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Number the pieces. Raises ValueError for a duplicate, for two characters in one, and for what is no word."""
        if len(set(self.characters)) != len(self.characters) or len(set(self.words)) != len(self.words):
            raise ValueError("a character or word stands twice in the vocabulary")
        if any(len(c) != 1 for c in self.characters):
            raise ValueError("a vocabulary's characters are single ones")
        if any(len(word) < 2 or not WORD.fullmatch(word) for word in self.words):
            raise ValueError("a vocabulary's words are made of characters that are letters")
        object.__setattr__(self, "_ids", {piece: FIRST_CHARACTER + i for i, piece in enumerate(self.pieces)})

    @classmethod
    def of(cls, texts: Iterable[str], *, at_least: int = 3, words: int = 0) -> "Vocabulary":
        """The vocabulary of *texts*: the characters that occur *at_least* so often, and the *words* most frequent
        words.
        """
        characters: Counter[str] = Counter()
        pieces: Counter[str] = Counter()
        for text in map(normalise, texts):
            characters.update(text)
            if words:
                pieces.update(piece for piece in PIECE.findall(text) if len(piece) > 1)
        return cls(_frequent(characters, at_least), _frequent(pieces, at_least)[:words])

    @classmethod
    def of_pieces(cls, pieces: Sequence[str]) -> "Vocabulary":
        """The vocabulary with these `pieces`: single characters, then words. Raises ValueError for other input."""
        count = sum(len(piece) == 1 for piece in pieces)
        return cls(tuple(pieces[:count]), tuple(pieces[count:]))

    @property
    def pieces(self) -> tuple[str, ...]:
        """Characters and words in the order of their symbols, the first of which is `FIRST_CHARACTER`."""
        return self.characters + self.words

    def __len__(self) -> int:
        """V, the number of symbols, with END and the bytes."""
        return FIRST_CHARACTER + len(self.characters) + len(self.words)

    def encode(self, text: str) -> list[int]:
        """The symbols of *text* after `normalise`, without END at either end."""
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
        """The symbols of a piece without a symbol of its own: a word's space and characters, or a character's bytes."""
        if len(piece) == 1:
            return [FIRST_BYTE + b for b in piece.encode("utf-8")]
        parts = (" ", piece[1:]) if piece[0] == " " else piece
        return [i for part in parts for i in ([self._ids[part]] if part in self._ids else self._spelled(part))]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of the symbols *ids*. END is left out, and bytes that are not valid UTF-8 become U+FFFD."""
        raw = bytearray()
        for i in ids:
            if i >= FIRST_CHARACTER:
                raw += self._raw[i - FIRST_CHARACTER]
            elif i >= FIRST_BYTE:
                raw.append(i - FIRST_BYTE)
        return raw.decode("utf-8", "replace")

    def ids_of(self, characters: str) -> list[int]:
        """The symbols of *characters*, without those that have no symbol of their own."""
        return [self._ids[c] for c in characters if c in self._ids]

    @cached_property
    def _raw(self) -> list[bytes]:
        return [piece.encode("utf-8") for piece in self.pieces]

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """(V,): characters that begin with each symbol; 0 for END and for the continuation bytes of a character."""
        bytes_ = [not 0x80 <= byte < 0xC0 for byte in range(256)]
        return np.array([0, *bytes_, *map(len, self.pieces)], np.int64)

    @cached_property
    def grammar(self) -> "Grammar":
        """The automaton of valid sequences of symbols."""
        return Grammar.of(self)


def _frequent(counts: Counter[str], at_least: int) -> tuple[str, ...]:
    """The keys that are counted *at_least* so often, the most frequent first."""
    return tuple(sorted((c for c, n in counts.items() if n >= at_least), key=lambda c: (-counts[c], c)))


# The bytes that may come next within a UTF-8 character (RFC 3629, section 4): state -> (lowest, highest, next state).
_WITHIN = {
    1: (0x80, 0xBF, 0),  # the last continuation byte
    2: (0x80, 0xBF, 1),
    3: (0x80, 0xBF, 2),
    4: (0xA0, 0xBF, 1),  # after E0: no overlong forms
    5: (0x80, 0x9F, 1),  # after ED: no surrogates
    6: (0x90, 0xBF, 2),  # after F0: no overlong forms
    7: (0x80, 0x8F, 2),  # after F4: nothing past U+10FFFF
}
_LEAD = {0xE0: 4, 0xED: 5, 0xF0: 6, 0xF4: 7}  # first byte -> next state, where it is not given by the length alone
SPELLING, AFTER_WORD = 8, 9
"""Two more states between characters, for word level. SPELLING is after a letter: a word symbol may follow only with a
space. AFTER_WORD is after a word symbol: a letter may not follow either."""


@dataclass(frozen=True)
class Grammar:
    """A finite automaton over symbols that accepts valid UTF-8. States 0, 8 and 9 are between characters."""

    allowed: NDArray[np.bool_]
    """(10, V): may the symbol come next in this state?"""
    follows: NDArray[np.int8]
    """(10, V): the state after the symbol."""

    @classmethod
    def of(cls, vocabulary: Vocabulary) -> "Grammar":
        """Build the automaton. A character with a symbol of its own must not be spelled in bytes."""
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
    """Forbid word symbols and letters beside one another: they would be a longer word, which is encoded differently."""
    between = [0, SPELLING, AFTER_WORD]
    first_word = FIRST_CHARACTER + len(vocabulary.characters)
    letters = [FIRST_BYTE + byte for byte in range(0x80) if LETTER.match(chr(byte))]
    letters += [FIRST_CHARACTER + i for i, c in enumerate(vocabulary.characters) if LETTER.match(c)]
    touching = [first_word + i for i, word in enumerate(vocabulary.words) if word[0] != " "]
    follows[np.ix_(between, letters)] = SPELLING
    follows[between, first_word:] = AFTER_WORD
    allowed[np.ix_([SPELLING, AFTER_WORD], touching)] = False
    allowed[AFTER_WORD, letters] = False
