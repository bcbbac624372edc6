"""Writing a poem for a visitor: read what he keeps, write, store what he is shown."""

import unicodedata
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from app.actions.ports import Writer
from app.domain.errors import Unfit
from app.domain.poem import MOST_LINES, MOST_PRIME, TEMPERATURES, Poem, Quotation, Wish, Writing


class PoemStore(Protocol):
    """Where poems are kept: `store.poems.Poems`."""

    def keep(self, writing: Writing, visitor: str, *, prime: str, fixed_seed: bool, now: datetime) -> str:
        """Store a poem; its id."""

    def one(self, poem: str, visitor: str | None) -> Poem:
        """A poem as a visitor sees it."""

    def quotations(self, lines: Sequence[int], visitor: str) -> list[Quotation]:
        """The lines a visitor keeps."""

    def slots(self, lines: Sequence[int], visitor: str) -> dict[int, int]:
        """Where they stood."""


OpenStore = Callable[[], AbstractContextManager[PoemStore]]


def check(wish: Wish) -> Wish:
    """The wish, if it can be fulfilled. Raises Unfit."""
    if not 1 <= wish.lines <= MOST_LINES:
        raise Unfit("bad_lines", f"a poem has 1 to {MOST_LINES} lines")
    low, high = TEMPERATURES
    if wish.temperature is not None and not low <= wish.temperature <= high:
        raise Unfit("bad_temperature", f"the temperature lies between {low} and {high}")
    return replace(wish, prime=words(wish.prime), own=words(wish.own))


def words(text: str) -> str:
    """A visitor's words for a poem: one clean line. Raises Unfit."""
    clean = unicodedata.normalize("NFC", " ".join(text.split()))
    if len(clean) > MOST_PRIME:
        raise Unfit("prime_too_long", f"a beginning has at most {MOST_PRIME} characters")
    if not all(c.isprintable() for c in clean):
        raise Unfit("not_text", "a beginning is text")
    return clean


def keeping(wish: Wish, lines: Sequence[int], visitor: str, *, store: PoemStore) -> Wish:
    """The wish with *lines* kept, each where it stood; before a line of the visitor's own, one after the other.

    Raises UnknownLine, Unfit.
    """
    if not lines and not wish.own:
        return wish
    quoted = store.quotations(list(dict.fromkeys(lines)), visitor) if lines else []
    if wish.own:
        return _before(quoted, wish)
    if len(quoted) > wish.lines:
        raise Unfit("too_many_kept", f"at most {wish.lines} lines can be kept")
    stood = store.slots(lines, visitor)
    places: list[Quotation | None] = [None] * wish.lines
    for quotation in sorted(quoted, key=lambda q: stood.get(q.line or 0, 0)):
        wanted = min(stood.get(quotation.line or 0, 0), wish.lines - 1)
        free = [slot for slot, place in enumerate(places) if place is None]
        places[min(free, key=lambda slot: abs(slot - wanted))] = quotation
    return replace(wish, keep=tuple(places))


def _before(quoted: Sequence[Quotation], wish: Wish) -> Wish:
    """What is kept, the visitor's line, and at least one line that follows it."""
    keep = (*quoted, Quotation(None, wish.own))
    if len(keep) >= MOST_LINES:
        raise Unfit("too_many_kept", f"after a line of one's own there is room for one more, of {MOST_LINES}")
    return replace(wish, keep=keep, lines=max(wish.lines, len(keep) + 1))


def write(
    wish: Wish,
    voice: str,
    visitor: str,
    *,
    keep: Sequence[int] = (),
    reading: OpenStore,
    storing: OpenStore,
    writer: Writer,
    now: datetime,
) -> Poem:
    """Write a poem and store it with the impressions it makes.

    Reads in one transaction, writes the poem in none, stores in one. Raises Unfit,
    UnknownLine, UnknownVoice, EngineFull, EngineFailed.
    """
    wish = check(wish)
    if keep or wish.own:
        with reading() as store:
            wish = keeping(wish, keep, visitor, store=store)
    writing = writer.write(voice, wish)
    with storing() as store:
        poem = store.keep(writing, visitor, prime=wish.prime, fixed_seed=wish.seed is not None, now=now)
        return store.one(poem, visitor)
