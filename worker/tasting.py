"""Tasting: learns anew what readers of a voice like, once enough of them have ticked since the last time.

It takes seconds, so it has no run of its own: the sweep does it. Two workers that sweep at once learn the same; the
second to come keeps nothing.
"""

import time
from collections.abc import Iterable
from typing import Any

import structlog

from app.bootstrap import Bot, now
from app.domain.taste import Judged
from app.store.tastes import Tastes
from app.store.voices import Voices
from models import taste
from models.taste import Reading, Taste, Tasteless

log = structlog.get_logger(__name__)

MOST = 20_000
"""Lines that a taste is learned from, the newest: it takes seconds, and readers change."""


def look(bot: Bot) -> list[str]:
    """Learn the tastes that are due; their voices."""
    with bot.reading() as session:
        due = [voice.slug for voice in Voices(session).all() if _is_due(bot, Tastes(session), voice.slug)]
    return [voice for voice in due if refresh(bot, voice)]


def refresh(bot: Bot, voice: str) -> bool:
    """Learn a voice's taste from what readers judged so far; False when another worker did meanwhile."""
    with bot.reads(Tastes) as tastes:
        before, judged = tastes.newest(voice), tastes.judged(voice)
    began = time.monotonic()
    content, serves = _learned(judged)
    with bot.transaction() as session:
        tastes = Tastes(session)
        last = tastes.newest(voice)
        if (last and last.id) != (before and before.id):
            return False
        number = tastes.add(voice, content, serves=serves, now=now())
    figures = {name: content[name] for name in ("readings", "ticks", "auc", "ece") if name in content}
    log.info("taste.learned", voice=voice, taste=number, serves=serves, seconds=time.monotonic() - began, **figures)
    return True


def learn(judged: Iterable[Judged]) -> Taste:
    """The taste of those who judged. Raises Tasteless."""
    rows = list(judged)[-MOST:]
    return taste.learn([Reading(one.text, one.slot, one.ticked, one.visitor, one.address) for one in rows])


def _is_due(bot: Bot, tastes: Tastes, voice: str) -> bool:
    after = bot.settings.taste_after
    return bool(after) and tastes.new_ticks(voice) >= after


def _learned(judged: tuple[Judged, ...]) -> tuple[dict[str, Any], bool]:
    """What is to be kept, and whether it serves. That nothing can be told yet is kept too: it is not asked soon."""
    try:
        learned = learn(judged)
    except Tasteless as error:
        return {"readings": len(judged), "ticks": sum(one.ticked for one in judged), "why": str(error)}, False
    return learned.as_dict(), learned.report.knows
