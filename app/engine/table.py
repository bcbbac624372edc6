"""The slot table: all lines that one version is writing, as rows of arrays that a step advances together.

A row reads symbols it is given, or draws them; it ends with an outcome, and whoever owns it says what comes next. Used
rows stay contiguous (0 … used-1), because the step runs over the first n: the last row moves into a gap. Nothing a row
writes depends on how many rows there are, or on which of them it is. The graph draws; drawn again here is only what
falls outside the nucleus.

Letters of shapes: R rows, W symbols (the vocabulary, padded), G symbols given, L symbols of the longest line.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.engine.live import LiveVersion
from models.sample import AFTER_SPACE, BETWEEN, DRAWS, STATES, WHOLE, draw, uniforms
from models.vocabulary import END

REFILL = 32
"""Random numbers that a row is given at once, one a symbol; a power of two, so that `&` finds the next."""
REDRAW = np.uint64(0x5851F42D4C957F2D)
"""Turns a row's key into the one whose random numbers are for drawing again."""
NEVER = 2**62
"""Characters that no line has."""
FIRST_ROOM = 64
"""Symbols that a row can be given before the array for them grows."""
LINE_ENDS, WORD_ENDS = 1, 2
"""What a symbol does to a line: it ends there, or could be cut before it."""

Rows = NDArray[np.intp]


class Outcome(Enum):
    """Why a row wants attention."""

    READ = auto()
    """It has read what it was given; nothing is drawn yet."""
    LINE = auto()
    """Its line has ended; the line end is the next symbol it will read."""
    BROKEN = auto()
    """The network's output is NaN."""


@dataclass(eq=False, slots=True)
class Draft:
    """One row, as its owner knows it."""

    owner: Any
    candidate: int = 0
    row: int = -1
    """Where it stands now; changes when others leave. -1: nowhere."""
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """How a line begins, and by which random numbers it is drawn."""

    key: int
    """Of its random numbers."""
    inverse_temperature: float
    """1 / temperature."""
    nucleus: float
    """Probability, 0 to 1: draw from the likeliest symbols that have it together."""
    chars: int = 0
    """Characters it has already: the visitor's beginning."""
    state: int = AFTER_SPACE
    """Of the rules, after that beginning."""


@dataclass(frozen=True, slots=True)
class Place:
    """A point in a text that one can go back to."""

    state: list[NDArray[np.float32]]
    """Of the network, (S,) each."""
    symbol: int
    """The symbol to be read next."""


