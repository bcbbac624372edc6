"""The JSON API for readers and their programs, `/api/v1`."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from app import actions, reads
from app.bootstrap import Bot
from app.domain.poem import LARGEST_NUMBER
from app.domain.visitor import Visitor
from app.web.api.schemas import (
    PoemOut,
    PoemsOut,
    PoemWish,
    SubmissionIn,
    SubmissionOut,
    TickOut,
    TrialOut,
    VersionOut,
    VoiceOut,
    problems,
    unsafe_problems,
)
from app.web.http.deps import BotDep, LineId, Number, PoemId, Slug, Token, VisitorDep
from app.web.http.limits import SUBMISSIONS, TICKS, take
from app.web.readers.poems import compose, show_to

router = APIRouter(prefix="/api/v1", tags=["readers"])
STREAM: dict[str, Any] = {
    "description": "With `Accept: text/event-stream`: the events start, text, line, and at the end done (the poem) or "
    "error. As a rule several candidates are written for a line, and its text comes in one piece when one is chosen; "
    "a line with one candidate comes character by character. While few readers are here, the lines after the first "
    "are written in several takes, and the lines of the best take come together. Kept lines and the given beginning "
    "come at once.",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}


@router.get("/voices", responses=problems())
def voices(bot: BotDep) -> list[VoiceOut]:
    """Every voice of this site that is listed."""
    return [VoiceOut.of(voice) for voice in reads.voices.listed(bot)]


@router.post("/voices/{voice}/poems", status_code=201, responses={200: STREAM, **unsafe_problems(404, 422, 429)})
def write(
    *,
    voice: Slug,
    request: Request,
    response: Response,
    visitor: VisitorDep,
    body: Annotated[PoemWish | None, Body()] = None,
) -> PoemOut:
    """Have a poem written."""
    asked = body or PoemWish()
    poem = compose(request, voice, visitor, asked.wish(), asked.keep)
    response.headers["Location"] = f"/api/v1/poems/{poem.id}"
    return PoemOut.of(poem)


@router.get("/voices/{voice}/poems", responses=problems(404, 422))
def browse(
    *,
    voice: Slug,
    bot: BotDep,
    visitor: VisitorDep,
    sort: Literal["new", "loved"] = "new",
    version: Annotated[int | None, Query(ge=0, le=LARGEST_NUMBER)] = None,
    cursor: Annotated[str | None, Query(max_length=40)] = None,
) -> PoemsOut:
    """Poems that readers were shown: the newest first, or those first of which most readers ticked a line."""
    loved = sort == "loved"
    found, following = reads.poems.page(bot, voice, visitor, loved=loved, version=version, cursor=cursor)
    return PoemsOut(poems=[PoemOut.of(poem) for poem in found], next=following)


@router.get("/poems/{poem}", responses=problems(404))
def read(poem: PoemId, request: Request, bot: BotDep, visitor: VisitorDep) -> PoemOut:
    """One poem. For a visitor who sends the cookie back, its lines make impressions, as on the poem's page."""
    if visitor.returned:
        show_to(request, poem, visitor)
    return PoemOut.of(reads.poems.one(bot, poem, visitor))


@router.put("/lines/{line}/tick", responses=unsafe_problems(404, 429))
async def tick(line: LineId, request: Request, bot: BotDep, visitor: VisitorDep) -> TickOut:
    """Tick a line that was shown to this visitor."""
    return await run_in_threadpool(_set_tick, line, request, bot, visitor, on=True)


@router.delete("/lines/{line}/tick", responses=unsafe_problems(404, 429))
async def untick(line: LineId, request: Request, bot: BotDep, visitor: VisitorDep) -> TickOut:
    """Take a tick back."""
    return await run_in_threadpool(_set_tick, line, request, bot, visitor, on=False)


@router.post(
    "/voices/{voice}/submissions",
    status_code=202,
    responses={
        200: {"description": "This visitor has taught this poem before.", "model": SubmissionOut},
        **unsafe_problems(404, 422, 429),
    },
)
def submit(
    *, voice: Slug, body: SubmissionIn, request: Request, response: Response, bot: BotDep, visitor: VisitorDep
) -> SubmissionOut:
    """Teach a poem."""
    take(request, SUBMISSIONS, visitor)
    given, new = actions.submissions.teach(bot, voice, by=visitor, **body.model_dump())
    response.status_code = 202 if new else 200
    return SubmissionOut.of(given)


@router.get("/submissions/{token}", responses=problems(404))
def submission(token: Token, bot: BotDep) -> SubmissionOut:
    """The state of a submission. One that its author took back stays here with the status `withdrawn`."""
    return SubmissionOut.of(reads.visitors.submission(bot, token))


@router.delete("/submissions/{token}", responses=unsafe_problems(404))
def withdraw(token: Token, bot: BotDep) -> SubmissionOut:
    """Take a submission back: it is in no later lesson. Idempotent."""
    return SubmissionOut.of(actions.submissions.withdraw(bot, token))


@router.get("/voices/{voice}/versions", responses=problems(404))
def versions(voice: Slug, bot: BotDep) -> list[VersionOut]:
    """The versions of a voice's present base, newest first."""
    return [VersionOut.of(version) for version in reads.versions.of_voice(bot, voice)]


@router.get("/voices/{voice}/versions/{number}", responses=problems(404))
def version(voice: Slug, number: Number, bot: BotDep) -> VersionOut:
    """One version."""
    return VersionOut.of(reads.versions.one(bot, voice, number))


@router.get("/voices/{voice}/trials", responses=problems(404))
def trials(voice: Slug, bot: BotDep) -> list[TrialOut]:
    """The trials of a voice, newest first."""
    return [TrialOut.of(one) for one in reads.versions.trials(bot, voice)]


def _set_tick(line: int, request: Request, bot: Bot, visitor: Visitor, *, on: bool) -> TickOut:
    """Tick a line or take the tick back.

    The routes are coroutines that run this in a thread: FastAPI would use a second thread to validate the response of
    a plain function.
    """
    take(request, TICKS, visitor)
    actions.ticks.tick(bot, line, by=visitor, on=on)
    return TickOut(line=line, ticked=on)
