"""Poems: write one for a visitor, record that he opened one, extend one line by line, choose the poem of the day.

Generating a poem takes long, so no transaction is open meanwhile: one before it reads, one after it stores.

The poem of the day (오늘의 시) is chosen when the first reader of the day comes.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Protocol

from sqlalchemy.exc import IntegrityError

from app.actions.visitors import counts, greet
from app.bootstrap import Bot
from app.domain.draft import Memory, drafted
from app.domain.errors import Unfit
from app.domain.poem import (
    MOST_LINES,
    Day,
    Poem,
    Quotation,
    Wish,
    Writing,
    WrittenLine,
    arrange,
    begin_of,
    check,
    chosen,
    date_of,
    seed_of,
)
from app.domain.visitor import Visitor
from app.store.drafts import Drafts
from app.store.poems import Days, Poems
from app.store.ticks import MOST_RANKED, Loved
from app.store.visitors import Visitors
from app.store.voices import Voices

CANDIDATES = 3
"""Next lines that are offered."""
TRIES = 8
"""Most lines that are generated to find them: at a low temperature the engine repeats itself."""


class Writer(Protocol):
    """Writes poems: the engine, or in a benchmark a replay of poems written in advance."""

    def hand_out(self, voice: str, wish: Wish, memory: Memory) -> Writing | None:
        """A poem from the drawer for a reader who has seen *memory*; None: it is to be written live."""

    def write(self, voice: str, wish: Wish, *, visitor: str = "") -> Writing:
        """Write a poem; *visitor*: key of the fair queue. Raises EngineFull, EngineFailed, UnknownVoice."""


def write(bot: Bot, writer: Writer, voice: str, wish: Wish, *, by: Visitor, keep: Sequence[int] = ()) -> Poem:
    """Write a poem and store it with the impressions it makes.

    *keep*: lines of earlier poems that stay. Raises Unfit, UnknownLine, UnknownVoice, EngineFull, EngineFailed.
    """
    wish = wished(bot, wish, by=by, keep=keep)
    poem = hand_out(bot, writer, voice, wish, by=by)
    if poem is not None:
        return poem
    wish = about(wish)
    return store(bot, wish, writer.write(voice, wish, visitor=by.turn), by=by)


def hand_out(bot: Bot, writer: Writer, voice: str, wish: Wish, *, by: Visitor) -> Poem | None:
    """Store a poem from the drawer as this visitor's; None: the poem is to be written live. Raises UnknownVoice."""
    if not drafted(wish):
        return None
    memory = Memory()
    if by.returned:
        with bot.reads(Drafts) as drafts:
            memory = drafts.memory(voice, by.id)
    writing = writer.hand_out(voice, wish, memory)
    if writing is None:
        return None
    try:
        return store(bot, wish, writing, by=by)
    except IntegrityError:  # the reader asked twice at once, and the other request was handed the same draft
        return None


def about(wish: Wish) -> Wish:
    """How a poem about a word is written live: it opens with the word."""
    return replace(wish, word="", prime=wish.prime or wish.word)


def wished(bot: Bot, wish: Wish, *, by: Visitor, keep: Sequence[int] = ()) -> Wish:
    """The validated wish, with the kept lines in their slots. Raises Unfit, UnknownLine."""
    wish = check(wish)
    if not keep and not wish.own:
        return wish
    with bot.reads(Poems) as poems:
        quoted = poems.quotations(list(dict.fromkeys(keep)), by.id) if keep else []
        return arrange(wish, quoted, poems.slots(keep, by.id))


def store(bot: Bot, wish: Wish, writing: Writing, *, by: Visitor) -> Poem:
    """Store a written poem and its impressions. A poem with a seed that the visitor chose makes no impressions."""
    with bot.transaction() as session:
        greet(session, bot, by)
        counted = counts(session, bot, by)
        if writing.draft is not None:
            Drafts(session).hand_out(writing.draft)
        poem = Poems(session).add(
            writing,
            by.id,
            prime=wish.prime,
            fixed_seed=wish.seed is not None,
            counted=counted,
            network=by.mark(writing.trial) if counted and writing.trial is not None else None,
            now=bot.clock(),
        )
        return Poems(session).one(poem, by.id)


def show(bot: Bot, poem: str, *, to: Visitor) -> None:
    """Record that a reader opened a poem: lines that are new to him make impressions. Raises UnknownPoem."""
    with bot.reading() as session:
        seen = Poems(session).one(poem, to.id)
        returned = Visitors(session).has_returned(to.id)
    new = not seen.mine and not all(line.tickable or line.primed or line.quoted for line in seen.lines)
    if new or (to.returned and not returned):
        with bot.transaction() as session:
            greet(session, bot, to)
            Poems(session).show(poem, to.id, counted=counts(session, bot, to), now=bot.clock())


