"""A poem under way: which line comes next, which rows write it, and the events its reader is sent.

Lines are written one after the other, each from where the one before ended; a
line may be drawn several times from one place, and one of those is gone on with.
The first line that is written is told at once; how the poem goes on from there may
be written in several takes, the best of which is told (best-of-n sampling, as in
Stiennon et al. 2020). So a reader has a line to read while the takes are written.
Knows a table, not the queue or the thread.
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
given up: those that another has begun in the same words, and those that would be chosen least likely if they ended
here. The rule is fixed beforehand and draws no random number, so a propensity is one among those who are left."""
LEFT = 2
"""Candidates of a line that are always left to choose from, so that a choice stays a draw."""
WHICH = -1
"""Stream id of the random number that chooses among a take's candidates, and among takes; those of the next take count
down from there, as the candidates' own count up from 0."""


@dataclass(frozen=True, slots=True)
class Start:
    """The poem has a place; from here on its version is fixed."""

    version: int
    """Row id of the version."""
    number: int | None
    """None: a trial drew it, and nobody is told yet."""


@dataclass(frozen=True, slots=True)
class Delta:
    """More characters of a line: those of one line, joined, are its text."""

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
    """No poem; the last event of a poem that could not be written."""

    error: PoemBotError


Event = Start | Delta | LineDone | Done
Hear = Callable[[Event | Failed], None]
"""Called on the decode thread; must not wait."""


@dataclass(frozen=True, slots=True)
class _Ended:
    """A candidate that is written to its end."""

    candidate: Candidate
    place: Place
    """Where it ended: the line end is to be read next."""


def _different_first(ranked: Sequence[int], field: Mapping[int, Candidate]) -> list[int]:
    """*ranked*, but whoever has begun in the words of one before him comes after all others: the same line sixteen
    times is no choice, and may have been said lately.
    """
    first = {field[i].text: i for i in reversed(ranked)}
    return sorted(ranked, key=lambda i: first[field[i].text] != i)  # stable: else the order stays


class Poem:
    """One writing, as its reader hears of it: a wish, a version, and the takes of which one is told."""

    def __init__(
        self, live: LiveVersion, wish: Wish, hear: Hear, *, seed: int, way: Way, stream: bool, trial: int | None = None
    ) -> None:
        self.live = live
        self.wish = wish
        self.seed = seed
        self.way = way
        self.silent = stream
        """Does its reader wait for a first character?"""
        self.temperature = live.style.temperature if wish.temperature is None else wish.temperature
        self.takes = [Take(self)]
        """One until the first line is written; then as many as the way has."""
        self._hear = hear
        self._stream = stream
        self._trial = trial
        self._told: list[WrittenLine] = []
        self._sent = ""
        """What the reader has been sent of the line under way, and how many of its drawn symbols."""
        self._sent_symbols = 0

    @property
    def parted(self) -> bool:
        """Are there several takes?"""
        return len(self.takes) > 1

    @property
    def per_take(self) -> int:
        """Candidates of a take's next line: takes share them; before they part, one draws no more than it will have."""
        return self.way.candidates // self.way.takes

    def quotation(self, slot: int) -> Quotation | None:
        """The quotation that stands in a slot, if one does."""
        return self.wish.keep[slot] if slot < min(len(self.wish.keep), self.wish.lines) else None

    @property
    def done(self) -> bool:
        """Is no row left that writes it?"""
        return not any(take.drafts for take in self.takes)

    def open(self, table: Table) -> None:
        """Take a row and begin."""
        self._hear(Start(self.live.id, self.live.number if self._trial is None else None))
        self.takes[0].open(table)

    def close(self, table: Table) -> None:
        """Give up all rows."""
        for take in self.takes:
            take.close(table)

    def flush(self, table: Table) -> None:
        """Send the reader what was drawn since the last time. Of several candidates none is sure before the end."""
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
        """Send the reader more of the line under way, where he reads along; of several takes none is sure."""
        if not self.parted:
            self._say(text)

    def _say(self, text: str) -> None:
        if text and self._stream:
            self._hear(Delta(len(self._told), text))
            self._sent += text
            self.silent = False

    def line_ended(self, line: WrittenLine) -> None:
        """A take has one line more: of the only one it is told."""
        if not self.parted:
            self._tell(line)

    def take_ended(self) -> None:
        """When all takes have: tell the one that is chosen, and be done."""
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
            self.way.told(line.text)


