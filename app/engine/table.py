"""The slot table: one row for each line that a version is writing. One step advances all rows by one symbol.

A row either reads symbols that it is given, or samples a line. At the end it has an outcome, and its owner (a take of a
poem, `app/engine/poem.py`) decides what the row does next. The rows in use are always 0 … used-1, because the network
runs over the first n rows: when a row is freed, the last row moves into its place. What a row writes does not depend on
the number of rows, nor on its own number. Urgent rows come first, so that a step can advance them alone.

The ONNX graph samples a symbol for each row. Only a symbol outside the nucleus is sampled again, in this module.

Letters of shapes: R rows, n rows in use, W symbols (the vocabulary, padded), G symbols given, L symbols of the longest
line, S floats in one part of the network's state.
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
"""Random numbers that are computed at once for a row, one for each symbol. A power of two: `&` finds the next one."""
REDRAW = np.uint64(0x5851F42D4C957F2D)
"""XORed with a row's key: the second sample must not use the random numbers of the first."""
NEVER = 2**62
"""Value of `check_at` for a row whose length is not checked: no line has so many characters."""
FIRST_ROOM = 64
"""Columns of `Table.given` at the start; it grows when a row is given more symbols."""
LINE_ENDS, WORD_ENDS = 1, 2
"""The effect of a symbol on its line: the line ends with it, or a word ends before it, so that the line may be cut."""

Rows = NDArray[np.intp]
_NONE: Rows = np.zeros(0, np.intp)


class Outcome(Enum):
    """Why a row has stopped and waits for its owner."""

    READ = auto()
    """It has read all symbols that it was given, and has sampled none yet."""
    LINE = auto()
    """Its line has ended; the line end is the next symbol that it will read."""
    BROKEN = auto()
    """The network's output was NaN."""


@dataclass(eq=False, slots=True)
class Draft:
    """A handle on one row: the owner keeps it while the row's number changes."""

    owner: Any
    candidate: int = 0
    """Number of the candidate, among those of the same line."""
    row: int = -1
    """Number of the row; it changes when other rows are freed. -1: the draft has no row."""
    outcome: Outcome | None = None
    """Of the last step that gave one."""


@dataclass(frozen=True, slots=True)
class Opening:
    """How a line is sampled, and what it begins with."""

    key: int
    """Key of the line's random numbers (`models.sample.key`)."""
    inverse_temperature: float
    """1 / temperature."""
    nucleus: float
    """Top-p, 0 to 1: sample from the likeliest symbols that together have this probability."""
    chars: int = 0
    """Characters that the line has already: the visitor's own beginning."""
    state: int = AFTER_SPACE
    """State of the rules (`models.sample.Rules`) after that beginning."""


@dataclass(frozen=True, slots=True)
class Place:
    """A saved position in a text: a row can be put back there."""

    state: list[NDArray[np.float32]]
    """The parts of the network's state, (S,) each."""
    symbol: int
    """The symbol that is read next."""


