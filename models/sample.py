"""Sampling: from probabilities to symbols, for many texts at once.

`Rules` define which symbols may come next in a line of verse, `uniforms` computes each text's own random numbers, and
`draw` samples from the nucleus. The result for one text depends on its own probabilities and random numbers alone.

`write_on` continues one text as char-rnn's sampler does, with blank lines and indents as the network has read them; it
is for the lecture. Poems are written by `app/engine/`.
"""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.checkpoint import Checkpoint
from models.shapes import FORBIDDEN, LANE, LEAST, width
from models.vocabulary import AFTER_WORD, END, FIRST_BYTE, FIRST_CHARACTER, SPELLING, Vocabulary

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]

BETWEEN, AFTER_SPACE, AFTER_E2, STATES = 0, 10, 11, 12
"""States of `Rules`: the ten of `Grammar`, and two more. AFTER_SPACE is between two characters where neither a space
nor a line end may come. AFTER_E2 is within the characters U+2xxx, without the first two blocks of 64 (U+2000 to U+207F:
invisible spaces, direction overrides)."""
WHOLE = (BETWEEN, SPELLING, AFTER_WORD, AFTER_SPACE)
"""States between two characters: the last one is complete."""
LAST_BYTE = 1
"""Grammar's state before the last byte of a character."""
DRAWS = 4
"""Random numbers that `draw` may use for a symbol: three for rejection sampling, then one for the exact sample."""
JOINERS = "\u200c\u200d"
"""Invisible characters that Persian words and family emoji need. They may only stand between two characters."""
_STRAY_LEADS = (0xC2, 0xCC, 0xCD, 0xEE, 0xEF, 0xF3, 0xF4)
"""First bytes of controls, combining marks, private use and specials: never written, so that a line is one plain
row."""
_GAMMA = 0x9E3779B97F4A7C15
"""Splitmix64's increment."""
_MULTIPLIER_1, _MULTIPLIER_2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
"""Its multipliers."""
_WORD = 2**64 - 1
"""The mask that keeps Python's integers to 64 bits."""


@dataclass(frozen=True)
class Rules:
    """A finite automaton over symbols that accepts lines of valid UTF-8 without double, leading or trailing spaces."""

    forbidden: Floats
    """(2 * STATES, W): 0 or `FORBIDDEN` for each state and next symbol; the second half is for lines too short to
    end."""
    follows: Ids
    """(STATES, W): the state after each symbol."""
    sizes: Ids
    """(W,): characters that begin with each symbol."""
    spaced: NDArray[np.bool_]
    """(W,): does the symbol begin with a space? A line may be cut before it."""
    newline: int
    """The symbol of the line end."""

    @classmethod
    def of(cls, vocabulary: Vocabulary, *, banned: str = "", spell: bool = True, longest: int = 1000) -> "Rules":
        """The rules for a vocabulary and a style; they never allow END and controls.

        *banned*: characters that are forbidden, and with them the words that contain one. *spell*: may characters
        without a symbol be written, byte by byte? *longest*: longer words are forbidden, in characters. Raises
        ValueError if no symbol is left.
        """
        grammar = vocabulary.grammar
        symbols = len(vocabulary)
        newline = vocabulary.encode("\n")[0]
        space = vocabulary.encode(" ")[0]
        spaced = [space, *_words_where(vocabulary, lambda word: word[0] == " ")]
        never = [END, *_strays(vocabulary), *_symbols_of(vocabulary, banned)]
        never += [FIRST_BYTE + lead for lead in _STRAY_LEADS] if spell else range(FIRST_BYTE, FIRST_CHARACTER)
        never += _words_where(vocabulary, lambda word: len(word) > longest or not set(banned).isdisjoint(word))
        between = list(WHOLE[:-1])

        # The symbols that may come next: in the grammar's ten states, then in the two more.
        allowed = np.zeros((STATES, width(symbols)), np.bool_)
        allowed[:AFTER_SPACE, :symbols] = grammar.allowed
        allowed[np.ix_(between, never)] = False
        allowed[between, newline] = True
        allowed[AFTER_SPACE] = allowed[BETWEEN]
        joiners = vocabulary.ids_of(JOINERS)
        allowed[AFTER_SPACE, [newline, *spaced, *joiners]] = False
        allowed[AFTER_E2, FIRST_BYTE + 0x82 : FIRST_BYTE + 0xC0] = True

        # The state after each of them.
        follows = np.zeros((STATES, width(symbols)), np.int64)
        follows[:AFTER_SPACE, :symbols] = grammar.follows
        follows[between, FIRST_BYTE + 0xE2] = AFTER_E2
        follows[AFTER_E2] = LAST_BYTE
        follows[AFTER_SPACE] = follows[BETWEEN]
        follows[:, [newline, space, *joiners]] = AFTER_SPACE

        # The same for lines that are too short to end: no line end.
        short = allowed.copy()
        short[:, newline] = False
        if not short[list(WHOLE)].any(axis=1).all():
            raise ValueError("the style bans every character")
        forbidden = np.where(np.concatenate([allowed, short]), np.float32(0), FORBIDDEN)
        sizes = np.pad(vocabulary.sizes, (0, width(symbols) - symbols))
        return cls(
            forbidden=forbidden,
            follows=follows,
            sizes=sizes,
            spaced=np.isin(np.arange(len(sizes)), spaced),
            newline=newline,
        )

    def after(self, symbols: Sequence[int]) -> int:
        """The state after the first *symbols* of a line."""
        state = AFTER_SPACE
        for symbol in symbols:
            state = int(self.follows[state, symbol])
        return state


