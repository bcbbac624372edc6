"""다음 행 고르기: three candidates for the next line on a page, and the poem that comes of picking one."""

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.exc import IntegrityError

from app.actions import next_line as deeds
from app.bootstrap import now
from app.domain.errors import Unfit, UnknownLine
from app.domain.poem import Quotation, Writing, WrittenLine
from app.domain.visitor import Visitor
from app.store.poems import Poems
from app.store.voices import Voices
from app.web.http.deps import BotDep, EngineDep, PoemId, Slug, VisitorDep, storing_poems
from app.web.http.errors import FormExpired
from app.web.http.forms import AnyForm, GenuineForm
from app.web.http.page import page, see_other
from app.web.http.rate_limits import POEMS, Limited, take
from app.web.http.visitors import keys_of
from app.web.ops.metrics import Metrics
from app.web.readers.poem_page import write_again
from app.web.readers.writing import InTurn, temperature_of, turn_of

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
        with bot.reads(Poems) as poems:
            before = deeds.kept([line.id for line in found.lines], visitor.id, store=poems)
        temperature = temperature_of(form.text("temperature"))
        writer = InTurn(engine, turn_of(visitor))
        writings = deeds.propose(before, found.voice, temperature=temperature, writer=writer)
    except (FormExpired, Limited, Unfit, UnknownLine) as error:
        return write_again(request, found.voice, visitor, error, form.draft)
    with bot.reads(Voices) as voices:
        voice = voices.one(found.voice)
    candidates = [{"text": w.lines[-1].text, "token": _token(request, visitor, before, w)} for w in writings]
    return page(request, "next.html", poem=found, voice=voice, candidates=candidates)


@router.post("/{voice}/next")
def pick(voice: Slug, request: Request, form: GenuineForm, bot: BotDep, visitor: VisitorDep) -> Response:
    """The poem with the line that was picked; a second click finds it there."""
    told = keys_of(request).read_candidate(form.text("candidate"))
    if told is None or told[:2] != [visitor.id, voice]:
        raise FormExpired
    take(request, POEMS, visitor)
    kept, writing = told[2], _writing(voice, told[3])
    try:
        with storing_poems(bot, visitor) as poems:
            quoted = deeds.kept(kept, visitor.id, store=poems)
            whole = replace(writing, lines=(*_quotations(quoted), replace(writing.lines[0], slot=len(quoted))))
            poem = _there(poems, whole, visitor) or poems.keep(whole, visitor.id, prime="", fixed_seed=False, now=now())
    except IntegrityError as error:  # the database was put back from before its version was made
        raise FormExpired from error
    metrics: Metrics = request.app.state.metrics
    metrics.poem(voice)
    return see_other(f"/poems/{poem}#next")


def _there(poems: Poems, writing: Writing, visitor: Visitor) -> str | None:
    """His current poem, if it is this one."""
    last = poems.current(writing.voice, visitor.id)
    lines = poems.one(last, visitor.id).lines if last else ()
    return last if [line.text for line in lines] == [line.text for line in writing.lines] else None


def _token(request: Request, visitor: Visitor, before: tuple[Quotation, ...], writing: Writing) -> str:
    line = writing.lines[-1]
    drawn = [writing.version, writing.seed, writing.temperature, line.text, line.logprob, line.chance]
    return keys_of(request).sign_candidate([visitor.id, writing.voice, [q.line for q in before], drawn])


def _writing(voice: str, drawn: list[Any]) -> Writing:
    version, seed, temperature, text, logprob, chance = drawn
    return Writing(voice, version, seed, temperature, (WrittenLine(0, text, logprob, chance),))


def _quotations(quoted: tuple[Quotation, ...]) -> list[WrittenLine]:
    return [WrittenLine(slot, q.text, 0.0, 1.0, quoted=q.line) for slot, q in enumerate(quoted)]
