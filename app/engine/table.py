"""The slot table: all lines that one version is writing, as rows of arrays that a step advances together.

A row reads symbols it is given, or draws them; it ends with an outcome, and whoever
owns it says what comes next. Rows stay close together: the last one moves into a gap.
Nothing here depends on how many rows there are, or on which is which.
"""

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.engine.live import LiveVersion
from models.sample import AFTER_SPACE, BETWEEN, DRAWS, STATES, WHOLE, draw, luck
from models.vocabulary import END

TAIL = 96
"""Symbols of the poem before this line that repetition looks back on."""
RUN = 3
"""Symbols that must be equal for the next one to count as a repetition."""
REFILL = 32
"""Positions that one filling of random numbers lasts for; a power of two."""


class Outcome(Enum):
    """Why a row wants attention."""

    READ = auto()
    """It has read what it was given; nothing is drawn yet."""
    LINE = auto()
    """Its line has ended; the line end is the next thing it will read."""
    BROKEN = auto()
    """The network no longer gives numbers."""


@dataclass(eq=False, slots=True)
class Draft:
    """One row, as its owner knows it."""

    owner: Any
    candidate: int = 0
    row: int = -1
    """Where it stands now; changes when others leave."""
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """How a line begins, and by which numbers it is drawn."""

    key: int
    """Of its random numbers."""
    heat: float
    """1 / temperature."""
    nucleus: float
    repetition: float
    chars: int = 0
    """Characters it has already: the visitor's beginning."""
    state: int = AFTER_SPACE
    """Of the rules, after that beginning."""
    before: list[int] = field(default_factory=list)
    """The poem's last symbols."""


@dataclass(frozen=True, slots=True)
class Place:
    """A point in a text that one can go back to: what was read, and the symbol to be read next."""

    state: NDArray[np.float32]
    symbol: int


