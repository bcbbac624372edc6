"""A poem under way: which line comes next, which rows write it, and the events its reader is sent.

Lines are written one after the other, each from where the one before ended; a
line may be drawn several times from one place, and one of those is gone on with.
Knows a table, not the queue or the thread.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from app.domain.errors import PoemBotError
from app.domain.poem import Quotation, Wish, Writing, WrittenLine
from app.engine.choose import Candidate, Choice, Context, Way
from app.engine.live import LiveVersion
from app.engine.table import Draft, Opening, Outcome, Place, Table
from models.sample import key, uniform

THINNED_AT = (3 / 16, 5 / 16)
"""Lengths of a line, as shares of the longest that the version's style allows, at which half of the candidates are
given up: those that another has begun in the same words, and those that would be chosen least likely if they ended
here. The rule is fixed beforehand and draws no random number, so a propensity is one among those who are left."""
LEFT = 2
"""Candidates of a line that are always left to choose from, so that a choice stays a draw."""
WHICH_CANDIDATE = -1
"""Stream id of the random number that chooses among candidates, whose own ids count from 0."""


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
    symbols: list[int]
    place: Place
    """Where it ended: the line end is to be read next."""


def _different_first(ranked: Sequence[int], field: Mapping[int, Candidate]) -> list[int]:
    """*ranked*, but whoever has begun in the words of one before him comes after all others: the same line sixteen
    times is no choice, and may have been said lately.
    """
    first = {field[i].text: i for i in reversed(ranked)}
    return sorted(ranked, key=lambda i: first[field[i].text] != i)  # stable: else the order stays


class Poem:
    """One writing: a wish, a version, and what has come of it."""

    def __init__(
        self, live: LiveVersion, wish: Wish, hear: Hear, *, seed: int, way: Way, stream: bool, trial: int | None = None
    ) -> None:
        self.live = live
        self.drafts = list[Draft]()
        self.silent = stream
        """Does its reader wait for a first character?"""
        self.candidates = way.candidates
        self._wish = wish
        self._hear = hear
        self._seed = seed
        self._way = way
        self._stream = stream
        self._trial = trial
        self._temperature = live.style.temperature if wish.temperature is None else wish.temperature
        self._lines: list[WrittenLine] = []
        self._prime = " ".join(wish.prime.split())
        self._primed = False
        self._symbols: list[int] = []
        """All symbols of the poem so far: the candidates that were not chosen left out."""
        self._ended: dict[int, _Ended] = {}
        self._field = self.candidates
        """Candidates of the line under way that have not been given up."""
        self._opening = ""
        """What the visitor wrote of the line under way."""
        self._sent = ""
        """What the reader has been sent of the line under way, and how many of its drawn symbols."""
        self._sent_symbols = 0

    def open(self, table: Table) -> None:
        """Take a row and begin."""
        self._hear(Start(self.live.id, self.live.number if self._trial is None else None))
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
        """Send the reader what was drawn since the last time. Of several candidates none is sure before the end."""
        row = self.drafts[0].row
        if self.candidates > 1 or not table.writing[row]:
            return
        settled = table.settled(row)
        if settled > self._sent_symbols:
            fresh = table.symbols(row, self._sent_symbols, settled)
            self._sent_symbols = settled
            self._send(self.live.vocabulary.decode(fresh))

    def _send(self, text: str) -> None:
        if text and self._stream:
            self._hear(Delta(len(self._lines), text))
            self._sent += text
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
            line = WrittenLine(
                slot=len(self._lines),
                text=quotation.text,
                logprob=0.0,
                chance=1.0,
                primed=quotation.line is None,  # the visitor's own words
                quoted=quotation.line,
            )
            given += [*self.live.vocabulary.encode(quotation.text), self.live.rules.newline]
            self._send(line.text)
            self._finish(line)
        if len(self._lines) >= self._wish.lines:
            self._drop(table, draft)
            self._hear(Done(self._writing()))
            return
        prime, self._prime = self._prime, ""  # it begins the first line that is written
        self._primed = bool(prime)
        self._opening = prime
        given += self.live.vocabulary.encode(prime)
        self._send(prime)
        if given:
            self._symbols += given
            table.read(draft.row, given)
        else:
            self._write(table, draft)

    def _writing(self) -> Writing:
        """The finished poem."""
        return Writing(
            voice=self.live.voice,
            version=self.live.id,
            seed=self._seed,
            temperature=self._temperature,
            lines=tuple(self._lines),
            trial=self._trial,
            taste=self._way.taste,
        )

    def _quotation(self) -> Quotation | None:
        """The quotation that stands in the next slot, if one does."""
        slot = len(self._lines)
        return self._wish.keep[slot] if slot < min(len(self._wish.keep), self._wish.lines) else None

    def _write(self, table: Table, draft: Draft) -> None:
        """Begin all candidates of a line from where the draft's row stands."""
        state = self.live.rules.after(self.live.vocabulary.encode(self._opening))
        self._field = self.candidates
        if self.candidates > 1 and not self._opening:
            for share in THINNED_AT:
                table.wake(self, len(self._lines), after=max(1, int(self.live.style.longest * share)))
        for candidate in range(self.candidates):
            one = draft
            if candidate:
                one = self._draft(candidate)
                table.fork(draft.row, one)
            one.candidate = candidate
            table.write(one.row, self._line_opening(candidate, state))

    def _line_opening(self, candidate: int, state: int) -> Opening:
        style = self.live.style
        opens = not (self._lines or self._opening)
        temperature = max(self._temperature, style.opening) if opens else self._temperature
        return Opening(
            # The key depends on nothing but seed, line and candidate: a line never depends on its neighbours.
            key=key(self._seed, len(self._lines), candidate),
            inverse_temperature=1 / temperature,
            nucleus=style.nucleus,
            repetition=style.repetition,
            chars=len(self._opening),
            state=state,
            before=self._symbols,
        )

    def _line_ended(self, table: Table, draft: Draft) -> None:
        """Keep what the draft has written; when all candidates are there, go on with one of them."""
        symbols = table.symbols(draft.row)
        text = self._opening + self.live.vocabulary.decode(symbols)
        nats, reward = float(table.logprob[draft.row]), float(table.reward[draft.row])
        candidate = Candidate(text, logprob=nats, symbols=len(symbols) + 1, reward=reward)
        self._ended[draft.candidate] = _Ended(candidate, symbols, table.place(draft.row))
        if len(self._ended) < self._field:
            self._drop(table, draft)
        else:
            self._choose(table, draft)

    def thin(self, table: Table, slot: int) -> None:
        """Give up the worse half of a line's candidates; those that have ended already compete."""
        if slot != len(self._lines) or self._field <= LEFT:  # that line is chosen already, or has few enough
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
        # A poem never leaves the table: where all who are left have ended, a loser's row goes on with one of them.
        row = losers.pop() if len(losers) == len(self.drafts) else None
        for draft in losers:
            self._drop(table, draft)
        if row is not None:
            self._choose(table, row)

    def _unfinished(self, table: Table, row: int) -> Candidate:
        """What a row has drawn so far."""
        symbols = table.symbols(row)
        text = self._opening + self.live.vocabulary.decode(symbols)
        return Candidate(text, float(table.logprob[row]), len(symbols), reward=float(table.reward[row]))

    def _score(self, candidates: Sequence[Candidate]) -> Sequence[float]:
        if self._way.score is None:
            return [one.mean_logprob for one in candidates]
        return self._way.score(self._context(), candidates)

    def _context(self) -> Context:
        """Where the line under way is to stand."""
        return Context(tuple(line.text for line in self._lines), ends=len(self._lines) == self._wish.lines - 1)

    def _choose(self, table: Table, draft: Draft) -> None:
        """All candidates are there: go on with one of them, in the draft's row."""
        chosen, choice = self._pick()
        table.go(draft.row, chosen.place)
        self._symbols += [*chosen.symbols, self.live.rules.newline]
        line = WrittenLine(
            slot=len(self._lines),
            text=chosen.candidate.text,
            logprob=chosen.candidate.logprob,
            chance=choice.propensity,
            primed=self._primed,
            liking=choice.liking,
        )
        self._send(line.text[len(self._sent) :])
        self._finish(line)
        self._next(table, draft)

    def _pick(self) -> tuple[_Ended, Choice]:
        """One of the candidates, and how it was chosen."""
        ended = [self._ended[i] for i in sorted(self._ended)]
        self._ended.clear()
        number = uniform(self._seed, len(self._lines), WHICH_CANDIDATE)
        choice = self._way.choose(self._context(), [one.candidate for one in ended], number)
        return ended[choice.index], choice

    def _finish(self, line: WrittenLine) -> None:
        self._lines.append(line)
        self._sent = ""
        self._sent_symbols = 0
        self._hear(LineDone(line))