def _words_where(vocabulary: Vocabulary, holds: Callable[[str], bool]) -> list[int]:
    """The symbols of the words for which *holds* is true."""
    first = FIRST_CHARACTER + len(vocabulary.characters)
    return [first + i for i, word in enumerate(vocabulary.words) if holds(word)]


def _strays(vocabulary: Vocabulary) -> list[int]:
    """The symbols of controls, separators, and spaces other than U+0020: a line of verse has none of them."""
    stray = ("C", "Zl", "Zp", "Zs")
    found = [c for c in vocabulary.characters if unicodedata.category(c).startswith(stray) and c not in " \n" + JOINERS]
    return vocabulary.ids_of("".join(found) + "\N{REPLACEMENT CHARACTER}")


def _symbols_of(vocabulary: Vocabulary, characters: str) -> list[int]:
    """The symbols of *characters*, without those that take several bytes."""
    spelled = (vocabulary.encode(c) for c in characters)
    return [ids[0] for ids in spelled if len(ids) == 1]


def key(*parts: int) -> int:
    """A hash of *parts* in 64 bits: the key of a stream of random numbers."""
    mixed = 0
    for part in parts:
        mixed = _mix((mixed ^ part) + _GAMMA)
    return mixed


def uniforms(keys: NDArray[np.uint64], start: Ids, count: int) -> Floats:
    """Uniform random numbers in [0, 1): the *count* from number *start* on of each key, (N,), (N,) -> (N, count).

    Counter-based (splitmix64, Steele et al. 2014): any number can be computed without those before it.
    """
    at: Any = start.astype(np.uint64)[:, None] + np.arange(1, count + 1, dtype=np.uint64)
    z: Any = keys[:, None] + at * np.uint64(_GAMMA)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(_MULTIPLIER_1)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(_MULTIPLIER_2)
    top: Any = (z ^ (z >> np.uint64(31))) >> np.uint64(40)
    return np.asarray(top.astype(np.float32) * np.float32(2**-24))


def uniform(*parts: int) -> float:
    """The first uniform random number of the key of *parts*, in [0, 1)."""
    return (_mix(key(*parts) + _GAMMA) >> 40) * 2.0**-24


def _mix(z: int) -> int:
    """Splitmix64's mixing function, on a Python integer."""
    z &= _WORD
    z = ((z ^ (z >> 30)) * _MULTIPLIER_1) & _WORD
    z = ((z ^ (z >> 27)) * _MULTIPLIER_2) & _WORD
    return z ^ (z >> 31)