class Table:
    """Rows 0 … used-1 of one live version's step."""

    def __init__(self, live: LiveVersion) -> None:
        self.live = live
        self.used = 0
        self.drafts: list[Draft] = []
        rows, style, rules = live.step.rows, live.style, live.rules

        # What the version's style and rules come to.
        self._cut_from = max(style.shortest, style.longest // 4)  # characters: lines are not cut shorter than this
        self._newline = rules.newline
        self._sizes = rules.sizes  # (W,) characters that begin with each symbol
        self._effects = (np.arange(len(rules.sizes)) == rules.newline) * LINE_ENDS + rules.spaced * WORD_ENDS  # (W,)
        # The rules stand twice, for lines long enough to end and for those too short: a short line stays short.
        self._follows = np.concatenate([rules.follows, rules.follows + STATES])  # (2 * STATES, W)

        # The columns: one value, or one row of values, for each row of the table. All of them move with a row, so a
        # new one must be named in `_columns` too.
        self.writing = np.zeros(rows, np.bool_)  # does it draw, or read what it was given?
        self.position = np.zeros(rows, np.int64)  # symbols drawn in this line, or read of what was given
        self.chars = np.zeros(rows, np.int64)  # characters of this line
        self.max_chars = np.zeros(rows, np.int64)  # characters past which it is cut
        self.check_at = np.full(rows, NEVER)  # characters at which it is no longer short, or too long
        self.logprob = np.zeros(rows, np.float64)  # nats, summed over the line
        self.reward = np.zeros(rows, np.float64)  # log-odds, summed over the line
        self.keys = np.zeros(rows, np.uint64)  # of its random numbers
        self.uniforms = np.zeros((rows, REFILL), np.float32)  # its random numbers, in [0, 1)
        # The line's symbols. A symbol is at least a quarter of a character (a byte of UTF-8), and a visitor's beginning
        # adds to the room for characters, not to the symbols drawn.
        self.text = np.zeros((rows, 4 * (style.longest + 8) + 8), np.int32)  # (R, L)
        self.given = np.zeros((rows, FIRST_ROOM), np.int32)  # (R, G) symbols to read
        self.given_size = np.zeros(rows, np.int64)
        # Where a line would be cut that grows too long: at its last word's end so far.
        self.cut_at = np.zeros(rows, np.int64)  # position; -1: nowhere
        self.cut_logprob = np.zeros(rows, np.float64)  # nats, its line end there included
        self.cut_reward = np.zeros(rows, np.float64)  # log-odds, the same
        self.cut_state = [np.zeros_like(part) for part in live.step.state]  # (R, S) each

        # Who wants to be woken at which step; and the step that this is.
        self._wakes: dict[int, list[tuple[Any, int]]] = {}
        self._at = 0

        # Found anew when rows change, not at every step: most steps change nothing.
        self._all_rows = np.arange(rows)
        self._changed = True
        self._steps_left = 0  # until a row has used up its random numbers
        self._reading: Rows = _NONE

    def _columns(self) -> tuple[NDArray[Any], ...]:
        """Every array that has a row for each row: what moves when a row does."""
        step = self.live.step
        return (
            self.writing,
            self.position,
            self.chars,
            self.max_chars,
            self.check_at,
            self.logprob,
            self.reward,
            self.keys,
            self.uniforms,
            self.text,
            self.given,
            self.given_size,
            self.cut_at,
            self.cut_logprob,
            self.cut_reward,
            *self.cut_state,
            # What the step reads. What it writes is used up before anybody moves.
            *step.state,
            step.ids,
            step.inverse_temperature,
            step.rule,
            step.nucleus,
        )

    def add(self, draft: Draft) -> int:
        """A row at the beginning of a text: zero state, nothing read, END to be read first."""
        row = draft.row = self.used
        self.drafts.append(draft)
        self.used += 1
        self._changed = True
        for part in self.live.step.state:
            part[row] = 0
        self.live.step.ids[row] = END
        return row

    def fork(self, row: int, draft: Draft) -> int:
        """Another row at the same place as *row*."""
        new = self.add(draft)
        for part in self.live.step.state:
            part[new] = part[row]
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
        self.used = last
        draft.row = -1
        self._changed = True

    def place(self, row: int) -> Place:
        """Where a row stands."""
        return Place([part[row].copy() for part in self.live.step.state], int(self.live.step.ids[row]))

    def go(self, row: int, place: Place) -> None:
        """Put a row there."""
        for part, value in zip(self.live.step.state, place.state, strict=True):
            part[row] = value
        self.live.step.ids[row] = place.symbol

    def read(self, row: int, symbols: list[int]) -> None:
        """Have a row read on; its outcome will be READ, with the last of the symbols still to be read."""
        missing = len(symbols) - self.given.shape[1]
        if missing > 0:
            self.given = np.pad(self.given, ((0, 0), (0, missing)))
        self.given[row, : len(symbols)] = symbols
        self.given_size[row] = len(symbols)
        self.position[row] = 0
        self.writing[row] = False
        self.check_at[row] = NEVER
        self.live.step.rule[row] = BETWEEN
        self._changed = True

    def write(self, row: int, opening: Opening) -> None:
        """Have a row draw a line; its outcome will be LINE."""
        style, step = self.live.style, self.live.step
        short = opening.chars < style.shortest
        self.writing[row] = True
        self.position[row] = 0
        self.logprob[row] = self.reward[row] = 0.0
        self.cut_at[row] = -1
        self.chars[row] = opening.chars
        self.max_chars[row] = max(style.longest, opening.chars + 8)  # a long beginning still gets a word or two
        self.check_at[row] = style.shortest if short else self.max_chars[row] + 1
        self.keys[row] = opening.key
        step.rule[row] = opening.state + STATES * short
        step.inverse_temperature[row, 0] = opening.inverse_temperature
        step.nucleus[row, 0] = opening.nucleus
        self._changed = True

    def wake(self, owner: Any, slot: int, *, after: int) -> None:
        """Name *owner* and *slot* in `woken` once so many steps more are done."""
        self._wakes.setdefault(self._at + after, []).append((owner, slot))

    def woken(self) -> list[tuple[Any, int]]:
        """Who wanted to be woken now."""
        return self._wakes.pop(self._at, [])

    def symbols(self, row: int, start: int = 0, stop: int | None = None) -> list[int]:
        """What a row has drawn in this line, without the line end."""
        stop = int(self.position[row]) if stop is None else stop
        drawn: list[int] = self.text[row, start:stop].tolist()
        return drawn

    def settled(self, row: int) -> int:
        """How many symbols of the line stand whatever comes: a cut never goes behind them."""
        if self.live.step.rule[row] % STATES not in WHOLE:  # within the bytes of a character
            return 0
        return int(self.cut_at[row] if self.chars[row] >= self._cut_from else self.position[row])

    def step(self) -> list[Draft]:
        """One symbol more for every row; the drafts that have an outcome now. Raises what ONNX Runtime raises."""
        n, step = self.used, self.live.step
        rows, position = self._all_rows[:n], self.position[:n]  # (n,) views
        if self._changed or not self._steps_left:
            self._prepare(n)
        self._steps_left -= 1
        step.uniform[:n, 0] = self.uniforms[rows, position & (REFILL - 1)]
        step.run(n)
        self._at += 1

        # What was drawn, and what it costs: (n,) views of the step's output, which the next two lines may correct.
        drawn, logprob = step.drawn[:n, 0], step.drawn_logprob[:n, 0]
        broken = _NONE if step.in_nucleus[:n].all() else self._draw_again(n)
        effects = self._read_on(drawn) if self._reading.size else self._effects[drawn]

        ended = _NONE
        if effects.any():  # seldom: at a space or a line end
            self._mark_words(np.flatnonzero(effects == WORD_ENDS))
            ended = np.flatnonzero(effects == LINE_ENDS)
        self.logprob[:n] += logprob
        self.reward[:n] += step.reward[:n, 0]
        self.chars[:n] += self._sizes[drawn]
        # A row that reads has drawn nothing: what it reads overwrites the line's first symbol, which is not there yet.
        self.text[rows, position * self.writing[:n] if self._reading.size else position] = drawn
        position += 1
        position[ended] -= 1  # the line end is not of the line

        step.ids[:n] = drawn
        step.rule[:n] = self._follows[step.rule[:n], drawn]
        step.swap_state()
        due = self.chars[:n] >= self.check_at[:n]
        if due.any():
            cut = self._check_length(np.flatnonzero(due & (effects != LINE_ENDS)))
            ended = np.concatenate([ended, cut])
        return self._outcomes(ended, broken) if ended.size or broken.size or self._reading.size else []

    def _prepare(self, n: int) -> None:
        """Find what stays as it is until rows change, or one has used up its random numbers."""
        self._changed = False
        self._reading = np.flatnonzero(~self.writing[:n])
        used = self.position[:n] & (REFILL - 1)
        empty = np.flatnonzero(used == 0)
        self.uniforms[empty] = uniforms(self.keys[empty], self.position[empty], REFILL)
        self._steps_left = int(REFILL - used.max(initial=0))

    def _draw_again(self, n: int) -> Rows:
        """Draw again outside the nucleus; returns the rows with NaN.

        The graph's symbols and their log-probabilities are overwritten.
        """
        step = self.live.step
        outside = np.flatnonzero(~step.in_nucleus[:n, 0])
        nan = np.isnan(step.drawn_logprob[outside, 0])
        broken: Rows = outside[nan]
        again = outside[~nan & self.writing[outside]]
        if again.size:
            # Other numbers than the first draw's, which the graph has used: as many a symbol as `draw` may need.
            numbers = uniforms(self.keys[again] ^ REDRAW, self.position[again] * DRAWS, DRAWS)  # (N, DRAWS)
            drawn = draw(step.probabilities[again], numbers, step.nucleus[again, 0])  # (N,)
            step.drawn[again, 0] = drawn
            step.drawn_logprob[again, 0] = step.logprobs[again, drawn]
        return broken

    def _read_on(self, drawn: NDArray[np.int64]) -> NDArray[np.int64]:
        """Replace what reading rows have drawn by what they were given; returns each row's effect, none for those."""
        reading = self._reading
        drawn[reading] = self.given[reading, self.position[reading]]
        effects: NDArray[np.int64] = self._effects[drawn]
        effects[reading] = 0
        return effects

    def _mark_words(self, rows: Rows) -> None:
        """Note where lines that grow long could end: before the space just drawn, or the word that begins with one."""
        step, long = self.live.step, rows[self.chars[rows] >= self._cut_from]
        if long.size:
            self.cut_at[long] = self.position[long]
            self.cut_logprob[long] = self.logprob[long] + step.logprobs[long, self._newline]
            self.cut_reward[long] = self.reward[long] + step.reward[long, 0]
            for part, after in zip(self.cut_state, step.after, strict=True):
                part[long] = after[long]

    def _check_length(self, rows: Rows) -> Rows:
        """Let lines end that are no longer short, and cut those that are too long; returns the latter."""
        too_long = self.chars[rows] > self.max_chars[rows]
        long_enough, cut = rows[~too_long], rows[too_long]
        self.live.step.rule[long_enough] -= STATES  # from the rules for short lines to the others
        self.check_at[long_enough] = self.max_chars[long_enough] + 1
        if cut.size:
            self._cut(cut)
        return cut

    def _cut(self, rows: Rows) -> None:
        """End lines that are too long: at the last word's end, or here where there is none."""
        step = self.live.step
        back = rows[self.cut_at[rows] >= 0]
        self.position[back] = self.cut_at[back]
        self.logprob[back] = self.cut_logprob[back]
        self.reward[back] = self.cut_reward[back]
        for part, cut in zip(step.state, self.cut_state, strict=True):
            part[back] = cut[back]
        here = rows[self.cut_at[rows] < 0]
        self.position[here] -= 1  # the symbol just drawn was one too many
        last = self.text[here, self.position[here]]
        # Not that symbol but a line end in its place: the line costs what the network says of that.
        self.logprob[here] += step.logprobs[here, self._newline] - step.logprobs[here, last]
        step.ids[rows] = self._newline

    def _outcomes(self, ended: Rows, broken: Rows) -> list[Draft]:
        """Note each draft's outcome; BROKEN overrides the others."""
        read = self._reading[self.position[self._reading] == self.given_size[self._reading]]
        outcomes = dict.fromkeys(ended.tolist(), Outcome.LINE) | dict.fromkeys(read.tolist(), Outcome.READ)
        outcomes |= dict.fromkeys(broken.tolist(), Outcome.BROKEN)
        for row, outcome in outcomes.items():
            self.drafts[row].outcome = outcome
        return [self.drafts[row] for row in outcomes]


_NONE: Rows = np.zeros(0, np.intp)
