"""The schemas of the JSON API: what CONTRACT.md promises, and what OpenAPI says; its errors, and who may have which."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from app.domain.poem import LINES, MOST_LINES, MOST_PRIME, TEMPERATURES, Poem, ShownLine
from app.domain.run import RunReport, RunState
from app.domain.submission import LONGEST_REASON, SHORTEST, Decline, Submission, SubmissionStatus
from app.domain.trial import Arm, TrialEnd, TrialReport, TrialState
from app.domain.version import HistoryEntry, VersionReport, VersionStatus, VoiceReport, wilson
from app.web.http.deps import LARGEST_ID, LARGEST_NUMBER


def _is_text(value: str) -> str:
    """No NUL, which databases refuse, and no lone surrogates, which are no characters."""
    if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise ValueError("must be text: no NUL and no lone surrogates")
    return value


Text = Annotated[str, AfterValidator(_is_text)]


def _whole(value: object) -> object:
    """JSON does not tell 4.0 from 4."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)
Id = Annotated[int, Field(ge=1, le=LARGEST_ID), WHOLE]


class In(BaseModel):
    """What comes in: of the right types, not merely convertible."""

    model_config = ConfigDict(strict=True)


class Out(BaseModel):
    """What goes out."""

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
    503: "The engine is full, or the database away; see Retry-After.",
}
SCHEMA = Problem.model_json_schema()
"""Written out: FastAPI would list a model as `application/json` too."""
EVERYWHERE = (400, 422, 503)
UNSAFE = (403, 413, 415)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error responses of a route: these, and those that any route may have."""
    return {
        status: {"description": DESCRIPTIONS[status], "content": {"application/problem+json": {"schema": SCHEMA}}}
        for status in sorted({*statuses, *EVERYWHERE})
    }


def unsafe_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The same for a route that changes something."""
    return problems(*statuses, *UNSAFE)


class PoemWish(In):
    """What a reader asks the poet for."""

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
        None, description="A line of the reader's own: it stands after the kept lines, and the rest follows it."
    )
    own_slot: Annotated[int, Field(ge=0, lt=MOST_LINES), WHOLE] | None = Field(
        None, description="Where `own` stands; the kept lines then stay where they stood, before and after it."
    )
    keep: Annotated[list[Id], Field(max_length=MOST_LINES)] = Field(
        default=[],
        description="Lines of an earlier poem that stay, each where it stood; before an `own` without slot, in order.",
    )


class LineOut(Out):
    """A line of a poem."""

    id: int
    slot: int
    text: str
    version: int | None = Field(description="null for an hour in a trial: see the poem's.")
    logprob: float | None = Field(description="Nats; null while the version isn't told.")
    ticked: bool
    tickable: bool
    quoted: bool
    primed: bool
    human: bool

    @classmethod
    def of(cls, line: ShownLine) -> "LineOut":
        """Its log-probability would tell the version."""
        shown = cls.model_validate(line)
        return shown if line.version is not None else shown.model_copy(update={"logprob": None})


class PoemOut(Out):
    """A poem as this visitor sees it."""

    id: str
    voice: str
    version: int | None = Field(
        description="null while it isn't told: a trial drew which version wrote the poem, less than an hour ago."
    )
    seed: int | None = Field(description="null while the version isn't told.")
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
            seed=None if poem.version is None else poem.seed,
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
    """A visitor's mark on a line."""

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
    """What became of a submission."""

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
    """The gate's answer."""

    admitted: bool
    reasons: list[str]
    unmeasured: list[str]


class VersionOut(Out):
    """A trained state of a voice."""

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
    """From the domain; not `RunOut.of`, which is a field."""
    return RunOut.model_validate(run)


class RunStarted(Out):
    """A run that was asked for."""

    run: int
    state: RunState


class Promotion(In):
    """Which version shall serve."""

    version: Annotated[int, Field(ge=0, le=LARGEST_NUMBER), WHOLE]
    override: bool = Field(default=False, description="Though it did not pass its gate; needs a reason.")
    reason: Annotated[Text, Field(max_length=500)] = ""


class ChampionOut(Out):
    """Which version serves now."""

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
    """What readers were shown by one of the two."""

    version: int
    poems: int
    impressions: int
    ticks: int
    tick_rate: RateOut | None

    @classmethod
    def beside(cls, version: int, arm: Arm) -> "ArmOut":
        """One of the two, with its rate."""
        rate = wilson(arm.ticks, arm.lines)
        counts = {"poems": arm.poems, "impressions": arm.lines, "ticks": arm.ticks}
        return cls.model_validate({"version": version, "tick_rate": rate, **counts})


class TrialOut(Out):
    """A version on trial; `better` and `worse` are the wealth of who bets on it and against it, 1 at the start.

    Of that only what is left without the ten networks that won most.
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
        """With what readers were shown by each."""
        challenger = ArmOut.beside(trial.challenger, trial.challenger_arm)
        champion = ArmOut.beside(trial.champion, trial.champion_arm)
        both = {"trial": trial.id, "challenger": challenger, "champion": champion}
        return cls.model_validate(asdict(trial) | both)
