"""Sampling: from probabilities to symbols, for many texts at once.

`Rules` say what may be written next, `uniforms` gives each text random numbers of
its own, `draw` takes a symbol from the nucleus. What a text gets depends on its own
probabilities and random numbers, never on its neighbours. Numpy only.

`write_on` is all of it for one text alone, as char-rnn's sampler writes: blank lines and indents as the network has
read them. Poems, whose lines are clean rows, are the engine's business.
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
"""Grammar's ten states, and two more: between characters where no space and no line end may come; within the
characters U+2xxx, whose first two rows (U+2000 to U+207F: invisible spaces, overrides of direction) are left out."""
WHOLE = (BETWEEN, SPELLING, AFTER_WORD, AFTER_SPACE)
"""States in which the last character is whole."""
LAST_BYTE = 1
"""Grammar's state before the last byte of a character."""
DRAWS = 4
"""Random numbers a symbol may use: three tries, then one for the exact draw that never fails."""
JOINERS = "\u200c\u200d"
"""Invisible, and spelling: Persian words and families of emoji are written with them. Only between two characters."""
_STRAY_LEADS = (0xC2, 0xCC, 0xCD, 0xEE, 0xEF, 0xF3, 0xF4)
"""First bytes of controls, combining marks, private use and specials: never spelled, so a line stays one clean row."""
_GAMMA, _ONE, _TWO, _WORD = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 2**64 - 1
"""Splitmix64's increment and multipliers, and the mask that makes Python's integers 64 bits wide."""


@dataclass(frozen=True)
class Rules:
    """A finite automaton over symbols: lines of valid UTF-8 without doubled, leading or trailing spaces."""

    forbidden: Floats
    """(2 * STATES, W): 0 or `FORBIDDEN`; the second half is for lines that are too short to end."""
    follows: Ids
    """(STATES, W): the state after a symbol."""
    sizes: Ids
    """(W,): characters that begin with each symbol."""
    spaced: NDArray[np.bool_]
    """(W,): does it begin with a space? Before it a line may be cut."""
    newline: int

    @classmethod
    def of(cls, vocabulary: Vocabulary, *, banned: str = "", spell: bool = True, longest: int = 1000) -> "Rules":
        """Build them; END never comes, nor do controls. ValueError when nothing is left to write.

        *banned*: characters, and words with one of them; *spell*: characters without a symbol too; *longest*: words of
        more characters might not fit into a line, and never come.
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

        # What may come next: the grammar's ten states, then the two more.
        allowed = np.zeros((STATES, width(symbols)), np.bool_)
        allowed[:AFTER_SPACE, :symbols] = grammar.allowed
        allowed[np.ix_(between, never)] = False
        allowed[between, newline] = True
        allowed[AFTER_SPACE] = allowed[BETWEEN]
        joiners = vocabulary.ids_of(JOINERS)
        allowed[AFTER_SPACE, [newline, *spaced, *joiners]] = False
        allowed[AFTER_E2, FIRST_BYTE + 0x82 : FIRST_BYTE + 0xC0] = True

        # And which state it leads to.
        follows = np.zeros((STATES, width(symbols)), np.int64)
        follows[:AFTER_SPACE, :symbols] = grammar.follows
        follows[between, FIRST_BYTE + 0xE2] = AFTER_E2
        follows[AFTER_E2] = LAST_BYTE
        follows[AFTER_SPACE] = follows[BETWEEN]
        follows[:, [newline, space, *joiners]] = AFTER_SPACE

        # The same rules once more for lines that are too short to end: no line end.
        short = allowed.copy()
        short[:, newline] = False
        if not short[list(WHOLE)].any(axis=1).all():
            raise ValueError("the style bans every character")
        forbidden = np.where(np.concatenate([allowed, short]), np.float32(0), FORBIDDEN)
        sizes = np.pad(vocabulary.sizes, (0, width(symbols) - symbols))
        return cls(forbidden, follows, sizes, np.isin(np.arange(len(sizes)), spaced), newline)

    def after(self, symbols: Sequence[int]) -> int:
        """The state after a line that begins with those *symbols*."""
        state = AFTER_SPACE
        for symbol in symbols:
            state = int(self.follows[state, symbol])
        return state


def _words_where(vocabulary: Vocabulary, holds: Callable[[str], bool]) -> list[int]:
    """The symbols of those words for which it *holds*."""
    first = FIRST_CHARACTER + len(vocabulary.characters)
    return [first + i for i, word in enumerate(vocabulary.words) if holds(word)]


def _strays(vocabulary: Vocabulary) -> list[int]:
    """Symbols that would break a row: controls, separators, spaces that are not the space."""
    stray = ("C", "Zl", "Zp", "Zs")
    found = [c for c in vocabulary.characters if unicodedata.category(c).startswith(stray) and c not in " \n" + JOINERS]
    return vocabulary.ids_of("".join(found) + "\N{REPLACEMENT CHARACTER}")


def _symbols_of(vocabulary: Vocabulary, characters: str) -> list[int]:
    """The symbols of *characters*; one that would have to be spelled in several bytes has none of its own."""
    spelled = (vocabulary.encode(c) for c in characters)
    return [ids[0] for ids in spelled if len(ids) == 1]


def key(*parts: int) -> int:
    """One number of 64 bits that stands for all *parts*, whatever their order of magnitude."""
    mixed = 0
    for part in parts:
        mixed = _mix((mixed ^ part) + _GAMMA)
    return mixed


def uniforms(keys: NDArray[np.uint64], start: Ids, count: int) -> Floats:
    """Random numbers *start* … *start* + *count* of each key (N,), in [0, 1): (N, count).

    Counter-based (splitmix64, Steele et al. 2014): any number can be had without those before it.
    """
    at: Any = start.astype(np.uint64)[:, None] + np.arange(1, count + 1, dtype=np.uint64)
    z: Any = keys[:, None] + at * np.uint64(_GAMMA)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(_ONE)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(_TWO)
    top: Any = (z ^ (z >> np.uint64(31))) >> np.uint64(40)
    return np.asarray(top.astype(np.float32) * np.float32(2**-24))


def uniform(*parts: int) -> float:
    """The first random number of the key of *parts*, in [0, 1)."""
    return (_mix(key(*parts) + _GAMMA) >> 40) * 2.0**-24


def _mix(z: int) -> int:
    """Splitmix64's finish on a Python number."""
    z &= _WORD
    z = ((z ^ (z >> 30)) * _ONE) & _WORD
    z = ((z ^ (z >> 27)) * _TWO) & _WORD
    return z ^ (z >> 31)


