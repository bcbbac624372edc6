"""The shapes of the admins' JSON API: runs, rollout, history."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from app.domain.run import RunReport, RunState
from app.store.versions import HistoryEntry
from app.web.api.shapes import WHOLE, In, Out, Text, VerdictOut
from app.web.http.deps import LARGEST_ID


class RunOut(Out):
    """A training run."""

    run: int
    voice: str
    state: RunState
    phase: str | None
    cause: str
    progress: float
    step: int
    of: int
    loss: float | None
    seconds_left: float | None
    log: list[str]
    error: str | None
    version: int | None
    verdict: VerdictOut | None
    attempt: int
    cancelling: bool
    created: datetime
    started: datetime | None
    ended: datetime | None


def run_out(run: RunReport) -> RunOut:
    """A run's report, from the domain."""
    return RunOut.model_validate(run)


class RunStarted(Out):
    """A run that was asked for."""

    run: int
    state: RunState


class Promotion(In):
    """Which version shall serve."""

    version: Annotated[int, Field(ge=0, le=LARGEST_ID), WHOLE]
    override: bool = Field(default=False, description="Though it did not pass its gate; needs a reason.")
    reason: Annotated[Text, Field(max_length=500)] = ""


class ChampionOut(Out):
    """Which version serves now."""

    champion: int


class HistoryOut(Out):
    """One move of the champion pointer."""

    version: int
    was: int | None
    at: datetime
    by: str
    reason: str

    @classmethod
    def from_entry(cls, entry: HistoryEntry) -> "HistoryOut":
        """From the store."""
        return cls.model_validate(entry)
