"""A pulse: a process says that it is alive, and what it has in memory."""

from collections.abc import Mapping

from app.bootstrap import Bot
from app.store.pulses import Pulses


def beat(bot: Bot, name: str, kind: str, detail: Mapping[str, object]) -> None:
    """Process *name* is alive."""
    with bot.transaction() as session:
        Pulses(session).beat(name, kind, detail, bot.clock())