class Table:
    """The rows of one live version; 0 … used-1 are in use."""

    def __init__(self, live: LiveVersion) -> None:
        self.live = live
        self.used = 0
        self.urgent = 0
        """Number of urgent rows: 0 … urgent-1."""
        self.drafts: list[Draft] = []
        rows, style, rules = live.step.rows, live.style, live.rules

        # Constants of the version.
        self._cut_from = max(style.shortest, style.longest // 4)  # characters: no line is cut shorter than this
        self._newline = rules.newline  # symbol of the line end
        self._sizes = rules.sizes  # (W,) characters that begin with each symbol
        self._effects = np.where(rules.spaced, WORD_ENDS, 0)  # (W,)
        self._effects[rules.newline] = LINE_ENDS
        # States 0 … STATES-1 are for lines that may end, the next STATES for lines that are still too short to end.
        self._follows = np.concatenate([rules.follows, rules.follows + STATES])  # (2 * STATES, W)

        # The columns: arrays with one entry for each row. `_columns` must list all of them, so that they move with it.
        self.writing = np.zeros(rows, np.bool_)  # True: samples a line; False: reads what it was given
        self.position = np.zeros(rows, np.int64)  # symbols sampled in this line, or given symbols read
        self.chars = np.zeros(rows, np.int64)  # characters of this line so far
        self.max_chars = np.zeros(rows, np.int64)  # characters; a longer line is cut
        self.check_at = np.full(rows, NEVER)  # characters at which the line becomes long enough to end, or too long
        self.logprob = np.zeros(rows, np.float64)  # nats, summed over the line
        self.reward = np.zeros(rows, np.float64)  # log-odds, summed over the line
        self.keys = np.zeros(rows, np.uint64)  # key of the row's random numbers
        self.uniforms = np.zeros((rows, REFILL), np.float32)  # its next random numbers, in [0, 1)
        # The symbols sampled in this line. A character takes at most four symbols (its bytes in UTF-8). A visitor's
        # beginning raises `max_chars`, but is read and not sampled: it takes no room here.
        self.text = np.zeros((rows, 4 * (style.longest + 8) + 8), np.int32)  # (R, L)
        self.given = np.zeros((rows, FIRST_ROOM), np.int32)  # (R, G) symbols to read
        self.given_size = np.zeros(rows, np.int64)  # how many of them
        # The end of the last whole word: a line that becomes too long is cut there.
        self.cut_at = np.zeros(rows, np.int64)  # position; -1: no word has ended yet
        self.cut_logprob = np.zeros(rows, np.float64)  # nats of the line up to there, with a line end
        self.cut_reward = np.zeros(rows, np.float64)  # log-odds of the line up to there
        self.cut_state = [np.zeros_like(part) for part in live.step.state]  # (R, S) each: the network's state there

        # The owners and slots to wake, by urgency and step number; and the number of steps so far, of rows that are not
        # urgent and of those that are.
        self._wakes: dict[tuple[bool, int], list[tuple[Any, int]]] = {}
        self._steps = [0, 0]

        # `_prepare` computes these when rows have changed; most steps change no row.
        self._all_rows = np.arange(rows)
        self._changed = True
        self._steps_left = 0  # steps until some row may have used all its random numbers
        self._reading: Rows = _NONE  # the rows that read

    def _columns(self) -> tuple[NDArray[Any], ...]:
        """Every array with one entry for each row: all of them move when a row moves."""
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
            # The inputs of the network. Its outputs need not move: `step` has used them before any row moves.
            *step.state,
            step.ids,
            step.inverse_temperature,
            step.rule,
            step.nucleus,
        )

    def add(self, draft: Draft, *, urgent: bool = False) -> int:
        """Take a row for *draft*, at the beginning of a text: zero state, and END is read first. Returns its number.

        *urgent*: may it take steps in which the other rows wait?
        """
        row = self.used
        self.drafts.append(draft)
        self.used += 1
        self._changed = True
        if urgent:
            self._move(self.urgent, row)
            row = self.urgent
            self.urgent += 1
        self.drafts[row] = draft
        draft.row = row
        for part in self.live.step.state:
            part[row] = 0
        self.live.step.ids[row] = END
        return row

    def fork(self, row: int, draft: Draft) -> int:
        """Take a row for *draft*, at the same position in the text as *row*, as urgent as it is. Returns its number."""
        new = self.add(draft, urgent=row < self.urgent)
        for part in self.live.step.state:
            part[new] = part[row]
        self.live.step.ids[new] = self.live.step.ids[row]
        return new

    def remove(self, draft: Draft) -> None:
        """Free the row of *draft*; the last urgent row, if it was urgent, and the last row fill the gap."""
        gap = draft.row
        if gap < self.urgent:
            self.urgent -= 1
            self._move(self.urgent, gap)
            gap = self.urgent
        self.used -= 1
        self._move(self.used, gap)
        self.drafts.pop()
        draft.row = -1
        self._changed = True

    def calm(self, draft: Draft) -> None:
        """Let the row of *draft*, between two lines, be urgent no more."""
        if draft.row < self.urgent:
            place = self.place(draft.row)
            self.remove(draft)
            self.go(self.add(draft), place)

    def _move(self, source: int, target: int) -> None:
        """Copy a row to another, and tell its draft."""
        if source == target:
            return
        for column in self._columns():
            column[target] = column[source]
        if self.cut_at[source] >= 0:  # else there is no state to return to
            for part in self.cut_state:
                part[target] = part[source]
        self.drafts[target] = self.drafts[source]
        self.drafts[target].row = target

    def place(self, row: int) -> Place:
        """The position of a row in its text, as a copy."""
        return Place([part[row].copy() for part in self.live.step.state], int(self.live.step.ids[row]))

    def go(self, row: int, place: Place) -> None:
        """Put a row at a saved position."""
        for part, value in zip(self.live.step.state, place.state, strict=True):
            part[row] = value
        self.live.step.ids[row] = place.symbol

    def read(self, row: int, symbols: list[int]) -> None:
        """Have a row read *symbols*. The outcome READ comes when the last of them is the network's next input."""
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
        """Have a row sample a line; its outcome will be LINE."""
        style, step = self.live.style, self.live.step
        short = opening.chars < style.shortest
        self.writing[row] = True
        self.position[row] = 0
        self.logprob[row] = self.reward[row] = 0.0
        self.cut_at[row] = -1
        self.chars[row] = opening.chars
        self.max_chars[row] = max(style.longest, opening.chars + 8)  # room for a word after a long beginning
        self.check_at[row] = style.shortest if short else self.max_chars[row] + 1
        self.keys[row] = opening.key
        step.rule[row] = opening.state + (STATES if short else 0)
        step.inverse_temperature[row, 0] = opening.inverse_temperature
        step.nucleus[row, 0] = opening.nucleus
        self._changed = True

    def wake(self, draft: Draft, slot: int, *, after: int) -> None:
        """Have `woken` return the draft's owner and *slot* when its row has taken *after* more steps."""
        urgent = draft.row < self.urgent
        self._wakes.setdefault((urgent, self._steps[urgent] + after), []).append((draft.owner, slot))

    def woken(self) -> list[tuple[Any, int]]:
        """The owners and slots whose time has come; each is returned once."""
        return [one for urgent in (True, False) for one in self._wakes.pop((urgent, self._steps[urgent]), [])]

    def symbols(self, row: int, start: int = 0, stop: int | None = None) -> list[int]:
        """The symbols that a row has sampled in this line, from *start* to *stop*, without the line end."""
        stop = int(self.position[row]) if stop is None else stop
        sampled: list[int] = self.text[row, start:stop].tolist()
        return sampled

    def settled(self, row: int) -> int:
        """How many symbols of the line are final: a cut never removes them. 0 within the bytes of a character."""
        if self.live.step.rule[row] % STATES not in WHOLE:
            return 0
        return int(self.cut_at[row] if self.chars[row] >= self._cut_from else self.position[row])

    def step(self, *, urgent: bool = False) -> list[Draft]:
        """Advance every row by one symbol, or only the *urgent* rows; returns the drafts with an outcome.

        Raises what ONNX Runtime raises.
        """
        n, step = self.urgent if urgent else self.used, self.live.step
        rows, position = self._all_rows[:n], self.position[:n]  # (n,) views
        if self._changed or not self._steps_left:
            self._prepare()
        self._steps_left -= 1
        reading = self._reading[: np.searchsorted(self._reading, n)]
        step.uniform[:n, 0] = self.uniforms[rows, position & (REFILL - 1)]
        step.run(n)
        self._steps[True] += 1
        self._steps[False] += not urgent

        # (n,) views of the outputs: `_draw_again` and `_read_on` may overwrite some of their entries.
        drawn, logprob = step.drawn[:n, 0], step.drawn_logprob[:n, 0]
        broken = _NONE if step.in_nucleus[:n].all() else self._draw_again(n)
        effects = self._read_on(drawn, reading) if reading.size else self._effects[drawn]

        ended = _NONE
        if effects.any():  # only some steps have a space or a line end
            self._mark_words(np.flatnonzero(effects == WORD_ENDS))
            ended = np.flatnonzero(effects == LINE_ENDS)
        self.logprob[:n] += logprob
        self.reward[:n] += step.reward[:n, 0]
        self.chars[:n] += self._sizes[drawn]
        # A row that reads has no line yet: what it reads goes into the line's first place, where the first symbol it
        # samples will overwrite it.
        self.text[rows, np.where(self.writing[:n], position, 0)] = drawn
        self.position[:n] += 1
        self.position[ended] -= 1  # the line end does not belong to the line

        step.ids[:n] = drawn
        step.rule[:n] = self._follows[step.rule[:n], drawn]
        if n == self.used:
            step.swap_state()
        else:
            step.copy_state(n)
        due = self.chars[:n] >= self.check_at[:n]
        if due.any():
            cut = self._check_length(np.flatnonzero(due & (effects != LINE_ENDS)))
            ended = np.concatenate([ended, cut])
        return self._outcomes(ended, broken, reading) if ended.size or broken.size or reading.size else []

    def _prepare(self) -> None:
        """Compute what stays the same until rows change, or until some row may have used all its random numbers."""
        self._changed = False
        self._reading = np.flatnonzero(~self.writing[: self.used])
        used = self.position[: self.used] & (REFILL - 1)
        empty = np.flatnonzero(used == 0)
        self.uniforms[empty] = uniforms(self.keys[empty], self.position[empty], REFILL)
        self._steps_left = int(REFILL - used.max(initial=0))

    def _draw_again(self, n: int) -> Rows:
        """Sample again where the graph's symbol lies outside the nucleus; returns the rows whose output is NaN.

        Overwrites the graph's symbols and their log-probabilities.
        """
        step = self.live.step
        outside = np.flatnonzero(~step.in_nucleus[:n, 0])
        nan = np.isnan(step.drawn_logprob[outside, 0])
        broken: Rows = outside[nan]
        again = outside[~nan & self.writing[outside]]
        if again.size:
            # Random numbers of another key than the graph has used: DRAWS for each symbol, as many as `draw` may need.
            numbers = uniforms(self.keys[again] ^ REDRAW, self.position[again] * DRAWS, DRAWS)  # (N, DRAWS)
            drawn = draw(step.probabilities[again], numbers, step.nucleus[again, 0])  # (N,)
            step.drawn[again, 0] = drawn
            step.drawn_logprob[again, 0] = step.logprobs[again, drawn]
        return broken

    def _read_on(self, drawn: NDArray[np.int64], reading: Rows) -> NDArray[np.int64]:
        """Overwrite the samples of the rows in *reading* by the symbols given to them.

        Returns the effect of each row's symbol on its line (n,); 0 for rows that read.
        """
        drawn[reading] = self.given[reading, self.position[reading]]
        effects: NDArray[np.int64] = self._effects[drawn]
        effects[reading] = 0
        return effects

    def _mark_words(self, rows: Rows) -> None:
        """Save where lines could be cut: before the space just sampled, or before the word that begins with a space."""
        step, long = self.live.step, rows[self.chars[rows] >= self._cut_from]
        if long.size:
            self.cut_at[long] = self.position[long]
            self.cut_logprob[long] = self.logprob[long] + step.logprobs[long, self._newline]
            self.cut_reward[long] = self.reward[long] + step.reward[long, 0]
            for part, after in zip(self.cut_state, step.after, strict=True):
                part[long] = after[long]

    def _check_length(self, rows: Rows) -> Rows:
        """Allow the line end in lines that are long enough; cut lines that are too long. Returns the rows cut."""
        too_long = self.chars[rows] > self.max_chars[rows]
        long_enough, cut = rows[~too_long], rows[too_long]
        self.live.step.rule[long_enough] -= STATES  # to the rules for lines that may end
        self.check_at[long_enough] = self.max_chars[long_enough] + 1
        if cut.size:
            self._cut(cut)
        return cut

    def _cut(self, rows: Rows) -> None:
        """Cut lines that are too long: at the end of the last whole word, or before this symbol if there is none."""
        step = self.live.step
        back = rows[self.cut_at[rows] >= 0]
        self.position[back] = self.cut_at[back]
        self.logprob[back] = self.cut_logprob[back]
        self.reward[back] = self.cut_reward[back]
        for part, cut in zip(step.state, self.cut_state, strict=True):
            part[back] = cut[back]
        here = rows[self.cut_at[rows] < 0]
        self.position[here] -= 1  # drop the symbol just sampled
        last = self.text[here, self.position[here]]
        # A line end stands in its place, so the line has the log-probability of the line end there.
        self.logprob[here] += step.logprobs[here, self._newline] - step.logprobs[here, last]
        step.ids[rows] = self._newline

    def _outcomes(self, ended: Rows, broken: Rows, reading: Rows) -> list[Draft]:
        """Store the outcomes of the drafts, and return those drafts; BROKEN overrides the other outcomes."""
        read = reading[self.position[reading] == self.given_size[reading]]
        outcomes = dict.fromkeys(ended.tolist(), Outcome.LINE) | dict.fromkeys(read.tolist(), Outcome.READ)
        outcomes |= dict.fromkeys(broken.tolist(), Outcome.BROKEN)
        for row, outcome in outcomes.items():
            self.drafts[row].outcome = outcome
        return [self.drafts[row] for row in outcomes]
