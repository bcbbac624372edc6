"""Changing one line of a poem: own words in its place, or one of three candidates; and a line more at the end."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.exc import IntegrityError

from app import actions
from app.domain.errors import Unfit, UnknownLine
from app.domain.poem import Poem, Writing, WrittenLine
from app.domain.visitor import Visitor
from app.store.poems import Poems
from app.web.http.deps import BotDep, EngineDep, PoemId, Slug, VisitorDep
from app.web.http.errors import FormExpired, code_of, retry_after_of, status_of
from app.web.http.forms import AnyForm, Form, GenuineForm
from app.web.http.page import frame_of, page, see_other
from app.web.http.rate_limits import POEMS, Limited, take
from app.web.http.visitors import keys_of, visit_of
from app.web.ops.metrics import Metrics
from app.web.readers.writing import temperature_of

router = APIRouter(include_in_schema=False)


@router.post("/poems/{poem}/next")
def propose(
    *, poem: PoemId, request: Request, form: AnyForm, bot: BotDep, engine: EngineDep, visitor: VisitorDep
) -> Response:
    """A line of the poem open for a change, with three others that could stand there."""
    with bot.reads(Poems) as poems:
        found = poems.one(poem, visitor.id)
    slot = slot_of(form, found)
    before, after = [line.id for line in found.lines[:slot]], [line.id for line in found.lines[slot + 1 :]]
    now = next((line.text for line in found.lines[slot : slot + 1]), None)
    try:
        form.must_be_genuine()
        take(request, POEMS, visitor)
        bold = temperature_of(form.text("temperature"))
        visit_of(request).leave()
        found_lines = actions.poems.propose(bot, engine, found.voice, before, by=visitor, temperature=bold, instead=now)
    except (FormExpired, Limited, Unfit, UnknownLine) as error:
        return line_page(request, found, slot, error=error)
    candidates = [(one.lines[-1].text, _token(request, visitor, before, one, after)) for one in found_lines]
    return line_page(request, found, slot, candidates)


@router.post("/{voice}/next")
def pick(voice: Slug, request: Request, form: GenuineForm, bot: BotDep, visitor: VisitorDep) -> Response:
    """The poem with the line that was picked; a second click finds it there."""
    candidate = keys_of(request).read_candidate(form.text("candidate"))
    if candidate is None or len(candidate) != 5 or candidate[:2] != [visitor.id, voice]:
        raise FormExpired
    take(request, POEMS, visitor)
    _, _, before, drawn, after = candidate
    try:
        poem = actions.poems.pick(bot, before, _writing(voice, drawn), by=visitor, after=after)
    except IntegrityError as error:  # the database was put back from before its version was made
        raise FormExpired from error
    metrics: Metrics = request.app.state.metrics
    metrics.poem(voice)
    return see_other(f"/poems/{poem}")


def line_page(
    request: Request,
    poem: Poem,
    slot: int,
    candidates: Sequence[tuple[str, str]] = (),
    *,
    error: Exception | None = None,
    own: str | None = None,
) -> HTMLResponse:
    """The poem with one line open: what the reader typed in its place, and candidates as text and token."""
    there = next((line.text for line in poem.lines[slot : slot + 1]), "")
    wait = retry_after_of(error) if error else None
    return page(
        request,
        "next.html",
        status_of(error) if error else 200,
        headers={"Retry-After": str(wait)} if wait else {},
        poem=poem,
        voice=frame_of(request).voice(poem.voice),
        slot=slot,
        typed=there if own is None else own,
        candidates=candidates,
        flash=code_of(error) if error else None,
    )


def slot_of(form: Form, poem: Poem) -> int:
    """The slot that a form is about, which pages count from 1; one that the poem has not is the one after its last."""
    return min(next(iter(form.ids("place")), len(poem.lines) + 1) - 1, len(poem.lines))


def _token(request: Request, visitor: Visitor, before: list[int], writing: Writing, after: list[int]) -> str:
    line = writing.lines[-1]
    drawn = [writing.version, writing.seed, writing.temperature, line.text, line.logprob, line.chance]
    return keys_of(request).sign_candidate([visitor.id, writing.voice, before, drawn, after])


def _writing(voice: str, drawn: list[Any]) -> Writing:
    version, seed, temperature, text, logprob, chance = drawn
    return Writing(voice, version, seed, temperature, (WrittenLine(0, text, logprob, chance),))
