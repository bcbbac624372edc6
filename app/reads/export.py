"""Everything the bot wrote and readers gave, for others: without who the readers were."""

from collections.abc import Iterator
from typing import Any

from app.bootstrap import Bot
from app.store import dump


def rows(bot: Bot) -> Iterator[dict[str, Any]]:
    """A header, then versions, poems, ticks and approved submissions, all as they are at one moment."""
    with bot.reading() as session:
        yield from dump.rows(session, bot.clock())
