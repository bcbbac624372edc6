"""Ticks: a visitor ticks a line that was shown to him, or takes the tick back.

`app/domain/lesson.py` weighs ticks for the next lesson.
"""

from collections.abc import Collection

from app.actions.visitors import greet
from app.bootstrap import Bot
from app.domain.visitor import Visitor
from app.store.ticks import Ticks


def tick(bot: Bot, line: int, *, by: Visitor, on: bool) -> None:
    """Tick a line, or take the tick back; to repeat it changes nothing. Raises UnknownLine for a line not shown."""
    with bot.transaction() as session:
        if by.returned:
            greet(session, bot, by)
        Ticks(session).set(line, by.id, on=on, address=by.address, now=bot.clock())


def tick_lines(bot: Bot, poem: str, lines: Collection[int], *, by: Visitor) -> int:
    """Tick exactly *lines* of a poem and untick its others; how many changed. Raises UnknownPoem, UnknownLine."""
    with bot.transaction() as session:
        greet(session, bot, by)
        return Ticks(session).replace(poem, by.id, set(lines), address=by.address, now=bot.clock())