class Take:
    """One way that a poem goes: its lines so far, and the rows that write the next one."""

    def __init__(self, poem: Poem, number: int = 0, *, lines: Sequence[WrittenLine] = ()) -> None:
        self.poem = poem
        self.drafts: list[Draft] = []
        self.lines = list(lines)
        self.score = 0.0
        """Log-odds that it is chosen among the takes: of its lines, summed since they parted."""
        self._number = number
        self._prime = "" if number else " ".join(poem.wish.prime.split())
        self._primed = False
        self._ended: dict[int, _Ended] = {}
        self._field = 0
        """Candidates of the line under way that have not been given up."""
        self._opening = ""
        """What the visitor wrote of the line under way."""

    def open(self, table: Table) -> None:
        """Take a row at the beginning of the poem."""
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
        prime, self._prime = self._prime, ""  # it begins the first line that is written
        self._primed = bool(prime)
        self._opening = prime
        given += self.poem.live.vocabulary.encode(prime)
        self.poem.send(prime)
        if given:
            table.read(draft.row, given)
        else:
            self._write(table, draft)

    def _write(self, table: Table, draft: Draft) -> None:
        """Write the next line from where the draft's row stands; where the takes part, each of them does.

        They part after the first line that was written, unless one line alone is left: that has candidates.
        """
        if self.poem.way.takes > 1 and self._written() and not self.poem.parted and self._to_write() > 1:
            others = [Take(self.poem, n, lines=self.lines) for n in range(1, self.poem.way.takes)]
            self.poem.takes += others
            for take in others:
                take.go_on(table, draft.row)
        self._begin(table, draft)

    def go_on(self, table: Table, row: int) -> None:
        """Write the next line from where the *row* of another take stands."""
        draft = self._draft(0)
        table.fork(row, draft)
        self._begin(table, draft)

    def _written(self) -> bool:
        """Is one of its lines no quotation?"""
        return any(self.poem.quotation(line.slot) is None for line in self.lines)

    def _to_write(self) -> int:
        """Lines that are still to be written; quotations are not."""
        wish, at = self.poem.wish, len(self.lines)
        return wish.lines - at - sum(one is not None for one in wish.keep[at : wish.lines])

    def _begin(self, table: Table, draft: Draft) -> None:
        """Begin all candidates of a line from where the draft's row stands."""
        state = self.poem.live.rules.after(self.poem.live.vocabulary.encode(self._opening))
        self._field = self.poem.per_take
        if self._field > 1 and not self._opening:
            for share in THINNED_AT:
                table.wake(self, len(self.lines), after=max(1, int(self.poem.live.style.longest * share)))
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
        """Keep what the draft has written; when all candidates are there, go on with one of them."""
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
        """Give up the worse half of a line's candidates; those that have ended already compete."""
        if slot != len(self.lines) or self._field <= LEFT:  # that line is chosen already, or has few enough
            return
        drafts = {draft.candidate: draft for draft in self.drafts}
        field = {i: one.candidate for i, one in self._ended.items()}
        field |= {i: self._unfinished(table, draft.row) for i, draft in drafts.items()}
        scores = dict(zip(field, self._score(list(field.values())), strict=True))
        ranked = _different_first(sorted(field, key=lambda i: (-scores[i], i)), field)
        self._field = max(LEFT, -(-self._field // 2))
        given_up = ranked[self._field :]
        for candidate in given_up:
            self._ended.pop(candidate, None)
        losers = [drafts[candidate] for candidate in given_up if candidate in drafts]
        # A take never leaves the table: where all who are left have ended, a loser's row goes on with one of them.
        row = losers.pop() if len(losers) == len(self.drafts) else None
        for draft in losers:
            self._drop(table, draft)
        if row is not None:
            self._choose(table, row)

    def _unfinished(self, table: Table, row: int) -> Candidate:
        """What a row has drawn so far."""
        symbols = table.symbols(row)
        text = self._opening + self.poem.live.vocabulary.decode(symbols)
        return Candidate(text, float(table.logprob[row]), len(symbols), reward=float(table.reward[row]))

    def _score(self, candidates: Sequence[Candidate]) -> Sequence[float]:
        if self.poem.way.score is None:
            return [one.mean_logprob for one in candidates]
        return self.poem.way.score(self._context(), candidates)

    def _context(self) -> Context:
        """Where the line under way is to stand."""
        return Context(tuple(line.text for line in self.lines), ends=len(self.lines) == self.poem.wish.lines - 1)

    def _choose(self, table: Table, draft: Draft) -> None:
        """All candidates are there: go on with one of them, in the draft's row."""
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
