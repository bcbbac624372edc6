"""A poem under way: which line comes next, which rows write it, and the events its reader is sent.

Lines are written one after the other, each from the state in which the line before
ended. A line may have several candidates, of which one is chosen. The first line is
sent at once; the rest may be written in several takes, of which the best is sent
(best-of-n sampling, as in Stiennon et al. 2020). So a reader has a line to read while
the takes are written. Knows a table, not the queue or the thread.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from app.domain.errors import PoemBotError
from app.domain.poem import Quotation, Wish, Writing, WrittenLine
from app.engine.choose import Candidate, Context, Way, weighted
from app.engine.live import LiveVersion
from app.engine.table import Draft, Opening, Outcome, Place, Table
from models.sample import key, uniform

THINNED_AT = (3 / 16, 5 / 16)
"""Lengths of a line, as shares of the longest that the version's style allows, at which half of the candidates are
dropped: first those that begin with the same words as a better one, then those with the lowest scores so far. The rule
is fixed and draws no random number, so a propensity is a probability among the candidates that are left."""
NEVER_DROPPED = 2
"""Candidates of a line that are never dropped, so that a choice stays a draw."""
WHICH = -1
"""Stream id of the random number that chooses among the candidates of take 0, and among takes; take n has `WHICH` - n.
The candidates' own stream ids count up from 0."""


@dataclass(frozen=True, slots=True)
class Start:
    """The poem has begun; its version is fixed."""

    version: int
    """Row id of the version."""
    number: int | None
    """None while a trial keeps it from readers."""


@dataclass(frozen=True, slots=True)
class Delta:
    """More characters of a line; those of one slot, joined, are its text."""

    slot: int
    text: str


@dataclass(frozen=True, slots=True)
class LineDone:
    """A whole line."""

    line: WrittenLine


@dataclass(frozen=True, slots=True)
class Done:
    """The whole poem."""

    writing: Writing


@dataclass(frozen=True, slots=True)
class Failed:
    """The poem could not be written; its last event."""

    error: PoemBotError


Event = Start | Delta | LineDone | Done
Hear = Callable[[Event | Failed], None]
"""Called on the decode thread; must not block."""


@dataclass(frozen=True, slots=True)
class _Ended:
    """A finished candidate."""

    candidate: Candidate
    place: Place
    """The state in which it ended: the line end is to be read next."""


def _different_first(ranked: Sequence[int], field: Mapping[int, Candidate]) -> list[int]:
    """*ranked*, with every candidate whose text equals a better one's moved behind all others: sixteen times the same
    line is no choice.
    """
    first = {field[i].text: i for i in reversed(ranked)}
    return sorted(ranked, key=lambda i: first[field[i].text] != i)  # stable: else the order stays


class Poem:
    """A poem being written for one reader: a wish, a version, and the takes of which one is sent."""

    def __init__(
        self, live: LiveVersion, wish: Wish, hear: Hear, *, seed: int, way: Way, stream: bool, trial: int | None = None
    ) -> None:
        self.live = live
        self.wish = wish
        self.seed = seed
        self.way = way
        self.silent = stream
        """Is its reader still waiting for a first character?"""
        self.temperature = live.style.temperature if wish.temperature is None else wish.temperature
        self.takes = [Take(self)]
        """One until the first line is written, then as many as the way has."""
        self._hear = hear
        self._stream = stream
        self._trial = trial
        self._told: list[WrittenLine] = []
        self._sent = ""
        """What the reader has been sent of the line under way; the number of its drawn symbols follows."""
        self._sent_symbols = 0

    @property
    def parted(self) -> bool:
        """Are there several takes by now?"""
        return len(self.takes) > 1

    @property
    def per_take(self) -> int:
        """Candidates of a take's next line: the takes share the way's candidates, before they part too."""
        return self.way.candidates // self.way.takes

    @property
    def urgent(self) -> bool:
        """Does its reader wait for a first line? Unlike `silent`, also after his own beginning was sent."""
        return self._stream and not self._told

    def quotation(self, slot: int) -> Quotation | None:
        """The quotation in a slot, or None."""
        return self.wish.keep[slot] if slot < min(len(self.wish.keep), self.wish.lines) else None

    @property
    def done(self) -> bool:
        """Has every take ended?"""
        return not any(take.drafts for take in self.takes)

    def open(self, table: Table) -> None:
        """Take a row and begin."""
        self._hear(Start(self.live.id, self.live.number if self._trial is None else None))
        self.takes[0].open(table)

    def close(self, table: Table) -> None:
        """Free all rows."""
        for take in self.takes:
            take.close(table)

    def flush(self, table: Table) -> None:
        """Send the reader what was drawn since the last flush; nothing while several candidates compete."""
        if self.way.candidates > 1:
            return
        row = self.takes[0].drafts[0].row
        if not table.writing[row]:
            return
        settled = table.settled(row)
        if settled > self._sent_symbols:
            fresh = table.symbols(row, self._sent_symbols, settled)
            self._sent_symbols = settled
            self.send(self.live.vocabulary.decode(fresh))

    def send(self, text: str) -> None:
        """Send a streaming reader more of the line under way; nothing while several takes compete."""
        if not self.parted:
            self._say(text)

    def _say(self, text: str) -> None:
        if text and self._stream:
            self._hear(Delta(len(self._told), text))
            self._sent += text
            self.silent = False

    def line_ended(self, line: WrittenLine) -> None:
        """A take has one line more: send it unless several takes compete."""
        if not self.parted:
            self._tell(line)

    def take_ended(self) -> None:
        """When the last take has ended, choose one, send its lines, and end the poem."""
        if not self.done:
            return
        if self.parted:
            choice = weighted([take.score for take in self.takes], uniform(self.seed, self.wish.lines, WHICH))
            for line in self.takes[choice.index].lines[len(self._told) :]:
                given = self.quotation(line.slot) is not None
                self._tell(line if given else replace(line, chance=line.chance * choice.propensity))
        writing = Writing(
            voice=self.live.voice,
            version=self.live.id,
            seed=self.seed,
            temperature=self.temperature,
            lines=tuple(self._told),
            trial=self._trial,
            taste=self.way.taste,
        )
        self._hear(Done(writing))

    def _tell(self, line: WrittenLine) -> None:
        self._say(line.text[len(self._sent) :])
        self._told.append(line)
        self._sent = ""
        self._sent_symbols = 0
        self._hear(LineDone(line))
        if self.quotation(line.slot) is None:
            self.way.sent(line.text)


