"""The shapes of trials in the JSON API."""

from datetime import datetime

from app.domain.trial import Arm, TrialEnd, TrialReport, TrialState
from app.domain.version import wilson
from app.web.api.shapes import Out, RateOut


class ArmOut(Out):
    """What readers were shown by one of the two."""

    version: int
    poems: int
    impressions: int
    ticks: int
    tick_rate: RateOut | None

    @classmethod
    def of(cls, version: int, arm: Arm) -> "ArmOut":
        """From the domain."""
        rate = RateOut.of(wilson(arm.ticks, arm.lines))
        return cls(version=version, poems=arm.poems, impressions=arm.lines, ticks=arm.ticks, tick_rate=rate)


class TrialOut(Out):
    """A version on trial; `better` and `worse` are the wealth of who bets on it and against it, 1 at the start."""

    trial: int
    voice: str
    state: TrialState
    reason: TrialEnd | None
    share: float
    started: datetime
    ended: datetime | None
    visitors: int
    better: float
    worse: float
    challenger: ArmOut
    champion: ArmOut

    @classmethod
    def of(cls, trial: TrialReport) -> "TrialOut":
        """From the domain."""
        return cls(
            trial=trial.id,
            voice=trial.voice,
            state=trial.state,
            reason=trial.reason,
            share=trial.share,
            started=trial.started,
            ended=trial.ended,
            visitors=trial.visitors,
            better=trial.better,
            worse=trial.worse,
            challenger=ArmOut.of(trial.challenger, trial.challenger_arm),
            champion=ArmOut.of(trial.champion, trial.champion_arm),
        )
