"""다음 행 고르기: three candidates for the next line on a page, and the poem that comes of picking one."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.exc import IntegrityError

from app import actions
from app.domain.errors import Unfit, UnknownLine
from app.domain.poem import Writing, WrittenLine
from app.domain.visitor import Visitor
from app.store.poems import Poems
from app.store.voices import Voices
from app.web.http.deps import BotDep, EngineDep, PoemId, Slug, VisitorDep
from app.web.http.errors import FormExpired
from app.web.http.forms import AnyForm, GenuineForm
from app.web.http.page import page, see_other
from app.web.http.rate_limits import POEMS, Limited, take
from app.web.http.visitors import keys_of, visit_of
from app.web.ops.metrics import Metrics
from app.web.readers.poem_page import write_again
from app.web.readers.writing import temperature_of

router = APIRouter(include_in_schema=False)


@router.post("/poems/{poem}/next")
def propose(
    *, poem: PoemId, request: Request, form: AnyForm, bot: BotDep, engine: EngineDep, visitor: VisitorDep
) -> Response:
    """Three ways to go on with a poem."""
    with bot.reads(Poems) as poems:
        found = poems.one(poem, visitor.id)
    try:
        form.must_be_genuine()
        take(request, POEMS, visitor)
        temperature, lines = temperature_of(form.text("temperature")), [line.id for line in found.lines]
        visit_of(request).leave()
        writings = actions.poems.propose(bot, engine, found.voice, lines, by=visitor, temperature=temperature)
    except (FormExpired, Limited, Unfit, UnknownLine) as error:
        return write_again(request, found.voice, visitor, error, form.draft)
    with bot.reads(Voices) as voices:
        voice = voices.one(found.voice)
    candidates = [{"text": w.lines[-1].text, "token": _token(request, visitor, lines, w)} for w in writings]
    return page(request, "next.html", poem=found, voice=voice, candidates=candidates)


@router.post("/{voice}/next")
def pick(voice: Slug, request: Request, form: GenuineForm, bot: BotDep, visitor: VisitorDep) -> Response:
    """The poem with the line that was picked; a second click finds it there."""
    candidate = keys_of(request).read_candidate(form.text("candidate"))
    if candidate is None or candidate[:2] != [visitor.id, voice]:
        raise FormExpired
    take(request, POEMS, visitor)
    try:
        poem = actions.poems.pick(bot, candidate[2], _writing(voice, candidate[3]), by=visitor)
    except IntegrityError as error:  # the database was put back from before its version was made
        raise FormExpired from error
    metrics: Metrics = request.app.state.metrics
    metrics.poem(voice)
    return see_other(f"/poems/{poem}#next")


def _token(request: Request, visitor: Visitor, lines: list[int], writing: Writing) -> str:
    line = writing.lines[-1]
    drawn = [writing.version, writing.seed, writing.temperature, line.text, line.logprob, line.chance]
    return keys_of(request).sign_candidate([visitor.id, writing.voice, lines, drawn])


def _writing(voice: str, drawn: list[Any]) -> Writing:
    version, seed, temperature, text, logprob, chance = drawn
    return Writing(voice, version, seed, temperature, (WrittenLine(0, text, logprob, chance),))
