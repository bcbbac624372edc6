"""Admins: whether there is one, whose a key is, which keys there are, and what admins did."""

from app.bootstrap import Bot
from app.store.admins import Admins, Audit, AuditEntry, Key, Kind

Secret = tuple[str, Kind]
"""What is to open the desk, and what it claims to be."""


def is_any(bot: Bot) -> bool:
    """Is there an admin at all?"""
    with bot.reads(Admins) as admins:
        return admins.any()


def key(bot: Bot, secret: Secret | None) -> Key | None:
    """The key of a secret; None without one, or when it is unknown, revoked or too old."""
    if secret is None:
        return None
    with bot.reads(Admins) as admins:
        return admins.key(*secret, bot.clock())


def keys(bot: Bot) -> list[Key]:
    """Every key that opens the desk, oldest first."""
    with bot.reads(Admins) as admins:
        return admins.keys(bot.clock())


def audit(bot: Bot) -> list[AuditEntry]:
    """The newest deeds, newest first."""
    with bot.reads(Audit) as log:
        return log.newest(200)
