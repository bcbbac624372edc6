"""The slot table: all lines that one version is writing, as rows of arrays that a step advances together.

A row reads symbols it is given, or draws them; it ends with an outcome, and whoever
owns it says what comes next. Rows stay close together: the last one moves into a gap.
Nothing here depends on how many rows there are, or on which is which. The graph
draws; here is drawn again what does not fit the nucleus.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.engine.draft import Draft, Opening, Outcome, Place
from app.engine.live import LiveVersion
from models.sample import BETWEEN, DRAWS, STATES, WHOLE, draw, luck
from models.vocabulary import END

TAIL = 96
"""Symbols of the poem before this line that repetition looks back on."""
RUN = 3
"""Symbols that must be equal for the next one to count as a repetition."""
REFILL = 32
"""Symbols that one filling of random numbers lasts for; a power of two."""
AGAIN = np.uint64(0x5851F42D4C957F2D)
"""Turns a row's key into the one of the numbers for drawing again."""
NEVER = 2**62
"""Characters that no line has."""
ENDS, SPACED = 1, 2
"""What a symbol does to a line: it ends there, or could be cut before it."""


class Table:
    """Rows 0 … used-1 of one live version's step. Every public array has a row for each."""

    def __init__(self, live: LiveVersion) -> None:
        self.live, self.used = live, 0
        self.drafts: list[Draft] = []
        rows, style, rules = live.step.rows, live.style, live.rules
        # A symbol is at least a quarter of a character; a beginning of the visitor's adds no symbols, but room.
        line = 4 * (style.longest + 8) + 8
        self._room = max(style.shortest, style.longest // 4)
        self._newline, self._sizes = rules.newline, rules.sizes
        self._deeds = (np.arange(len(rules.sizes)) == rules.newline) * ENDS + rules.spaced * SPACED
        self._follows = np.concatenate([rules.follows, rules.follows + STATES])  # a short line stays short
        self._index = np.arange(rows)
        self.writing = np.zeros(rows, np.bool_)
        self.at = np.zeros(rows, np.int64)  # symbols drawn in this line, or read of what was given
        self.chars = np.zeros(rows, np.int64)
        self.most = np.zeros(rows, np.int64)
        self.alarm = np.full(rows, NEVER)  # characters at which the line is no longer short, or grows too long
        self.logprob = np.zeros(rows, np.float64)
        self.repetition = np.zeros(rows, np.float32)
        self.keys = np.zeros(rows, np.uint64)
        self.numbers = np.zeros((rows, REFILL), np.float32)
        self.said = np.full((rows, TAIL + line), -1, np.int32)
        self.given = np.zeros((rows, 64), np.int32)
        self.given_size = np.zeros(rows, np.int64)
        self.cut_at = np.zeros(rows, np.int64)  # where a line that grows too long would be cut; -1: nowhere
        self.cut_logprob = np.zeros(rows, np.float64)
        self.cut_state = [np.zeros_like(part) for part in live.step.state]
        self._changed = True
        self._lasts = 0  # steps until a row runs out of numbers
        self._reads = self._repeats = self._index[:0]

    def _columns(self) -> list[NDArray[Any]]:
        step = self.live.step
        public = [value for name, value in vars(self).items() if isinstance(value, np.ndarray) and name[0] != "_"]
        return [*public, *self.cut_state, *step.state, step.ids, step.heat, step.rule, step.nucleus]

    def add(self, draft: Draft) -> int:
        """A row in silence: nothing read, END to be read first."""
        row = draft.row = self.used
        self.drafts.append(draft)
        self.used, self._changed = row + 1, True
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
        self.used, draft.row, self._changed = last, -1, True

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
        if len(symbols) > self.given.shape[1]:
            wider = len(symbols) - self.given.shape[1]
            self.given = np.pad(self.given, ((0, 0), (0, wider)))
        self.given[row, : len(symbols)] = symbols
        self.given_size[row], self.at[row] = len(symbols), 0
        self.writing[row], self.alarm[row], self._changed = False, NEVER, True
        self.live.step.rule[row] = BETWEEN

    def write(self, row: int, opening: Opening) -> None:
        """Have a row draw a line; its outcome will be LINE."""
        style, step, short = self.live.style, self.live.step, opening.chars < self.live.style.shortest
        self.writing[row], self.at[row], self.logprob[row], self.cut_at[row] = True, 0, 0.0, -1
        self.chars[row], self.most[row] = opening.chars, max(style.longest, opening.chars + 8)
        self.alarm[row] = style.shortest if short else self.most[row] + 1
        step.rule[row] = opening.state + STATES * short
        step.heat[row, 0], step.nucleus[row, 0] = opening.heat, opening.nucleus
        self.keys[row], self.repetition[row], self._changed = opening.key, opening.repetition, True
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
        if self.live.step.rule[row] % STATES not in WHOLE:
            return 0
        return int(self.cut_at[row] if self.chars[row] >= self._room else self.at[row])

    def step(self) -> list[Draft]:
        """One symbol more for every row; the drafts that have an outcome now. Raises what ONNX Runtime raises."""
        n, step = self.used, self.live.step
        rows, at = self._index[:n], self.at[:n]
        if self._changed or not self._lasts:
            self._look(n)
        self._lasts -= 1
        step.luck[:n, 0] = self.numbers[rows, at & (REFILL - 1)]
        step.run(n)
        chosen, told = step.drawn[:n, 0], step.told[:n, 0]
        broken = self._draw_again(n) if self._repeats.size or not step.fits[:n].all() else _NOBODY
        deeds = self._read_on(chosen) if self._reads.size else self._deeds[chosen]
        ended = _NOBODY
        if deeds.any():
            self._mark_words(np.flatnonzero(deeds == SPACED))
            ended = np.flatnonzero(deeds == ENDS)
        self.logprob[:n] += told
        self.chars[:n] += self._sizes[chosen]
        self.said[rows, TAIL + (at * self.writing[:n] if self._reads.size else at)] = chosen
        at += 1
        at[ended] -= 1  # the line end is not of the line
        step.ids[:n] = chosen
        step.rule[:n] = self._follows[step.rule[:n], chosen]
        step.turn()
        due = self.chars[:n] >= self.alarm[:n]
        if due.any():
            ended = np.concatenate([ended, self._heed(np.flatnonzero(due & (deeds != ENDS)))])
        return self._outcomes(ended, broken) if ended.size or broken.size or self._reads.size else []

    def _look(self, n: int) -> None:
        """What stays as it is until rows change, or run out of random numbers."""
        self._changed = False
        self._reads = np.flatnonzero(~self.writing[:n])
        self._repeats = np.flatnonzero((self.repetition[:n] > 0) & self.writing[:n])
        used = self.at[:n] & (REFILL - 1)
        dry = np.flatnonzero(used == 0)
        self.numbers[dry] = luck(self.keys[dry], self.at[dry], REFILL)
        self._lasts = int(REFILL - used.max(initial=0))

    def _draw_again(self, n: int) -> NDArray[np.intp]:
        """Draw where the first symbol was not in the nucleus, or repetition changes the odds; the rows without numbers.

        The graph's symbols and their log-probabilities are overwritten.
        """
        step = self.live.step
        misfits = np.flatnonzero(~step.fits[:n, 0])
        lost = np.isnan(step.told[misfits, 0])
        broken: NDArray[np.intp] = misfits[lost]
        left = misfits[~lost]
        if self._repeats.size:
            self._discourage(self._repeats)
            left = np.union1d(left, self._repeats)
        left = left[self.writing[left]]
        if left.size:
            numbers = luck(self.keys[left] ^ AGAIN, self.at[left] * DRAWS, DRAWS)
            chosen = draw(step.odds[left], numbers, step.nucleus[left, 0])
            step.drawn[left, 0], step.told[left, 0] = chosen, step.logprobs[left, chosen]
        return broken

    def _discourage(self, rows: NDArray[np.intp]) -> None:
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

    def _read_on(self, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give the rows that read what they read next; what all symbols do to the lines, which is nothing there."""
        reads = self._reads
        chosen[reads] = self.given[reads, self.at[reads]]
        deeds: NDArray[np.int64] = self._deeds[chosen]
        deeds[reads] = 0
        return deeds

    def _mark_words(self, rows: NDArray[np.intp]) -> None:
        """Note where lines that grow long could end: before the space just drawn, or the word that begins with one."""
        step, long = self.live.step, rows[self.chars[rows] >= self._room]
        if long.size:
            self.cut_at[long] = self.at[long]
            self.cut_logprob[long] = self.logprob[long] + step.logprobs[long, self._newline]
            for part, after in zip(self.cut_state, step.after, strict=True):
                part[long] = after[long]

    def _heed(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Let lines end that are no longer short, and cut those that are too long: which ones?"""
        long = self.chars[rows] > self.most[rows]
        full: NDArray[np.intp] = rows[long]
        short = rows[~long]
        self.live.step.rule[short] -= STATES
        self.alarm[short] = self.most[short] + 1
        if full.size:
            self._cut(full)
        return full

    def _cut(self, rows: NDArray[np.intp]) -> None:
        """End lines that are too long: at the last word's end, or here where there is none."""
        step = self.live.step
        back = rows[self.cut_at[rows] >= 0]
        self.at[back], self.logprob[back] = self.cut_at[back], self.cut_logprob[back]
        for part, cut in zip(step.state, self.cut_state, strict=True):
            part[back] = cut[back]
        here = rows[self.cut_at[rows] < 0]
        self.at[here] -= 1  # the symbol just drawn was one too many
        last = self.said[here, TAIL + self.at[here]]
        self.logprob[here] += step.logprobs[here, self._newline] - step.logprobs[here, last]
        step.ids[rows] = self._newline

    def _outcomes(self, ended: NDArray[np.intp], broken: NDArray[np.intp]) -> list[Draft]:
        """Tell the drafts; one that is broken hears nothing else."""
        done = self._reads[self.at[self._reads] == self.given_size[self._reads]]
        told = dict.fromkeys(ended.tolist(), Outcome.LINE) | dict.fromkeys(done.tolist(), Outcome.READ)
        told |= dict.fromkeys(broken.tolist(), Outcome.BROKEN)
        for row, outcome in told.items():
            self.drafts[row].outcome = outcome
        return [self.drafts[row] for row in told]


_NOBODY: NDArray[np.intp] = np.zeros(0, np.intp)