class Table:
    """Rows 0 … used-1 of one live version's step."""

    def __init__(self, live: LiveVersion) -> None:
        self.live, self.used = live, 0
        self.drafts: list[Draft] = []
        rows, style = live.step.rows, live.style
        # A symbol is at least a quarter of a character; a beginning of the visitor's adds no symbols, but room.
        self._line = 4 * (style.longest + 8) + 8
        self._room = max(style.shortest, style.longest // 4)
        self._index = np.arange(rows)
        self._newline = live.rules.newline
        self.writing = np.zeros(rows, np.bool_)
        self.at = np.zeros(rows, np.int64)  # symbols drawn in this line, or read of what was given
        self.chars = np.zeros(rows, np.int64)
        self.most = np.zeros(rows, np.int64)
        self.grammar = np.zeros(rows, np.int64)
        self.logprob = np.zeros(rows, np.float64)
        self.nucleus = np.ones(rows, np.float32)
        self.repetition = np.zeros(rows, np.float32)
        self.keys = np.zeros(rows, np.uint64)
        self.numbers = np.zeros((rows, REFILL, DRAWS), np.float32)
        self.said = np.full((rows, TAIL + self._line), -1, np.int32)
        self.given = np.zeros((rows, 64), np.int32)
        self.given_size = np.zeros(rows, np.int64)
        self.cut_at = np.zeros(rows, np.int64)  # where a line that grows too long would be cut; -1: nowhere
        self.cut_logprob = np.zeros(rows, np.float64)
        self.cut_state = np.zeros_like(live.step.state)

    def _columns(self) -> list[NDArray[Any]]:
        step = self.live.step
        own = [value for value in vars(self).values() if isinstance(value, np.ndarray) and value is not self._index]
        return [*own, step.ids, step.state, step.heat, step.rule]

    def add(self, draft: Draft) -> int:
        """A row in silence: nothing read, END to be read first."""
        row = draft.row = self.used
        self.drafts.append(draft)
        self.used += 1
        self.live.step.state[row] = 0
        self.live.step.ids[row] = END
        return row

    def fork(self, row: int, draft: Draft) -> int:
        """Another row at the same place as *row*."""
        new = self.add(draft)
        self.live.step.state[new] = self.live.step.state[row]
        self.live.step.ids[new] = self.live.step.ids[row]
        return new

    def remove(self, draft: Draft) -> None:
        """Free its row; the last row moves there."""
        row, last = draft.row, self.used - 1
        if row != last:
            for column in self._columns():
                column[row] = column[last]
            self.drafts[row] = self.drafts[last]
            self.drafts[row].row = row
        self.drafts.pop()
        self.used, draft.row = last, -1

    def place(self, row: int) -> Place:
        """Where a row stands."""
        return Place(self.live.step.state[row].copy(), int(self.live.step.ids[row]))

    def go(self, row: int, place: Place) -> None:
        """Put a row there."""
        self.live.step.state[row] = place.state
        self.live.step.ids[row] = place.symbol

    def read(self, row: int, symbols: list[int]) -> None:
        """Have a row read on; its outcome will be READ, with the last of the symbols still to be read."""
        if len(symbols) > self.given.shape[1]:
            wider = len(symbols) - self.given.shape[1]
            self.given = np.pad(self.given, ((0, 0), (0, wider)))
        self.given[row, : len(symbols)] = symbols
        self.given_size[row], self.at[row] = len(symbols), 0
        self.writing[row] = False
        self.live.step.rule[row] = BETWEEN

    def write(self, row: int, opening: Opening) -> None:
        """Have a row draw a line; its outcome will be LINE."""
        style, step = self.live.style, self.live.step
        self.writing[row], self.at[row], self.logprob[row], self.cut_at[row] = True, 0, 0.0, -1
        self.chars[row], self.most[row] = opening.chars, max(style.longest, opening.chars + 8)
        self.grammar[row] = opening.state
        step.rule[row] = self.grammar[row] + STATES * (opening.chars < style.shortest)
        step.heat[row, 0], self.nucleus[row], self.repetition[row] = opening.heat, opening.nucleus, opening.repetition
        self.keys[row] = opening.key
        if opening.repetition:
            before = opening.before[-TAIL:]
            self.said[row, :TAIL] = -1
            self.said[row, TAIL - len(before) : TAIL] = before

    def symbols(self, row: int, start: int = 0, stop: int | None = None) -> list[int]:
        """What a row has drawn in this line, without the line end."""
        stop = int(self.at[row]) if stop is None else stop
        drawn: list[int] = self.said[row, TAIL + start : TAIL + stop].tolist()
        return drawn

    def settled(self, row: int) -> int:
        """So many symbols of the line will stand whatever comes: a cut never goes behind them."""
        if self.grammar[row] not in WHOLE:
            return 0
        return int(self.cut_at[row] if self.chars[row] >= self._room else self.at[row])

    def step(self) -> list[Draft]:
        """One symbol more for every row; the drafts that have an outcome now. Raises what ONNX Runtime raises."""
        n, step = self.used, self.live.step
        step.run(n)
        at, writing = self.at[:n], self.writing[:n]
        chosen, told = self._draw(n)
        ended = writing & (chosen == self._newline)
        self._mark_words(n, chosen)
        full = writing & (self.chars[:n] + self.live.rules.sizes[chosen] > self.most[:n]) & ~ended
        self.logprob[:n] += told
        reads = None
        if not writing.all():
            reads = np.flatnonzero(~writing)
            chosen[reads] = self.given[reads, at[reads]]
        self.said[self._index[:n], TAIL + np.where(writing, at, 0)] = chosen
        at += ~ended
        step.ids[:n] = chosen
        self._follow(n, chosen)
        broken = np.isnan(told)
        step.turn()
        if full.any():
            self._cut(np.flatnonzero(full))
        return self._outcomes(ended | full, broken, reads)

    def _draw(self, n: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """A symbol for each row, and its log-probability as the network has it."""
        step, at = self.live.step, self.at[:n]
        inning = at & (REFILL - 1)
        dry = np.flatnonzero(inning == 0)
        if dry.size:
            fresh = luck(self.keys[dry], at[dry] * DRAWS, REFILL * DRAWS)
            self.numbers[dry] = fresh.reshape(-1, REFILL, DRAWS)
        if self.repetition[:n].any():
            self._discourage(np.flatnonzero((self.repetition[:n] > 0) & self.writing[:n]))
        rows = self._index[:n]
        chosen = draw(step.odds[:n], self.numbers[rows, inning], self.nucleus[:n])
        return chosen, step.logprobs[rows, chosen]

    def _discourage(self, rows: NDArray[np.int64]) -> None:
        """Lower the odds of what followed the last `RUN` symbols before in this poem."""
        said, end = self.said[rows], TAIL + self.at[rows]
        last = said[np.arange(len(rows))[:, None], end[:, None] + np.arange(-RUN, 0)]  # (N, RUN)
        spots = said.shape[1] - RUN
        same = (np.arange(spots) + RUN < end[:, None]) & (last >= 0).all(axis=1, keepdims=True)
        for i in range(RUN):
            same &= said[:, i : i + spots] == last[:, i : i + 1]
        which, where = np.nonzero(same)
        again = rows[which]
        self.live.step.odds[again, said[which, where + RUN]] *= np.exp(-self.repetition[again])

    def _mark_words(self, n: int, chosen: NDArray[np.int64]) -> None:
        """Note where lines that grow long could end: before the space just drawn, or the word that begins with one."""
        step = self.live.step
        words = np.flatnonzero(self.live.rules.spaced[chosen] & self.writing[:n] & (self.chars[:n] >= self._room))
        if words.size:
            self.cut_at[words] = self.at[words]
            self.cut_logprob[words] = self.logprob[words] + step.logprobs[words, self._newline]
            self.cut_state[words] = step.after[words]

    def _follow(self, n: int, chosen: NDArray[np.int64]) -> None:
        """Advance grammar, characters and rules."""
        grammar = self.live.rules.follows[self.grammar[:n], chosen]
        self.grammar[:n] = grammar
        self.chars[:n] += self.live.rules.sizes[chosen]
        self.live.step.rule[:n] = grammar + STATES * (self.chars[:n] < self.live.style.shortest)

    def _cut(self, rows: NDArray[np.int64]) -> None:
        """End lines that are too long: at the last word's end, or here where there is none."""
        step = self.live.step
        back = rows[self.cut_at[rows] >= 0]
        self.at[back], self.logprob[back] = self.cut_at[back], self.cut_logprob[back]
        step.state[back] = self.cut_state[back]
        here = rows[self.cut_at[rows] < 0]
        self.at[here] -= 1  # the symbol just drawn was one too many
        last = self.said[here, TAIL + self.at[here]]
        self.logprob[here] += step.logprobs[here, self._newline] - step.logprobs[here, last]
        step.ids[rows] = self._newline

    def _outcomes(
        self, lines: NDArray[np.bool_], broken: NDArray[np.bool_], reads: NDArray[np.int64] | None
    ) -> list[Draft]:
        """Tell the drafts."""
        rows = [(row, Outcome.BROKEN) for row in np.flatnonzero(broken).tolist()]
        rows += [(row, Outcome.LINE) for row in np.flatnonzero(lines & ~broken).tolist()]
        if reads is not None:
            done = reads[(self.at[reads] == self.given_size[reads]) & ~broken[reads]]
            rows += [(row, Outcome.READ) for row in done.tolist()]
        for row, outcome in rows:
            self.drafts[row].outcome = outcome
        return [self.drafts[row] for row, _ in rows]
