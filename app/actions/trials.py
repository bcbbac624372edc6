"""The trial: a challenger writes a share of the poems until readers, or the admin, have decided.

`versions.publish` starts one, and `versions.serve` ends it when another version is promoted, or the challenger by the
admin. When it ends, and how, is in `app/domain/trial.py`. Looking is safe to repeat, and safe to be killed in the midst
of: it reads, weighs, and writes in one transaction that changes nothing once the trial is over.
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
    """Weigh the trial of *voice*, and end it when it is decided; how it stands then, None where there is none.

    With `SWAP=auto` a challenger that readers prefer becomes champion; with `ask` the admin is told that they do.
    *gone*: the challenger can't write any more. *at*: as if it were then (default: now).
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
        state, reason = ended
        if trials.end(trial.id, state, reason, now=now) and state is TrialState.BETTER:
            versions.admit(trial.challenger_id)
            if bot.settings.swap == "auto":
                told = f"trial {trial.id}: {evidence.better:.0f} to 1 after {evidence.visitors} readers"
                serve(session, voice, trial.challenger, by="trial", reason=told, now=now)
        return state


def stop(bot: Bot, voice: str, *, by: str) -> TrialReport | None:
    """The admin ends the trial of *voice*: the champion writes everything again; the trial as it then stands.

    None when none is under way. Raises UnknownVoice.
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
