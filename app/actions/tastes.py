"""Tastes: train a voice's preference model again when enough new ticks have come.

Training takes seconds, so it is no run. If two workers train the same taste at once, the second result is dropped.
"""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import structlog

from app.bootstrap import Bot
from app.domain.taste import Judged
from app.store.tastes import Tastes
from app.store.versions import Versions
from app.store.voices import Voices

if TYPE_CHECKING:  # numpy comes with them, and most commands need neither
    from models.checkpoint import Checkpoint
    from models.taste import Taste

log = structlog.get_logger(__name__)
MAX_READINGS = 20_000
"""A taste is trained on at most this many lines, the newest: training stays fast, and readers change."""


def learn_due(bot: Bot) -> list[str]:
    """Train the tastes for which `TASTE_AFTER` new ticks have come; returns their voices."""
    after = bot.settings.taste_after
    with bot.reading() as session:
        voices = [voice.slug for voice in Voices(session).all()] if after else []
        due = [voice for voice in voices if Tastes(session).new_ticks(voice) >= after]
    return [voice for voice in due if learn(bot, voice)]


def learn(bot: Bot, voice: str) -> bool:
    """Train a voice's taste on the newest judged lines; False when another worker was faster."""
    from models import checkpoint

    asked = bot.clock()  # later ticks count as new, because they may not be among the lines
    with bot.reads(Tastes) as tastes:
        before, judged = tastes.newest(voice), tastes.judged(voice, newest=MAX_READINGS)
    with bot.reads(Versions) as versions:
        folder = versions.one(voice, 0).folder
    began = time.monotonic()
    content, serves = _learned(judged, checkpoint.read(bot.shelf.fetch(folder)))
    with bot.transaction() as session:
        tastes = Tastes(session)
        last = tastes.newest(voice)
        if (last and last.id) != (before and before.id):
            return False
        number = tastes.add(voice, content, serves=serves, now=asked)
    figures = {name: content[name] for name in ("readings", "ticks", "auc", "ece") if name in content}
    log.info("taste.learned", voice=voice, taste=number, serves=serves, seconds=time.monotonic() - began, **figures)
    return True


def of(judged: Iterable[Judged], base: "Checkpoint") -> "Taste":
    """Train a taste on the newest of the *judged* lines. Raises Tasteless when there are too few.

    *base*: the voice's base model, whose character embeddings the taste uses.
    """
    from models import taste

    vocabulary, vectors = base.vocabulary, base.weights["embedding.weight"]
    characters = {c: vectors[vocabulary.ids_of(c)[0]] for c in vocabulary.characters}

    def line(one: Judged) -> taste.JudgedLine:
        symbols = len(vocabulary.encode(one.text)) + 1
        mean = None if one.logprob is None else one.logprob / symbols
        return taste.JudgedLine(one.text, one.slot, one.ticked, one.visitor, one.address, mean)

    rows = list(judged)[-MAX_READINGS:]
    return taste.learn([line(one) for one in rows], embedding=taste.embedding_of(characters))


def _learned(judged: tuple[Judged, ...], base: "Checkpoint") -> tuple[dict[str, Any], bool]:
    """The content to store, and whether it serves. A failed attempt is stored too: the next one waits for new ticks."""
    from models.taste import Tasteless

    try:
        learned = of(judged, base)
    except Tasteless as error:
        return {"readings": len(judged), "ticks": sum(one.ticked for one in judged), "why": str(error)}, False
    return learned.as_dict(), learned.report.knows