def draw(probabilities: Floats, numbers: Floats, nucleus: Floats) -> Ids:
    """Nucleus sampling: probabilities (N, W), random numbers (N, DRAWS), nucleus (N,) -> one symbol for each row (N,).

    Holtzman et al. 2020, by rejection and without a sort: sample from all symbols, and sample again if the likelier
    symbols together have the nucleus' probability already. After three rejections the row is sorted. A row of NaN gets
    an arbitrary symbol.
    """
    # Sums of lanes (N, W / LANE), along axis 1, where numpy adds in the same order for any N.
    lanes = probabilities.reshape(len(probabilities), LANE, -1).sum(axis=1)
    cumulative = lanes.cumsum(axis=1)
    limit = nucleus * cumulative[:, -1]  # (N,): the sum of a row is not exactly 1
    drawn, inside = _try(probabilities, lanes, cumulative, numbers[:, 0], limit)
    left = np.flatnonzero(~inside)
    for turn in range(1, DRAWS - 1):
        if not left.size:
            return drawn
        drawn[left], inside = _try(probabilities[left], lanes[left], cumulative[left], numbers[left, turn], limit[left])
        left = left[~inside]
    if left.size:
        drawn[left] = _draw_sorted(probabilities[left], numbers[left, -1], limit[left])
    return drawn


def _try(
    probabilities: Floats, lanes: Floats, cumulative: Floats, numbers: Floats, limit: Floats
) -> tuple[Ids, NDArray[np.bool_]]:
    """Sample from all symbols: first the lane, then the symbol in it. Returns the symbols, and whether they lie in
    the nucleus: (N,), (N,).
    """
    rows = np.arange(len(probabilities))
    target = numbers * cumulative[:, -1]
    lane = np.minimum((cumulative <= target[:, None]).sum(axis=1), lanes.shape[1] - 1)
    rest = target - (cumulative[rows, lane] - lanes[rows, lane])  # the rest of the target within the lane
    inner = probabilities.reshape(len(probabilities), LANE, -1)[rows, :, lane].cumsum(axis=1)  # (N, LANE)
    place = np.minimum((inner <= rest[:, None]).sum(axis=1), LANE - 1)
    drawn = place * lanes.shape[1] + lane
    mine = probabilities[rows, drawn]
    likelier = np.multiply(probabilities, probabilities > mine[:, None]).sum(axis=1)
    return drawn, (likelier < limit) & (mine > LEAST)


def _draw_sorted(probabilities: Floats, numbers: Floats, limit: Floats) -> Ids:
    """Sample exactly from the nucleus, by sorting: slower, but without rejection. Returns symbols (N,)."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    falling = np.take_along_axis(probabilities, order, axis=1)
    cumulative = falling.cumsum(axis=1)
    size = np.maximum(((cumulative - falling) < limit[:, None]).sum(axis=1), 1)  # (N,) symbols in the nucleus
    rows = np.arange(len(probabilities))
    target = numbers * cumulative[rows, size - 1]
    place = np.minimum((cumulative <= target[:, None]).sum(axis=1), size - 1)
    return np.asarray(order[rows, place], np.int64)


def write_on(
    version: Checkpoint, beginning: str = "", *, temperature: float = 1.0, nucleus: float = 1.0, seed: int = 0
) -> Iterator[str]:
    """Continue *beginning* without end; yields the beginning, then what follows, a character or a word at a time.

    *nucleus*: top-p, 0 to 1. The same *seed* gives the same text. Raises Broken for a version with a broken file.
    """
    vocabulary = version.vocabulary
    grammar = vocabulary.grammar
    step = version.step("int8", rules=_rules(vocabulary))
    step.inverse_temperature[:] = 1 / temperature
    keys = np.array([key(seed)], np.uint64)
    share = np.array([nucleus], np.float32)
    given = vocabulary.encode(beginning)
    state = at = 0
    part: list[int] = []
    step.ids[0] = END
    while True:
        step.rule[0] = state
        step.run(1)
        if at < len(given):
            symbol = given[at]
        else:
            symbol = int(draw(step.probabilities[:1], uniforms(keys, np.array([at * DRAWS]), DRAWS), share)[0])
        step.swap_state()
        step.ids[0] = symbol
        at += 1
        state = int(grammar.follows[state, symbol])
        part.append(symbol)
        if state in WHOLE:
            yield vocabulary.decode(part)
            part.clear()


def _rules(vocabulary: Vocabulary) -> Floats:
    """The rules of `write_on`: (states, W). The grammar, with tabs and line ends, and without END."""
    grammar = vocabulary.grammar
    rules = np.full((len(grammar.allowed), width(len(vocabulary))), FORBIDDEN, np.float32)
    rules[:, : len(vocabulary)][grammar.allowed] = 0
    for control in "\t\n":
        if control not in vocabulary.characters:
            rules[WHOLE[:-1], FIRST_BYTE + ord(control)] = 0
    rules[:, END] = FORBIDDEN
    return rules
