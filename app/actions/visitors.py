"""Visitors: record that one is here or has come back, erase one, delete those who stayed away."""

import secrets
from datetime import timedelta

from sqlalchemy.orm import Session

from app.bootstrap import Bot
from app.domain.visitor import Visitor
from app.store.visitors import Privacy, Visitors

UNCONFIRMED_AFTER = timedelta(days=1)
"""How long a cookie has to come back before its poem is removed."""


def greet(session: Session, bot: Bot, visitor: Visitor) -> None:
    """Create or update the visitor's row in this transaction; required before anything is stored for him."""
    Visitors(session).greet(visitor.id, cookie_came_back=visitor.returned, address=visitor.address, now=bot.clock())


def counts(session: Session, bot: Bot, visitor: Visitor) -> bool:
    """Does *visitor*, whose row exists, count as a reader today? The rule is in `app/domain/visitor.py`."""
    if not visitor.returned:
        return False
    return Visitors(session).counts(visitor.id, address=visitor.address, now=bot.clock())


def come_back(bot: Bot, visitor: Visitor) -> None:
    """Record that the visitor's cookie has come back: from now on his impressions count."""
    with bot.transaction() as session:
        greet(session, bot, visitor)


def erase(bot: Bot, visitor: str) -> None:
    """Delete all data of *visitor*; the next lesson is without it. To repeat it changes nothing."""
    with bot.transaction() as session:
        Privacy(session).erase(visitor, bot.clock())


def delete_gone(bot: Bot) -> tuple[int, int]:
    """Delete visitors whose cookie never came back, and those away longer than `KEEP_VISITORS`; how many of each.

    Address hashes of past days are hashed again, with a salt that is not stored.
    """
    now = bot.clock()
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    with bot.transaction() as session:
        Privacy(session).rehash_addresses(before=today - timedelta(days=1), salt=secrets.token_bytes(32))
        unconfirmed = Visitors(session).sweep(before=now - UNCONFIRMED_AFTER)
    gone: list[str] = []
    if bot.settings.keep_visitors:
        with bot.reads(Privacy) as store:
            gone = store.gone(before=now - timedelta(days=bot.settings.keep_visitors))
    for visitor in gone:
        erase(bot, visitor)
    return unconfirmed, len(gone)
