"""The worker's look at trials: which of them are decided, and whose challenger has gone missing."""

from datetime import datetime

import structlog

from app.actions.trials import weigh_trial
from app.bootstrap import Bot, now
from app.domain.trial import TrialState
from app.store.pulses import Pulse, Pulses
from app.store.trials import Trials

log = structlog.get_logger(__name__)


def look(bot: Bot, *, at: datetime | None = None) -> dict[str, TrialState]:
    """Weigh every trial that is under way, each in a unit of work of its own; how they stand, by voice.

    *at*: as if it were then (default: now); a simulation does not wait for visits to be over.
    """
    with bot.reading() as session:
        under_way = Trials(session).under_way()
        broken = would_not_load(Pulses(session).alive(now()))
    stand: dict[str, TrialState] = {}
    for one in under_way:
        gone = one.trial in broken or not bot.shelf.exists(one.folder)
        state = weigh_trial(bot, one.voice, gone=gone, at=at)
        if state is not None:
            stand[one.voice] = state
            if state is not TrialState.RUNNING:
                log.info("trial.ended", voice=one.voice, trial=one.trial, version=one.number, state=state.value)
    return stand


def would_not_load(pulses: list[Pulse]) -> set[int]:
    """Trials whose challenger a web process could not load."""
    told = [pulse.detail.get("broken_trials") for pulse in pulses if pulse.kind == "web"]
    return {trial for trials in told if isinstance(trials, list) for trial in trials}
