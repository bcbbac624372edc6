"""The schemas of the JSON API (pydantic), and the errors that OpenAPI lists for each route."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from app.domain.poem import (
    LARGEST_ID,
    LARGEST_NUMBER,
    LINES,
    MOST_LINES,
    MOST_PRIME,
    TEMPERATURES,
    Poem,
    ShownLine,
    Wish,
)
from app.domain.run import RunReport, RunState
from app.domain.submission import LONGEST_REASON, SHORTEST, Decline, Submission, SubmissionStatus
from app.domain.trial import Arm, TrialEnd, TrialReport, TrialState
from app.domain.version import HistoryEntry, VersionReport, VersionStatus, VoiceReport, wilson


def _is_text(value: str) -> str:
    """Refuse NUL, which databases cannot store, and lone surrogates, which are not characters."""
    if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise ValueError("must be text: no NUL and no lone surrogates")
    return value


Text = Annotated[str, AfterValidator(_is_text)]


def _whole(value: object) -> object:
    """4.0 as 4: JSON does not distinguish them."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)
Id = Annotated[int, Field(ge=1, le=LARGEST_ID), WHOLE]


class In(BaseModel):
    """Base of request bodies; strict: values of another type are not converted."""

    model_config = ConfigDict(strict=True)


class Out(BaseModel):
    """Base of responses."""

    model_config = ConfigDict(from_attributes=True, ser_json_inf_nan="null")


class Problem(Out):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str = Field(description="The reason in one word, for programs.")
    request_id: str
    detail: str | None = None
    errors: list[dict[str, object]] | None = None


DESCRIPTIONS = {
    400: "The request could not be read.",
    401: "Not an admin.",
    403: "From another site.",
    404: "Unknown, or never shown to this visitor.",
    409: "In conflict with the present state.",
    413: "Too large.",
    415: "Not JSON.",
    422: "Not valid, or a text that is not accepted; `code` says why.",
    429: "Too often; see Retry-After.",
    503: "The engine is full, or the database is away; see Retry-After.",
}
SCHEMA = Problem.model_json_schema()
"""As a schema, since FastAPI would list a model under `application/json` too."""
EVERYWHERE = (400, 422, 503)
UNSAFE = (403, 413, 415)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error responses of a route: *statuses*, and those that every route has."""
    return {
        status: {"description": DESCRIPTIONS[status], "content": {"application/problem+json": {"schema": SCHEMA}}}
        for status in sorted({*statuses, *EVERYWHERE})
    }


def unsafe_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error responses of a route that changes something."""
    return problems(*statuses, *UNSAFE)


class PoemWish(In):
    """What a reader wants written."""

    lines: Annotated[int, Field(ge=1, le=MOST_LINES), WHOLE] = LINES
    prime: Annotated[Text, Field(max_length=MOST_PRIME)] | None = Field(
        None, description="The beginning of the first line to be written."
    )
    temperature: Annotated[float, Field(ge=TEMPERATURES[0], le=TEMPERATURES[1], allow_inf_nan=False)] | None = Field(
        None, description="null: the voice's own."
    )
    seed: Annotated[int, Field(ge=0, le=LARGEST_NUMBER), WHOLE] | None = Field(
        None, description="The same seed, version and settings give the same poem; it makes no impressions."
    )
    own: Annotated[Text, Field(max_length=MOST_PRIME)] | None = Field(
        None, description="A line of the reader's own. It follows the kept lines, and the rest is written after it."
    )
    own_slot: Annotated[int, Field(ge=0, lt=MOST_LINES), WHOLE] | None = Field(
        None, description="The slot of `own`. The kept lines then stay in their slots, before and after it."
    )
    keep: Annotated[list[Id], Field(max_length=MOST_LINES)] = Field(
        default=[],
        description="Lines of an earlier poem to keep, each in its slot; if `own` has no slot, in order before it.",
    )
    word: Annotated[Text, Field(max_length=MOST_PRIME)] | None = Field(
        None, description="What the poem is to be about: one that has the word, else one that opens with it."
    )

    def wish(self) -> Wish:
        """The wish in the domain's terms, without the lines to keep."""
        return Wish(
            lines=self.lines,
            prime=self.prime or "",
            own=self.own or "",
            own_slot=self.own_slot,
            temperature=self.temperature,
            seed=self.seed,
            word=self.word or "",
        )


class LineOut(Out):
    """A line of a poem."""

    id: int
    slot: int
    text: str
    version: int | None = Field(description="null for an hour during a trial, as that of the poem.")
    logprob: float | None = Field(description="In nats; null while the version is not told.")
    ticked: bool
    tickable: bool
    quoted: bool
    primed: bool
    human: bool

    @classmethod
    def of(cls, line: ShownLine) -> "LineOut":
        """The log-probability is hidden with the version, since it would reveal it."""
        shown = cls.model_validate(line)
        return shown if line.version is not None else shown.model_copy(update={"logprob": None})


class PoemOut(Out):
    """A poem as this visitor sees it."""

    id: str
    voice: str
    version: int | None = Field(description="null for an hour if a trial chose which version wrote the poem.")
    seed: int | None = Field(description="null while the version is not told, and for a poem from the drawer.")
    drafted: bool = Field(description="It was written while nobody waited, and chosen among many.")
    temperature: float
    url: str
    created: datetime
    mine: bool
    generator: Literal["AI"] = Field("AI", description="It was written by a machine.")
    lines: list[LineOut]

    @classmethod
    def of(cls, poem: Poem) -> "PoemOut":
        """From the domain."""
        return cls(
            id=poem.id,
            voice=poem.voice,
            version=poem.version,
            seed=None if poem.version is None or poem.drafted else poem.seed,
            drafted=poem.drafted,
            temperature=poem.temperature,
            url=f"/poems/{poem.id}",
            created=poem.created,
            mine=poem.mine,
            lines=[LineOut.of(line) for line in poem.lines],
        )