class Take:
    """One continuation of a poem: its lines so far, and the rows that write the next one."""

    def __init__(self, poem: Poem, number: int = 0, *, lines: Sequence[WrittenLine] = ()) -> None:
        self.poem = poem
        self.drafts: list[Draft] = []
        self.lines = list(lines)
        self.score = 0.0
        """Log-odds that it is chosen among the takes: the sum over its lines since they parted."""
        self._number = number
        self._prime = "" if number else " ".join(poem.wish.prime.split())
        self._primed = False
        self._ended: dict[int, _Ended] = {}
        self._field = 0
        """Candidates of the line under way that have not been dropped."""
        self._opening = ""
        """The beginning of the line under way that the visitor wrote."""

    def open(self, table: Table) -> None:
        """Take a row and begin the poem."""
        draft = self._draft(0)
        table.add(draft, urgent=self.poem.urgent)
        self._next(table, draft)

    def attend(self, table: Table, draft: Draft) -> None:
        """Continue after a row's outcome (READ or LINE)."""
        if draft.outcome is Outcome.READ:
            self._write(table, draft)
        else:
            self._line_ended(table, draft)

    def close(self, table: Table) -> None:
        """Free all rows."""
        for draft in self.drafts:
            table.remove(draft)
        self.drafts.clear()

    def _draft(self, candidate: int) -> Draft:
        draft = Draft(self, candidate)
        self.drafts.append(draft)
        return draft

    def _drop(self, table: Table, draft: Draft) -> None:
        table.remove(draft)
        self.drafts.remove(draft)

    def _next(self, table: Table, draft: Draft) -> None:
        """At the beginning of a line: read the quotations that stand here, then write the next line or end."""
        given: list[int] = []
        while quotation := self.poem.quotation(len(self.lines)):
            line = WrittenLine(
                slot=len(self.lines),
                text=quotation.text,
                logprob=0.0,
                chance=1.0,
                primed=quotation.line is None,  # the visitor's own words
                quoted=quotation.line,
            )
            given += [*self.poem.live.vocabulary.encode(quotation.text), self.poem.live.rules.newline]
            self._finish(line)
        if len(self.lines) >= self.poem.wish.lines:
            self._drop(table, draft)
            self.poem.take_ended()
            return
        prime, self._prime = self._prime, ""  # it opens the first line that is written
        self._primed = bool(prime)
        self._opening = prime
        given += self.poem.live.vocabulary.encode(prime)
        self.poem.send(prime)
        if given:
            table.read(draft.row, given)
        else:
            self._write(table, draft)

    def _write(self, table: Table, draft: Draft) -> None:
        """Write the next line from the state of the draft's row; where the takes part, begin the others from it too.

        They part after the first written line, unless only one line is left: that line has candidates of its own.
        """
        if not self.poem.urgent:
            table.calm(draft)
        if self.poem.way.takes > 1 and self._written() and not self.poem.parted and self._to_write() > 1:
            others = [Take(self.poem, n, lines=self.lines) for n in range(1, self.poem.way.takes)]
            self.poem.takes += others
            for take in others:
                take.go_on(table, draft.row)
        self._begin(table, draft)

    def go_on(self, table: Table, row: int) -> None:
        """Write the next line from the state of another take's *row*."""
        draft = self._draft(0)
        table.fork(row, draft)
        self._begin(table, draft)

    def _written(self) -> bool:
        """Has the take written a line, quotations not counted?"""
        return any(self.poem.quotation(line.slot) is None for line in self.lines)

    def _to_write(self) -> int:
        """Number of lines still to be written, quotations not counted."""
        wish, at = self.poem.wish, len(self.lines)
        return wish.lines - at - sum(one is not None for one in wish.keep[at : wish.lines])

    def _begin(self, table: Table, draft: Draft) -> None:
        """Begin all candidates of a line from the state of the draft's row."""
        state = self.poem.live.rules.after(self.poem.live.vocabulary.encode(self._opening))
        self._field = self.poem.per_take
        if self._field > 1 and not self._opening:
            for share in THINNED_AT:
                table.wake(draft, len(self.lines), after=max(1, int(self.poem.live.style.longest * share)))
        first = self._number * self._field
        for candidate in range(first, first + self._field):
            one = draft
            if candidate > first:
                one = self._draft(candidate)
                table.fork(draft.row, one)
            one.candidate = candidate
            table.write(one.row, self._line_opening(candidate, state))

    def _line_opening(self, candidate: int, state: int) -> Opening:
        poem, style = self.poem, self.poem.live.style
        opens = not (self.lines or self._opening)
        temperature = max(poem.temperature, style.opening) if opens else poem.temperature
        return Opening(
            # The key depends on nothing but seed, line and candidate: a line never depends on its neighbours.
            key=key(poem.seed, len(self.lines), candidate),
            inverse_temperature=1 / temperature,
            nucleus=style.nucleus,
            chars=len(self._opening),
            state=state,
        )

    def _line_ended(self, table: Table, draft: Draft) -> None:
        """Keep a finished candidate; when it is the last one, choose."""
        symbols = table.symbols(draft.row)
        text = self._opening + self.poem.live.vocabulary.decode(symbols)
        nats, reward = float(table.logprob[draft.row]), float(table.reward[draft.row])
        candidate = Candidate(text, logprob=nats, symbols=len(symbols) + 1, reward=reward)
        self._ended[draft.candidate] = _Ended(candidate, table.place(draft.row))
        if len(self._ended) < self._field:
            self._drop(table, draft)
        else:
            self._choose(table, draft)

    def thin(self, table: Table, slot: int) -> None:
        """Drop the worse half of a line's candidates, finished ones included."""
        if slot != len(self.lines) or self._field <= NEVER_DROPPED:  # already chosen, or few enough
            return
        drafts = {draft.candidate: draft for draft in self.drafts}
        field = {i: one.candidate for i, one in self._ended.items()}
        field |= {i: self._unfinished(table, draft.row) for i, draft in drafts.items()}
        scores = dict(zip(field, self._score(list(field.values())), strict=True))
        ranked = _different_first(sorted(field, key=lambda i: (-scores[i], i)), field)
        self._field = max(NEVER_DROPPED, -(-self._field // 2))
        given_up = ranked[self._field :]
        for candidate in given_up:
            self._ended.pop(candidate, None)
        losers = [drafts[candidate] for candidate in given_up if candidate in drafts]
        # A take always keeps a row: if all that are left have finished, a dropped one's row continues with the choice.
        row = losers.pop() if len(losers) == len(self.drafts) else None
        for draft in losers:
            self._drop(table, draft)
        if row is not None:
            self._choose(table, row)

    def _unfinished(self, table: Table, row: int) -> Candidate:
        """A candidate of what a row has drawn so far."""
        symbols = table.symbols(row)
        text = self._opening + self.poem.live.vocabulary.decode(symbols)
        return Candidate(text, float(table.logprob[row]), len(symbols), reward=float(table.reward[row]))

    def _score(self, candidates: Sequence[Candidate]) -> Sequence[float]:
        if self.poem.way.score is None:
            return [one.mean_logprob for one in candidates]
        return self.poem.way.score(self._context(), candidates)

    def _context(self) -> Context:
        """The place of the line under way."""
        return Context(tuple(line.text for line in self.lines), ends=len(self.lines) == self.poem.wish.lines - 1)

    def _choose(self, table: Table, draft: Draft) -> None:
        """Choose one of the finished candidates and continue with it in the draft's row."""
        ended = [self._ended[i] for i in sorted(self._ended)]
        self._ended.clear()
        number = uniform(self.poem.seed, len(self.lines), WHICH - self._number)
        choice = self.poem.way.choose(self._context(), [one.candidate for one in ended], number)
        chosen = ended[choice.index]
        if self.poem.parted:
            self.score += choice.score
        table.go(draft.row, chosen.place)
        line = WrittenLine(
            slot=len(self.lines),
            text=chosen.candidate.text,
            logprob=chosen.candidate.logprob,
            chance=choice.propensity,
            primed=self._primed,
            liking=choice.liking,
        )
        self._finish(line)
        self._next(table, draft)

    def _finish(self, line: WrittenLine) -> None:
        self.lines.append(line)
        self.poem.line_ended(line)
