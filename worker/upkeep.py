"""Upkeep: what the worker does every few seconds or every hour, besides runs.

    weigh_trials   end the trials that are decided, or whose challenger is gone
    prune          take versions past `KEEP_VERSIONS` off the shelf
    clear, forget  remove what killed workers left behind; forget visitors who are long gone
    clear_killed   the part of it that need not wait, when a worker starts

All of it is safe to repeat, and safe with several workers at once. Where a folder is removed the table is told first:
a worker killed in between leaves a stray folder, never a version without one.
"""

import shutil
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from app import actions, reads
from app.bootstrap import Bot
from app.domain.health import Pulse
from app.domain.trial import TrialState

log = structlog.get_logger(__name__)

LOADED_WITHIN = timedelta(minutes=10)
"""How old a web process' sign of life may be for what it has in memory to count."""
STRAY_AFTER = timedelta(days=1)
"""No run takes so long: what is this old and in no table belongs to nobody."""


# -- Trials -----------------------------------------------------------------------------------------------------------


def weigh_trials(bot: Bot, *, at: datetime | None = None) -> dict[str, TrialState]:
    """Weigh every trial that is under way, each in a unit of work of its own; how they stand, by voice.

    *at*: as if it were then (default: now); a simulation does not wait for visits to be over.
    """
    under_way, broken = bot.challengers(), broken_trials(reads.health.alive(bot))
    stand: dict[str, TrialState] = {}
    for one in under_way:
        gone = one.trial in broken or not bot.shelf.exists(one.folder)
        state = actions.trials.weigh_trial(bot, one.voice, gone=gone, at=at)
        if state is not None:
            stand[one.voice] = state
            if state is not TrialState.RUNNING:
                log.info("trial.ended", voice=one.voice, trial=one.trial, version=one.number, state=state.value)
    return stand


def broken_trials(pulses: Iterable[Pulse]) -> set[int]:
    """Trials whose challenger a web process could not load."""
    return {trial for pulse in pulses for trial in pulse.web.broken_trials}


# -- Shelf and visitors -----------------------------------------------------------------------------------------------


def prune(bot: Bot) -> int:
    """Remove the versions past `KEEP_VERSIONS`; how many."""
    live = loaded_versions(reads.health.alive(bot, within=LOADED_WITHIN))
    folders = actions.versions.prune(bot, live=live)
    for folder in folders:
        bot.shelf.remove(folder)
        log.info("version.pruned", folder=folder)
    return len(folders)


def loaded_versions(pulses: Iterable[Pulse]) -> set[int]:
    """Ids of the versions that web processes have in memory, those that only finish their poems too."""
    return {version for pulse in pulses for version in pulse.web.live}


def trainings(home: Path) -> Path:
    """The folder of the trainings that are under way, or were cut off, on this machine."""
    return home / "trainings"


def clear_killed(bot: Bot) -> int:
    """Remove the scratch folders of processes that were killed; how many. Those that live hold a lock."""
    removed = bot.shelf.sweep_dead()
    if removed:
        log.info("scratch.removed", folders=removed)
    return removed


def clear(bot: Bot) -> int:
    """Remove folders that no version knows of, half-made ones and trainings cut off, once a day old; how many.

    Not while a run is under way: the next hour will do.
    """
    before = bot.clock() - STRAY_AFTER
    found = bot.shelf.strays(before)
    if reads.runs.under_way(bot):  # after a clock's jump, what is being made now may look old
        return 0
    actions.versions.forget_pruned(bot)
    known = reads.versions.shelved(bot, found)
    strays = [key for key in found if key not in known]
    for key in strays:
        bot.shelf.remove(key)
        log.info("stray.removed", folder=key)
    cut_off = [
        folder for folder in trainings(bot.settings.home).glob("*") if folder.stat().st_mtime < before.timestamp()
    ]
    for folder in cut_off:
        shutil.rmtree(folder, ignore_errors=True)
    return len(strays) + len(cut_off) + bot.shelf.sweep_scratch(before)


def forget(bot: Bot) -> int:
    """Forget visitors whose cookie never came back, and, past `KEEP_VISITORS`, those who stayed away; how many."""
    unconfirmed, gone = actions.visitors.delete_gone(bot)
    log.info("visitors.forgotten", unconfirmed=unconfirmed, gone=gone)
    return unconfirmed + gone
