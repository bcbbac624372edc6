"""Tidying: takes versions off the shelf that nothing needs any more, and what killed workers left behind; forgets
visitors who are long gone.

The table is told first, the folders go after the commit: a worker killed in between
leaves a stray folder, never a version without one.
"""

import secrets
from collections.abc import Iterable
from datetime import timedelta

import structlog

from app.actions import versions
from app.bootstrap import Bot, now
from app.store.cache import forget_pruned
from app.store.privacy import Privacy
from app.store.pulses import Pulse, Pulses
from app.store.retention import Retention
from app.store.runs import Runs
from app.store.visitors import Visitors

log = structlog.get_logger(__name__)

LATELY = timedelta(minutes=10)
"""How old a web process' sign of life may be for what it has in memory to count."""
GHOSTS_AFTER = timedelta(days=1)
"""How long a cookie has to come back before its poem is swept."""
STRAY_AFTER = timedelta(days=1)
"""No run takes so long: what is this old and in no table belongs to nobody."""


def prune(bot: Bot) -> int:
    """Remove the versions past `KEEP_VERSIONS`; how many."""
    with bot.reads(Pulses) as pulses:
        live = loaded(pulses.alive(now(), within=LATELY))
    folders = versions.prune(bot, live=live)
    for folder in folders:
        bot.shelf.remove(folder)
        log.info("version.pruned", folder=folder)
    return len(folders)


def forget(bot: Bot) -> int:
    """Forget visitors whose cookie never came back, and, past `KEEP_VISITORS`, those who stayed away; how many.

    Address hashes of past days are hashed once more, with a salt that nobody keeps.
    """
    today = now().replace(hour=0, minute=0, second=0, microsecond=0)
    with bot.transaction() as session:
        Privacy(session).blur(before=today - timedelta(days=1), salt=secrets.token_bytes(32))
        ghosts = Visitors(session).sweep(before=now() - GHOSTS_AFTER)
    gone: list[str] = []
    if bot.settings.keep_visitors:
        with bot.reads(Privacy) as store:
            gone = store.gone(before=now() - timedelta(days=bot.settings.keep_visitors))
    for visitor in gone:
        with bot.transaction() as session:
            Privacy(session).erase(visitor, now())
    log.info("visitors.forgotten", ghosts=ghosts, gone=len(gone))
    return ghosts + len(gone)


def loaded(pulses: Iterable[Pulse]) -> set[int]:
    """Ids of the versions that web processes have in memory, those that only finish their poems too."""
    told = [pulse.detail.get("live") for pulse in pulses if pulse.kind == "web"]
    return {version for live in told if isinstance(live, list) for version in live}


def clear(bot: Bot) -> int:
    """Remove folders that no version knows of, and half-made ones, once they are a day old; how many.

    Not while a run is under way: the next hour will do.
    """
    before = now() - STRAY_AFTER
    found = bot.shelf.strays(before)
    with bot.reading() as session:
        if Runs(session).under_way():  # after a clock's jump, what is being made now may look old
            return 0
        known = Retention(session).kept(found)
        forget_pruned(bot.shelf, session)
    strays = [key for key in found if key not in known]
    for key in strays:
        bot.shelf.remove(key)
        log.info("stray.removed", folder=key)
    return len(strays) + bot.shelf.sweep_scratch(before)
