"""Visitors: one is met, comes back, is erased; those who are long gone are forgotten."""

import secrets
from datetime import timedelta

from sqlalchemy.orm import Session

from app.bootstrap import Bot
from app.domain.visitor import Visitor
from app.store.visitors import Privacy, Visitors

UNCONFIRMED_AFTER = timedelta(days=1)
"""How long a cookie has to come back before its poem is removed."""


def greet(session: Session, bot: Bot, visitor: Visitor) -> None:
    """Note in this transaction that *visitor* is here; needed before anything can be stored for him."""
    Visitors(session).greet(visitor.id, cookie_came_back=visitor.returned, address=visitor.address, now=bot.clock())


def counts(session: Session, bot: Bot, visitor: Visitor) -> bool:
    """Does *visitor*, who was greeted, count as a reader from now on today? The rule: `app/domain/visitor.py`."""
    if not visitor.returned:
        return False
    return Visitors(session).counts(visitor.id, address=visitor.address, now=bot.clock())


def come_back(bot: Bot, visitor: Visitor) -> None:
    """His cookie has come back: from now on his impressions count."""
    with bot.transaction() as session:
        greet(session, bot, visitor)


def erase(bot: Bot, visitor: str) -> None:
    """Forget *visitor*: the next lesson is without anything he gave. Saying it twice changes nothing."""
    with bot.transaction() as session:
        Privacy(session).erase(visitor, bot.clock())


def forget_gone(bot: Bot) -> tuple[int, int]:
    """Forget visitors whose cookie never came back, and, past `KEEP_VISITORS`, those who stayed away; how many of each.

    Address hashes of past days are hashed once more, with a salt that nobody keeps.
    """
    now = bot.clock()
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    with bot.transaction() as session:
        Privacy(session).blur(before=today - timedelta(days=1), salt=secrets.token_bytes(32))
        unconfirmed = Visitors(session).sweep(before=now - UNCONFIRMED_AFTER)
    gone: list[str] = []
    if bot.settings.keep_visitors:
        with bot.reads(Privacy) as store:
            gone = store.gone(before=now - timedelta(days=bot.settings.keep_visitors))
    for visitor in gone:
        erase(bot, visitor)
    return unconfirmed, len(gone)
