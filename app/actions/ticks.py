"""A tick: a visitor marks a line that was shown to him, or takes the mark back.

What it is worth in the next lesson: `app/domain/lesson.py`.
"""

from collections.abc import Collection

from app.actions.visitors import greet
from app.bootstrap import Bot
from app.domain.visitor import Visitor
from app.store.ticks import Ticks


def tick(bot: Bot, line: int, *, by: Visitor, on: bool) -> None:
    """Tick a line, or take the tick back; saying it twice changes nothing. Raises UnknownLine for one he never saw."""
    with bot.transaction() as session:
        if by.returned:
            greet(session, bot, by)
        Ticks(session).set(line, by.id, on=on, address=by.address, now=bot.clock())


def tick_lines(bot: Bot, poem: str, lines: Collection[int], *, by: Visitor) -> int:
    """Make *lines* the ticked ones of a poem, and no others; how many changed. Raises UnknownPoem, UnknownLine."""
    with bot.transaction() as session:
        greet(session, bot, by)
        return Ticks(session).replace(poem, by.id, set(lines), address=by.address, now=bot.clock())
