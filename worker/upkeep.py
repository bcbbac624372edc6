"""Upkeep: the worker's periodic duties besides runs.

    weigh_trials   ends trials that are decided, or whose challenger is gone (every sweep)
    prune          removes versions beyond `KEEP_VERSIONS` from the shelf (every sweep)
    clear          removes folders that killed workers left (every hour)
    forget         forgets visitors who have not come for long (every hour)
    clear_killed   removes scratch folders of killed processes (when a worker starts)

All of them are safe to repeat, and safe with several workers at once. The database is changed before a folder is
removed: a worker that is killed in between leaves a stray folder, but never a version without a folder.
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
"""Greatest age of a web process' heartbeat for which the versions in its memory are kept."""
STRAY_AFTER = timedelta(days=1)
"""Age at which a folder that no table names is removed; no run takes so long."""


# -- Trials -----------------------------------------------------------------------------------------------------------


def weigh_trials(bot: Bot, *, at: datetime | None = None) -> dict[str, TrialState]:
    """Weigh every running trial, each in its own transaction; returns their states by voice.

    *at*: the time to assume (default: now), for simulations.
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
    """Ids of trials whose challenger some web process could not load."""
    return {trial for pulse in pulses for trial in pulse.web.broken_trials}


# -- Shelf and visitors -----------------------------------------------------------------------------------------------


def prune(bot: Bot) -> int:
    """Remove the versions beyond `KEEP_VERSIONS`; returns how many."""
    live = loaded_versions(reads.health.alive(bot, within=LOADED_WITHIN))
    folders = actions.versions.prune(bot, live=live)
    for folder in folders:
        bot.shelf.remove(folder)
        log.info("version.pruned", folder=folder)
    return len(folders)


def loaded_versions(pulses: Iterable[Pulse]) -> set[int]:
    """Ids of the versions in the memory of web processes, with those that only finish their poems."""
    return {version for pulse in pulses for version in pulse.web.live}


def trainings(home: Path) -> Path:
    """The folder on this machine in which trainings are saved."""
    return home / "trainings"


def clear_killed(bot: Bot) -> int:
    """Remove the scratch folders of killed processes; returns how many. A living process holds a lock on its folder."""
    removed = bot.shelf.sweep_dead()
    if removed:
        log.info("scratch.removed", folders=removed)
    return removed


def clear(bot: Bot) -> int:
    """Remove folders of no version, incomplete ones and interrupted trainings, if they are a day old; returns how many.

    Does nothing while a run is under way.
    """
    before = bot.clock() - STRAY_AFTER
    found = bot.shelf.strays(before)
    if reads.runs.under_way(bot):  # if the clock has jumped, its folders may look old
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
    """Forget visitors whose cookie never came back, and those away longer than `KEEP_VISITORS`; returns how many."""
    unconfirmed, gone = actions.visitors.delete_gone(bot)
    log.info("visitors.forgotten", unconfirmed=unconfirmed, gone=gone)
    return unconfirmed + gone
