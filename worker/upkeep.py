"""Upkeep: what the worker does every few seconds or every hour, besides runs.

    weigh_trials   end the trials that are decided, or whose challenger is gone
    learn_tastes   learn anew what readers of a voice like, once enough of them have ticked
    prune          take versions past `KEEP_VERSIONS` off the shelf
    clear, forget  remove what killed workers left behind; forget visitors who are long gone

All of it is safe to repeat, and safe with several workers at once. Where a folder is removed the table is told first:
a worker killed in between leaves a stray folder, never a version without one.
"""

import secrets
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import structlog

from app.actions import trials as actions
from app.bootstrap import Bot, now
from app.domain import retention
from app.domain.taste import Judged
from app.domain.trial import TrialState
from app.store.cache import forget_pruned
from app.store.privacy import Privacy
from app.store.pulses import Pulse, Pulses
from app.store.retention import Retention
from app.store.runs import Runs
from app.store.tastes import Tastes
from app.store.trials import Trials
from app.store.versions import Versions
from app.store.visitors import Visitors
from app.store.voices import Voices
from models import taste
from models.taste import JudgedLine, Taste, Tasteless

log = structlog.get_logger(__name__)

MAX_READINGS = 20_000
"""Lines that a taste is learned from, the newest: it takes seconds, and readers change."""
LOADED_WITHIN = timedelta(minutes=10)
"""How old a web process' sign of life may be for what it has in memory to count."""
UNCONFIRMED_AFTER = timedelta(days=1)
"""How long a cookie has to come back before its poem is removed."""
STRAY_AFTER = timedelta(days=1)
"""No run takes so long: what is this old and in no table belongs to nobody."""


# -- Trials -----------------------------------------------------------------------------------------------------------


def weigh_trials(bot: Bot, *, at: datetime | None = None) -> dict[str, TrialState]:
    """Weigh every trial that is under way, each in a unit of work of its own; how they stand, by voice.

    *at*: as if it were then (default: now); a simulation does not wait for visits to be over.
    """
    moment = at or now()
    with bot.reading() as session:
        under_way = Trials(session).under_way()
        broken = broken_trials(Pulses(session).alive(now()))
    stand: dict[str, TrialState] = {}
    for one in under_way:
        gone = one.trial in broken or not bot.shelf.exists(one.folder)
        with bot.transaction() as session:
            state = actions.look(
                one.voice,
                gone=gone,
                swap=bot.settings.swap,
                rules=bot.settings.trial_rules,
                trials=Trials(session),
                versions=Versions(session),
                now=moment,
            )
        if state is not None:
            stand[one.voice] = state
            if state is not TrialState.RUNNING:
                log.info("trial.ended", voice=one.voice, trial=one.trial, version=one.number, state=state.value)
    return stand


def broken_trials(pulses: Iterable[Pulse]) -> set[int]:
    """Trials whose challenger a web process could not load."""
    told = [pulse.detail.get("broken_trials") for pulse in pulses if pulse.kind == "web"]
    return {trial for trials in told if isinstance(trials, list) for trial in trials}


# -- Taste ------------------------------------------------------------------------------------------------------------


def learn_tastes(bot: Bot) -> list[str]:
    """Learn the tastes that are due; their voices."""
    with bot.reading() as session:
        due = [voice.slug for voice in Voices(session).all() if _is_due(bot, Tastes(session), voice.slug)]
    return [voice for voice in due if refresh_taste(bot, voice)]


def refresh_taste(bot: Bot, voice: str) -> bool:
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


def learn_taste(judged: Iterable[Judged]) -> Taste:
    """The taste of those who judged. Raises Tasteless."""
    rows = list(judged)[-MAX_READINGS:]
    return taste.learn([JudgedLine(one.text, one.slot, one.ticked, one.visitor, one.address) for one in rows])


def _is_due(bot: Bot, tastes: Tastes, voice: str) -> bool:
    after = bot.settings.taste_after
    return bool(after) and tastes.new_ticks(voice) >= after


def _learned(judged: tuple[Judged, ...]) -> tuple[dict[str, Any], bool]:
    """What is stored, and whether it serves. That nothing can be learned yet is stored too, to wait for more ticks."""
    try:
        learned = learn_taste(judged)
    except Tasteless as error:
        return {"readings": len(judged), "ticks": sum(one.ticked for one in judged), "why": str(error)}, False
    return learned.as_dict(), learned.report.knows


# -- Shelf and visitors -----------------------------------------------------------------------------------------------


def prune(bot: Bot) -> int:
    """Remove the versions past `KEEP_VERSIONS`; how many."""
    with bot.transaction() as session:
        live = loaded_versions(Pulses(session).alive(now(), within=LOADED_WITHIN))
        folders = [
            folder
            for voice in Voices(session).all()
            for folder in retention.prune(
                voice.slug, keep=bot.settings.keep_versions, live=live, store=Retention(session), now=now()
            )
        ]
    for folder in folders:
        bot.shelf.remove(folder)
        log.info("version.pruned", folder=folder)
    return len(folders)


def loaded_versions(pulses: Iterable[Pulse]) -> set[int]:
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


def forget(bot: Bot) -> int:
    """Forget visitors whose cookie never came back, and, past `KEEP_VISITORS`, those who stayed away; how many.

    Address hashes of past days are hashed once more, with a salt that nobody keeps.
    """
    today = now().replace(hour=0, minute=0, second=0, microsecond=0)
    with bot.transaction() as session:
        Privacy(session).blur(before=today - timedelta(days=1), salt=secrets.token_bytes(32))
        unconfirmed = Visitors(session).sweep(before=now() - UNCONFIRMED_AFTER)
    gone: list[str] = []
    if bot.settings.keep_visitors:
        with bot.reads(Privacy) as store:
            gone = store.gone(before=now() - timedelta(days=bot.settings.keep_visitors))
    for visitor in gone:
        with bot.transaction() as session:
            Privacy(session).erase(visitor, now())
    log.info("visitors.forgotten", unconfirmed=unconfirmed, gone=len(gone))
    return unconfirmed + len(gone)
