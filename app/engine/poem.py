"""A poem under way: which line comes next, which rows write it, and what its reader hears.

Lines are written one after the other, each from where the one before ended; a
line may be drawn several times from one place, and one of those is gone on with.
Knows a table, not the queue or the thread.
"""

from collections.abc import Callable
from dataclasses import dataclass

from app.domain.poem import Quotation, Wish, Writing, WrittenLine
from app.engine.choose import Candidate, Choice, Way
from app.engine.draft import Draft, Opening, Outcome, Place
from app.engine.events import Delta, Done, Event, Failed, LineDone, Start
from app.engine.live import LiveVersion
from app.engine.table import Table
from models.sample import chance, key

Hear = Callable[[Event | Failed], None]
"""Called on the decode thread; must not wait."""
WHICH_CANDIDATE = -1
"""Stands for no candidate where the random number is the one that chooses among them."""


@dataclass(frozen=True, slots=True)
class _Ended:
    """A candidate that is written to its end."""

    candidate: Candidate
    symbols: list[int]
    place: Place | None
    """Where it ended; None for the last to end, whose row still stands there."""


class Poem:
    """One writing: a wish, a version, and what has come of it."""

    def __init__(
        self,
        live: LiveVersion,
        wish: Wish,
        hear: Hear,
        *,
        seed: int,
        way: Way,
        stream: bool,
        trial: int | None = None,
    ) -> None:
        self.live, self.drafts = live, list[Draft]()
        self.silent = stream
        """Does its reader wait for a first character?"""
        self._wish, self._seed, self._hear, self._stream = wish, seed, hear, stream
        self._way, self.candidates, self._trial = way, way.candidates, trial
        self._temperature = live.style.temperature if wish.temperature is None else wish.temperature
        self._lines: list[WrittenLine] = []
        self._prime = " ".join(wish.prime.split())
        self._primed = False
        self._said: list[int] = []
        self._ended: dict[int, _Ended] = {}
        self._opening = ""
        self._told = ""
        self._told_symbols = 0

    def open(self, table: Table) -> None:
        """Take a row and begin."""
        self._hear(Start(self.live.id, self.live.number))
        draft = self._draft(0)
        table.add(draft)
        self._next(table, draft)

    def attend(self, table: Table, draft: Draft) -> None:
        """Go on after a row's outcome (READ or LINE)."""
        if draft.outcome is Outcome.READ:
            self._write(table, draft)
        else:
            self._line_ended(table, draft)

    def close(self, table: Table) -> None:
        """Give up all rows."""
        for draft in self.drafts:
            table.remove(draft)
        self.drafts.clear()

    def flush(self, table: Table) -> None:
        """Tell the reader what has been drawn since he last heard. Among candidates nothing is sure before the end."""
        row = self.drafts[0].row
        if self.candidates > 1 or not table.writing[row]:
            return
        settled = table.settled(row)
        if settled > self._told_symbols:
            fresh = table.symbols(row, self._told_symbols, settled)
            self._told_symbols = settled
            self._tell(self.live.vocabulary.decode(fresh))

    def _tell(self, text: str) -> None:
        if text and self._stream:
            self._hear(Delta(len(self._lines), text))
            self._told += text
            self.silent = False

    def _draft(self, candidate: int) -> Draft:
        draft = Draft(self, candidate)
        self.drafts.append(draft)
        return draft

    def _drop(self, table: Table, draft: Draft) -> None:
        table.remove(draft)
        self.drafts.remove(draft)

    def _next(self, table: Table, draft: Draft) -> None:
        """The draft's row stands at the begin of a line: pass the quotations, then write one, or be done."""
        given: list[int] = []
        while quotation := self._quotation():
            human = quotation.line is None
            line = WrittenLine(len(self._lines), quotation.text, 0.0, 1.0, primed=human, quoted=quotation.line)
            given += [*self.live.vocabulary.encode(quotation.text), self.live.rules.newline]
            self._tell(line.text)
            self._finish(line)
        if len(self._lines) >= self._wish.lines:
            self._drop(table, draft)
            taste = self._way.taste
            told = (self._seed, self._temperature, tuple(self._lines), self._trial, taste)
            writing = Writing(self.live.voice, self.live.id, *told)
            self._hear(Done(writing))
            return
        self._primed, prime, self._prime = bool(self._prime), self._prime, ""
        given += self.live.vocabulary.encode(prime)
        self._tell(prime)
        self._opening = prime
        if given:
            self._said += given
            table.read(draft.row, given)
        else:
            self._write(table, draft)

    def _quotation(self) -> Quotation | None:
        """The quotation that stands in the next slot, if one does."""
        slot = len(self._lines)
        return self._wish.keep[slot] if slot < min(len(self._wish.keep), self._wish.lines) else None

    def _write(self, table: Table, draft: Draft) -> None:
        """Begin all candidates of a line from where the draft's row stands."""
        state = self.live.rules.after(self.live.vocabulary.encode(self._opening))
        for candidate in range(self.candidates):
            one = draft
            if candidate:
                one = self._draft(candidate)
                table.fork(draft.row, one)
            one.candidate = candidate
            table.write(one.row, self._beginning(candidate, state))

    def _beginning(self, candidate: int, state: int) -> Opening:
        style = self.live.style
        return Opening(
            key=key(self._seed, len(self._lines), candidate),
            heat=1 / self._temperature,
            nucleus=style.nucleus,
            repetition=style.repetition,
            chars=len(self._opening),
            state=state,
            before=self._said,
        )

    def _line_ended(self, table: Table, draft: Draft) -> None:
        """Keep what the draft has written; when all candidates are there, go on with one of them."""
        symbols = table.symbols(draft.row)
        text = self._opening + self.live.vocabulary.decode(symbols)
        candidate = Candidate(text, float(table.logprob[draft.row]), len(symbols) + 1)
        last = len(self._ended) == self.candidates - 1
        place = None if last else table.place(draft.row)
        self._ended[draft.candidate] = _Ended(candidate, symbols, place)
        if not last:
            self._drop(table, draft)
            return
        chosen, choice = self._pick()
        if chosen.place is not None:
            table.go(draft.row, chosen.place)
        self._said += [*chosen.symbols, self.live.rules.newline]
        self._tell(chosen.candidate.text[len(self._told) :])
        line = chosen.candidate
        told = (line.text, line.logprob, choice.chance)
        self._finish(WrittenLine(len(self._lines), *told, primed=self._primed, liking=choice.liking))
        self._next(table, draft)

    def _pick(self) -> tuple[_Ended, Choice]:
        """One of the candidates, and how it was chosen."""
        ended = [self._ended[i] for i in range(self.candidates)]
        self._ended.clear()
        number = chance(self._seed, len(self._lines), WHICH_CANDIDATE)
        choice = self._way.choose([one.candidate for one in ended], number)
        return ended[choice.index], choice

    def _finish(self, line: WrittenLine) -> None:
        self._lines.append(line)
        self._told, self._told_symbols = "", 0
        self._hear(LineDone(line))