def draw(probabilities: Floats, numbers: Floats, nucleus: Floats) -> Ids:
    """A symbol for each row: probabilities (N, W), random numbers (N, DRAWS), nucleus (N,) -> (N,).

    Nucleus sampling (Holtzman et al. 2020) without a sort: draw from all, and draw again when the symbols likelier
    than the one drawn have the nucleus' probability already. A row refused three times is sorted after all. A row of
    NaN gets some symbol.
    """
    # Sums of lanes (N, W / LANE), down a column, where numpy adds up in the same order for any N.
    lanes = probabilities.reshape(len(probabilities), LANE, -1).sum(axis=1)
    cumulative = lanes.cumsum(axis=1)
    limit = nucleus * cumulative[:, -1]  # (N,): a row's sum need not be 1
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
    """Draw from all: the lane first, then the symbol in it. And does it lie in the nucleus? (N,), (N,)."""
    rows = np.arange(len(probabilities))
    target = numbers * cumulative[:, -1]
    lane = np.minimum((cumulative <= target[:, None]).sum(axis=1), lanes.shape[1] - 1)
    rest = target - (cumulative[rows, lane] - lanes[rows, lane])  # what is left of the target within the lane
    inner = probabilities.reshape(len(probabilities), LANE, -1)[rows, :, lane].cumsum(axis=1)  # (N, LANE)
    place = np.minimum((inner <= rest[:, None]).sum(axis=1), LANE - 1)
    drawn = place * lanes.shape[1] + lane
    mine = probabilities[rows, drawn]
    likelier = np.multiply(probabilities, probabilities > mine[:, None]).sum(axis=1)
    return drawn, (likelier < limit) & (mine > LEAST)


def _draw_sorted(probabilities: Floats, numbers: Floats, limit: Floats) -> Ids:
    """Draw from the nucleus itself, the likeliest first: slower, and never refused."""
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
    """The beginning, then what follows it, a few characters at a time and without end."""
    vocabulary = version.vocabulary
    grammar = vocabulary.grammar
    step = version.step("int8", rules=_rules(vocabulary))
    step.inverse_temperature[:] = 1 / temperature
    keys, share = np.array([key(seed)], np.uint64), np.array([nucleus], np.float32)
    given, state, part, at = vocabulary.encode(beginning), 0, list[int](), 0
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
    """(states, W): the vocabulary's grammar; a text goes on, so END never comes, and tabs and line ends may."""
    grammar = vocabulary.grammar
    rules = np.full((len(grammar.allowed), width(len(vocabulary))), FORBIDDEN, np.float32)
    rules[:, : len(vocabulary)][grammar.allowed] = 0
    for control in "\t\n":
        if control not in vocabulary.characters:
            rules[WHOLE[:-1], FIRST_BYTE + ord(control)] = 0
    rules[:, END] = FORBIDDEN
    return rules