class PoemsOut(Out):
    """A page of poems."""

    poems: list[PoemOut]
    next: str | None = Field(description="The cursor of the next page.")


class VoiceOut(Out):
    """A voice."""

    slug: str
    title: str
    language: str
    base: str
    version: int
    versions: int
    lines_taught: int

    @classmethod
    def of(cls, voice: VoiceReport) -> "VoiceOut":
        """From the domain."""
        return cls(
            slug=voice.slug,
            title=voice.title,
            language=voice.language,
            base=voice.base,
            version=voice.champion,
            versions=voice.versions,
            lines_taught=voice.lines_taught,
        )


class TickOut(Out):
    """Whether a visitor's tick on a line is set."""

    line: int
    ticked: bool


class SubmissionIn(In):
    """A poem to teach."""

    text: str = Field(json_schema_extra={"minLength": SHORTEST})
    title: str | None = None
    author: str | None = None
    consent: bool = False
    quotable: bool = Field(default=False, description="May single lines of it be shown in the guessing game?")


class SubmissionOut(Out):
    """A submission and its state."""

    id: int
    token: str
    status: SubmissionStatus
    url: str
    voice: str
    created: datetime
    decided: datetime | None
    taught_in: list[int]
    text: str
    title: str | None
    author: str | None
    reason: str | None = Field(description="Why it was declined: a code, or the moderator's words.")

    @classmethod
    def of(cls, given: Submission) -> "SubmissionOut":
        """With its address."""
        return cls.model_validate(asdict(given) | {"url": f"/submissions/{given.token}"})


class RateOut(Out):
    """A share with its 95 % interval."""

    mean: float
    low: float
    high: float


class LessonOut(Out):
    """What a version was taught."""

    hash: str = ""
    ticks: int = 0
    submissions: int = 0
    visitors: int = 0


class VerdictOut(Out):
    """The verdict of the gate."""

    admitted: bool
    reasons: list[str]
    unmeasured: list[str]


class VersionOut(Out):
    """A version of a voice."""

    number: int
    status: VersionStatus
    champion: bool
    created: datetime
    base: str
    lesson: LessonOut
    metrics: dict[str, float]
    verdict: VerdictOut | None
    impressions: int
    ticks: int
    tick_rate: RateOut | None

    @classmethod
    def of(cls, version: VersionReport) -> "VersionOut":
        """From the domain."""
        return cls.model_validate(version)


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
    """From the domain. It cannot be `RunOut.of`, because `of` is a field."""
    return RunOut.model_validate(run)


class RunStarted(Out):
    """The run that was started, or was under way."""

    run: int
    state: RunState


class Promotion(In):
    """Which version to make the champion."""

    version: Annotated[int, Field(ge=0, le=LARGEST_NUMBER), WHOLE]
    override: bool = Field(default=False, description="Even if it did not pass the gate; needs a reason.")
    reason: Annotated[Text, Field(max_length=500)] = ""


class ChampionOut(Out):
    """The number of the champion."""

    champion: int


class Refusal(In):
    """Why a submission is declined."""

    reason: Annotated[Text, Field(max_length=LONGEST_REASON)] = Field(
        default="", description=f"For its author to read: {', '.join(Decline)}, or words of your own."
    )


class HistoryOut(Out):
    """One move of the champion pointer."""

    version: int
    was: int | None
    at: datetime
    by: str
    reason: str

    @classmethod
    def of(cls, entry: HistoryEntry) -> "HistoryOut":
        """From the store."""
        return cls.model_validate(entry)


class ArmOut(Out):
    """One of the two versions of a trial, and what readers were shown of it."""

    version: int
    poems: int
    impressions: int
    ticks: int
    tick_rate: RateOut | None

    @classmethod
    def beside(cls, version: int, arm: Arm) -> "ArmOut":
        """From the domain, with the tick-rate."""
        rate = wilson(arm.ticks, arm.lines)
        counts = {"poems": arm.poems, "impressions": arm.lines, "ticks": arm.ticks}
        return cls.model_validate({"version": version, "tick_rate": rate, **counts})


class TrialOut(Out):
    """A trial: an A/B test of challenger and champion.

    `better` and `worse` are the wealth of the bets on the challenger and against it, 1 at the start, without the ten
    networks that contribute most.
    """

    trial: int
    voice: str
    state: TrialState
    reason: TrialEnd | None
    share: float
    started: datetime
    ended: datetime | None
    visitors: int
    networks: int = Field(description="Different networks that the visitors came from.")
    better: float
    worse: float
    challenger: ArmOut
    champion: ArmOut

    @classmethod
    def of(cls, trial: TrialReport) -> "TrialOut":
        """From the domain, with both arms."""
        challenger = ArmOut.beside(trial.challenger, trial.challenger_arm)
        champion = ArmOut.beside(trial.champion, trial.champion_arm)
        both = {"trial": trial.id, "challenger": challenger, "champion": champion}
        return cls.model_validate(asdict(trial) | both)