def propose(
    bot: Bot,
    writer: Writer,
    voice: str,
    lines: Sequence[int],
    *,
    by: Visitor,
    temperature: float | None = None,
    instead: str | None = None,
) -> list[Writing]:
    """Offer different next lines after *lines*: each a writing that ends in one of them. Nothing is stored.

    *instead*: text of the present next line, which is not offered again.
    Raises Unfit, UnknownLine, EngineFull, EngineFailed.
    """
    with bot.reads(Poems) as poems:
        before = _quoted(poems, lines, by)
    wish = replace(check(Wish(lines=len(before) + 1, temperature=temperature)), keep=before)
    found: dict[str, Writing] = {}
    for _ in range(TRIES):
        writing = writer.write(voice, wish, visitor=by.turn)
        if writing.lines[-1].text != instead:
            found.setdefault(writing.lines[-1].text, writing)
        if len(found) == CANDIDATES:
            break
    return list(found.values())


def pick(bot: Bot, lines: Sequence[int], writing: Writing, *, by: Visitor, after: Sequence[int] = ()) -> str:
    """Store a poem of *lines*, the picked line (the one line of *writing*) and the lines *after* it; its id.

    A second click returns the same poem. Raises Unfit, UnknownLine.
    """
    with bot.transaction() as session:
        greet(session, bot, by)
        poems = Poems(session)
        before = [_as_written(quoted) for quoted in _quoted(poems, lines, by)]
        behind = [_as_written(quoted) for quoted in _quoted(poems, after, by)]
        placed = enumerate((*before, writing.lines[0], *behind))
        whole = replace(writing, lines=tuple(replace(line, slot=slot) for slot, line in placed))
        last = poems.current(writing.voice, by.id)
        if last and [line.text for line in poems.one(last, by.id).lines] == [line.text for line in whole.lines]:
            return last
        counted = counts(session, bot, by)
        return poems.add(whole, by.id, prime="", fixed_seed=False, counted=counted, now=bot.clock())


def _quoted(poems: Poems, lines: Sequence[int], by: Visitor) -> tuple[Quotation, ...]:
    """The lines as quotations. Raises UnknownLine, and Unfit when there is no room for another line."""
    if len(lines) >= MOST_LINES:
        raise Unfit("too_many_kept", f"a poem has at most {MOST_LINES} lines")
    return tuple(poems.quotations(lines, by.id))


def _as_written(quotation: Quotation) -> WrittenLine:
    return WrittenLine(0, quotation.text, logprob=0.0, chance=1.0, quoted=quotation.line)


def poem_of_the_day(bot: Bot, writer: Writer, voice: str, *, by: Visitor) -> Day:
    """The poem of today: yesterday's poem that most readers ticked, else a draft, else one from the day's seed.

    It is chosen once, also when two readers ask at the same moment. Raises UnknownVoice, EngineFull, EngineFailed.
    """
    now = bot.clock()
    with bot.reading() as session:
        language = Voices(session).one(voice).language
        today = date_of(language, now)
        found = Days(session).one(voice, today, by.id)
        if found is not None:
            return found
        since = begin_of(language, today - timedelta(days=1))
        ranked = Loved(session).poems(voice, None, since=since, limit=MOST_RANKED)
        loved = [Day(today, one.poem, one.readers) for one in ranked]
        best = chosen(loved, language, had=Days(session).among(voice, [one.poem.id for one in loved]))
    if best is not None:
        return _store_day(bot, voice, today, best.poem.id, by=by, readers=best.readers)
    writing = writer.hand_out(voice, Wish(), Memory()) or writer.write(
        voice, Wish(seed=seed_of(voice, today)), visitor=by.turn
    )
    with bot.transaction() as session:
        greet(session, bot, by)
        # No reader chose the day's seed, so this poem makes impressions as any other.
        counted = counts(session, bot, by)
        poem = Poems(session).add(writing, by.id, prime="", fixed_seed=False, counted=counted, now=now)
    return _store_day(bot, voice, today, poem, by=by, readers=0)


def _store_day(bot: Bot, voice: str, today: date, poem: str, *, by: Visitor, readers: int) -> Day:
    """Store the day's poem; the day with this poem, or with the one that another request stored first."""
    with bot.transaction() as session:
        days = Days(session)
        days.add(voice, today, poem, readers=readers, now=bot.clock())
        return days.one(voice, today, by.id) or Day(today, Poems(session).one(poem, by.id), readers)
