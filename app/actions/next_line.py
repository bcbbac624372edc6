"""The next line: three ways a poem could go on, of which its reader picks one.

What is not picked leaves nothing behind; what is picked becomes a line of a new poem, tickable like any other.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from app.actions.poems import check
from app.actions.ports import Writer
from app.domain.errors import Unfit
from app.domain.poem import MOST_LINES, Quotation, Wish, Writing

CANDIDATES = 3
_TRIES = 8
"""Times the poet is asked at most: a timid one says the same thing twice."""


class LineStore(Protocol):
    """Where lines are kept: `store.poems.Poems`."""

    def quotations(self, lines: Sequence[int], visitor: str) -> list[Quotation]:
        """The lines a visitor keeps."""


def kept(lines: Sequence[int], visitor: str, *, store: LineStore) -> tuple[Quotation, ...]:
    """The lines that another one is to follow. Raises UnknownLine, Unfit when there is no room for one."""
    if len(lines) >= MOST_LINES:
        raise Unfit("too_many_kept", f"a poem has at most {MOST_LINES} lines")
    return tuple(store.quotations(lines, visitor))


def propose(
    before: tuple[Quotation, ...], voice: str, *, temperature: float | None = None, writer: Writer
) -> list[Writing]:
    """Different next lines after *before*, each a writing that ends in one. Raises Unfit, EngineFull, EngineFailed."""
    wish = replace(check(Wish(lines=len(before) + 1, temperature=temperature)), keep=before)
    found: dict[str, Writing] = {}
    for _ in range(_TRIES):
        writing = writer.write(voice, wish)
        found.setdefault(writing.lines[-1].text, writing)
        if len(found) == CANDIDATES:
            break
    return list(found.values())
