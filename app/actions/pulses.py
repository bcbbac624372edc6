"""A pulse: a process says that it is alive, and what it has in memory."""

from app.bootstrap import Bot
from app.store.health import Pulses, WebReport


def beat(bot: Bot, name: str, kind: str, web: WebReport | None = None) -> None:
    """Process *name* is alive; *web*: what a web process says of itself."""
    with bot.transaction() as session:
        Pulses(session).beat(name, kind, bot.clock(), web)
