"""Trials: a challenger writes a share of the poems until readers, or the admin, have decided.

`versions.publish` starts a trial; `versions.serve` ends it when a version is promoted by other means. The rules for
ending are in `app/domain/trial.py`. `weigh_trial` is idempotent: it reads, weighs and writes in one transaction, which
changes nothing after the trial has ended.
"""

from datetime import datetime

from app.actions.versions import serve
from app.bootstrap import Bot
from app.domain.trial import TrialEnd, TrialReport, TrialState, interrupted, verdict, visits, weigh
from app.store.admins import Audit
from app.store.trials import Trials
from app.store.versions import Versions
from app.store.voices import Voices


def weigh_trial(bot: Bot, voice: str, *, gone: bool = False, at: datetime | None = None) -> TrialState | None:
    """Evaluate the trial of *voice*, and end it when it is decided; its state, None without a trial.

    With `SWAP=auto` a challenger that readers prefer becomes champion; with `ask` the admin decides. *gone*: the
    challenger's folder can no longer be loaded. *at*: the time to assume (default: now).
    """
    now, rules = at or bot.clock(), bot.settings.trial_rules
    with bot.transaction() as session:
        trials, versions = Trials(session), Versions(session)
        trial = trials.running(voice)
        if trial is None:
            return None
        cause = interrupted(trial, champion=versions.champion(voice).id, gone=gone)
        if cause is not None:
            trials.end(trial.id, TrialState.STOPPED, cause, now=now)
            return TrialState.STOPPED
        seen = trials.impressions(trial.id)
        evidence = weigh(visits(seen, rules=rules, now=now), share=trial.share, doubted=rules.doubted)
        trials.note(trial.id, evidence)
        ended = verdict(evidence, impressions=len(seen), started=trial.started, rules=rules, now=now)
        if ended is None:
            return TrialState.RUNNING
        state, trial_end = ended
        if trials.end(trial.id, state, trial_end, now=now) and state is TrialState.BETTER:
            versions.admit(trial.challenger_id)
            if bot.settings.swap == "auto":
                reason = f"trial {trial.id}: {evidence.better:.0f} to 1 after {evidence.visitors} readers"
                serve(session, voice, trial.challenger, by="trial", reason=reason, now=now)
        return state


def stop(bot: Bot, voice: str, *, by: str) -> TrialReport | None:
    """End the trial of *voice* for the admin: the champion writes all poems again. The ended trial, None without one.

    Raises UnknownVoice.
    """
    with bot.transaction() as session:
        Voices(session).one(voice)
        trials = Trials(session)
        trial = trials.running(voice)
        if trial is None:
            return None
        trials.end(trial.id, TrialState.STOPPED, TrialEnd.ADMIN, now=bot.clock())
        Audit(session).add(by, "trial.stop", f"{voice} {trial.challenger}", f"trial {trial.id}", bot.clock())
        return trials.of_voice(voice)[0]
