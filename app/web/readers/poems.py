"""Poems for readers: a voice's page, writing another poem, changing a line, ticking, browsing.

In this order: having a poem written, which the JSON API uses too; the page with a poem, which is shown again when a
form was refused; changing or adding one line (the reader's own words, or one of three candidates); the other routes.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.exc import IntegrityError

from app import actions, reads
from app.bootstrap import Bot
from app.domain.errors import EngineFailed, EngineFull, PoemBotError, Unfit, UnknownLine, UnknownPoem, UnknownVoice
from app.domain.poem import LINES, MOST_LINES, MOST_PRIME, Poem, Wish, Writing, WrittenLine, boldness, date_of
from app.domain.version import VoiceReport
from app.domain.visitor import Visitor
from app.engine.engine import Engine
from app.reads.poems import ShownPoem
from app.reads.voices import Frame
from app.web.http.deps import (
    AnyForm,
    BotDep,
    EngineDep,
    Form,
    FormDraft,
    FormExpired,
    GenuineForm,
    PoemId,
    Slug,
    VisitorDep,
    number_in,
)
from app.web.http.errors import code_of, page_again
from app.web.http.language import VOICE_COOKIE, voice_for
from app.web.http.limits import POEMS, TICKS, Limited, take
from app.web.http.page import around_of, frame_of, local_path, page, see_other, set_flash
from app.web.http.visitors import is_quiet, keys_of, set_cookie, settings_of, visit_of, visitor_of
from app.web.ops import Metrics

router = APIRouter(include_in_schema=False)


def compose(request: Request, voice: str, visitor: Visitor, wish: Wish, keep: list[int]) -> Poem:
    """A new poem for *visitor*, stored.

    Raises Limited, Unfit, UnknownLine, UnknownVoice, EngineFull, EngineFailed.
    """
    admit(request, voice, visitor)
    bot, engine = request.app.state.bot, request.app.state.engine
    poem: Poem = actions.poems.write(bot, engine, voice, wish, by=visitor, keep=keep)
    count(request, voice)
    return poem


def admit(request: Request, voice: str, visitor: Visitor) -> None:
    """Take the rate limit of poems, and leave the place in admission control: the engine has its own queue.

    Raises UnknownVoice, EngineFailed, Limited.
    """
    engine: Engine = request.app.state.engine
    engine.check(voice)
    take(request, POEMS, visitor)
    visit_of(request).leave()


def count(request: Request, voice: str) -> None:
    """Count a poem in the metrics."""
    metrics: Metrics = request.app.state.metrics
    metrics.poem(voice)


def current(request: Request, voice: str | None, visitor: Visitor) -> ShownPoem | None:
    """The poem that this visitor sees on a voice's page: his latest, the poem of the day, or a new one.

    *voice* None: the voice that suits the visitor. Quiet requests, and visitors over their limit, get the newest poem
    of the voice; None if there is none.
    """
    bot, quiet = request.app.state.bot, is_quiet(request)
    found = reads.poems.current(bot, visitor, around_of(request), partial(_voice, request, voice), quiet=quiet)
    shown, voice, language = found.shown, found.voice.slug, found.voice.language
    if shown is not None and found.back:
        actions.visitors.come_back(bot, visitor)
    today = date_of(language, bot.clock())
    if shown is not None and not quiet and shown.poem.mine and date_of(language, shown.poem.created) < today:
        return _of_the_day(request, shown, visitor)
    if shown is not None or quiet:
        return shown
    try:
        return ShownPoem(compose(request, voice, visitor, Wish(), []), {})
    except Limited:
        shown = reads.poems.latest(bot, voice, visitor, around_of(request))
        if shown is None:
            raise
        return shown


def _of_the_day(request: Request, earlier: ShownPoem, visitor: Visitor) -> ShownPoem:
    """The poem of the day, shown first to a reader who comes back on another day.

    When the engine is full, the poem that he read on the *earlier* day.
    """
    bot: Bot = request.app.state.bot
    try:
        day = actions.poems.poem_of_the_day(bot, request.app.state.engine, earlier.poem.voice, by=visitor)
    except (EngineFull, EngineFailed):
        return replace(earlier, earlier=earlier.poem.id)
    if day.poem.id == earlier.poem.id:
        return replace(earlier, day=day)
    show_to(request, day.poem.id, visitor)
    shown = reads.poems.shown(bot, day.poem.id, visitor, around_of(request))
    return replace(shown, day=day, earlier=earlier.poem.id)


def _voice(request: Request, slug: str | None, frame: Frame) -> VoiceReport:
    chosen = voice_for(request, frame.voices) if slug is None else frame.voice(slug)
    if chosen is None:
        raise UnknownVoice(settings_of(request).default_voice)
    return chosen


def show_to(request: Request, poem: str, visitor: Visitor) -> None:
    """Store that a visitor was shown a poem: lines that are new to him make impressions. Raises UnknownPoem."""
    if not is_quiet(request):
        actions.poems.show(request.app.state.bot, poem, to=visitor)


def temperature_of(typed: str) -> float | None:
    """The temperature in a form; None (the voice's own) for an empty field. Raises Unfit."""
    if not typed.strip():
        return None
    try:
        return float(typed)
    except ValueError as error:
        raise Unfit("bad_temperature", "a temperature is a number") from error


def voice_page(request: Request, voice: str | None, visitor: Visitor) -> HTMLResponse:
    """The page of a voice with this visitor's current poem. *voice* None: the voice that suits the visitor."""
    shown = current(request, voice, visitor)
    if shown is None:
        return page(request, "about.html")
    voice = shown.poem.voice
    if request.cookies.get(VOICE_COOKIE) != voice and not is_quiet(request):
        set_cookie(request, VOICE_COOKIE, voice)
    return _render(request, shown, home=True)


def write_again(request: Request, voice: str, visitor: Visitor, error: Exception, draft: FormDraft) -> HTMLResponse:
    """The visitor's present poem with the form as he filled it in, and the error."""
    shown = reads.poems.latest(request.app.state.bot, voice, visitor, around_of(request))
    if shown is None:  # he has no poem yet
        raise error
    typed = replace(shown, poem=replace(shown.poem, prime=draft.prime))
    return _render(request, typed, error=error, draft=draft)


def tick_again(
    request: Request, poem: str, visitor: Visitor, error: Exception, ticked: Collection[int]
) -> HTMLResponse:
    """The poem with the boxes as the visitor left them, and the error: nothing was saved."""
    shown = reads.poems.shown(request.app.state.bot, poem, visitor, around_of(request))
    lines = tuple(replace(line, ticked=line.id in ticked) if line.tickable else line for line in shown.poem.lines)
    return _render(request, replace(shown, poem=replace(shown.poem, lines=lines)), error=error)


def _render(
    request: Request,
    shown: ShownPoem,
    *,
    home: bool = False,
    error: Exception | None = None,
    draft: FormDraft | None = None,
) -> HTMLResponse:
    voice = frame_of(request).voice(shown.poem.voice)
    told: dict[str, object] = {"flash": code_of(error)} if error is not None else {}
    return page_again(
        request,
        "poem.html",
        error,
        poem=shown.poem,
        voice=voice,
        lesson=_lesson(request, shown.poem, voice),
        learned=shown.learned,
        welcome=shown.newcomer,
        home=home,
        day=shown.day,
        earlier=shown.earlier,
        draft=draft,
        boldness=_boldness(request, shown.poem.voice),
        **_life(request, shown, visitor_of(request), home=home),
        **told,
    )


def _lesson(request: Request, poem: Poem, voice: VoiceReport) -> Mapping[str, object]:
    """Counts of what the poem's version was taught; those of the champion while a trial hides the version."""
    if poem.version in (voice.champion, None):
        return voice.lesson
    return reads.poems.lesson_of(request.app.state.bot, poem.id)


def _life(request: Request, shown: ShownPoem, visitor: Visitor, *, home: bool) -> dict[str, object]:
    """Context: when the next version is expected, and what the champion has learned from this visitor."""
    ticked = any(line.ticked for line in shown.poem.lines)
    if not visitor.returned or not (ticked or home):
        return {}
    outlook, news = reads.poems.life(request.app.state.bot, shown.poem.voice, visitor, ticked=ticked, home=home)
    return {"outlook": outlook, "news": news}


def _boldness(request: Request, voice: str) -> tuple[float, float]:
    """The calm and the bold temperature of the champion."""
    engine: Engine = request.app.state.engine
    try:
        return boldness(engine.temperature(voice))
    except PoemBotError:  # no version is in memory; the poem can be shown nevertheless
        return boldness(1.0)


@router.post("/poems/{poem}/next")
def propose(
    *, poem: PoemId, request: Request, form: AnyForm, bot: BotDep, engine: EngineDep, visitor: VisitorDep
) -> Response:
    """The poem with one line open for a change, and three candidates for it."""
    found = reads.poems.one(bot, poem, visitor)
    slot = slot_of(form, found)
    before, after = [line.id for line in found.lines[:slot]], [line.id for line in found.lines[slot + 1 :]]
    now = next((line.text for line in found.lines[slot : slot + 1]), None)
    try:
        form.must_be_genuine()
        bold = temperature_of(form.text("temperature"))
        admit(request, found.voice, visitor)
        found_lines = actions.poems.propose(bot, engine, found.voice, before, by=visitor, temperature=bold, instead=now)
    except (FormExpired, Limited, Unfit, UnknownLine) as error:
        return line_page(request, found, slot, error=error)
    candidates = [(one.lines[-1].text, _token(request, visitor, before, one, after)) for one in found_lines]
    return line_page(request, found, slot, candidates)


@router.post("/{voice}/next")
def pick(voice: Slug, request: Request, form: GenuineForm, bot: BotDep, visitor: VisitorDep) -> Response:
    """Store the poem with the candidate that was picked; a second click leads to the same poem."""
    candidate = keys_of(request).read_candidate(form.text("candidate"))
    if candidate is None or len(candidate) != 5 or candidate[:2] != [visitor.id, voice]:
        raise FormExpired
    take(request, POEMS, visitor)
    _, _, before, drawn, after = candidate
    try:
        poem = actions.poems.pick(bot, before, _writing(voice, drawn), by=visitor, after=after)
    except IntegrityError as error:  # a backup was restored that is older than the candidate's version
        raise FormExpired from error
    count(request, voice)
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
    """The poem with one line open for a change. *own*: what the reader typed; *candidates*: texts with their tokens."""
    there = next((line.text for line in poem.lines[slot : slot + 1]), "")
    return page_again(
        request,
        "next.html",
        error,
        poem=poem,
        voice=frame_of(request).voice(poem.voice),
        slot=slot,
        typed=there if own is None else own,
        candidates=candidates,
        flash=code_of(error) if error else None,
    )


def slot_of(form: Form, poem: Poem) -> int:
    """The slot that a form names, which pages count from 1; at most the one after the poem's last line."""
    return min(next(iter(form.ids("place")), len(poem.lines) + 1) - 1, len(poem.lines))


def _token(request: Request, visitor: Visitor, before: list[int], writing: Writing, after: list[int]) -> str:
    line = writing.lines[-1]
    drawn = [writing.version, writing.seed, writing.temperature, line.text, line.logprob, line.chance]
    return keys_of(request).sign_candidate([visitor.id, writing.voice, before, drawn, after])


def _writing(voice: str, drawn: list[Any]) -> Writing:
    version, seed, temperature, text, logprob, chance = drawn
    return Writing(voice, version, seed, temperature, (WrittenLine(0, text, logprob, chance),))


@router.get("/poems/{poem}")
def permalink(poem: PoemId, request: Request, bot: BotDep, visitor: VisitorDep) -> HTMLResponse:
    """A poem."""
    show_to(request, poem, visitor)
    return _render(request, reads.poems.shown(bot, poem, visitor, around_of(request)))


@router.post("/poems/{poem}/ticks")
def tick_lines(poem: PoemId, request: Request, form: AnyForm, bot: BotDep, visitor: VisitorDep) -> Response:
    """Save which lines of a poem are ticked."""
    ticked = form.ids("lines")
    try:
        form.must_be_genuine()
        take(request, TICKS, visitor)
    except (FormExpired, Limited) as error:
        return tick_again(request, poem, visitor, error, ticked)
    actions.ticks.tick_lines(bot, poem, ticked, by=visitor)
    set_flash(request, "ticked")
    return see_other(f"/poems/{poem}")


@router.post("/poems/{poem}/tick")
def tick_line(poem: PoemId, request: Request, form: GenuineForm, bot: BotDep, visitor: VisitorDep) -> Response:
    """Tick a line in a list of poems, or take the tick back. It counts as having been shown the poem."""
    take(request, TICKS, visitor)
    show_to(request, poem, visitor)
    for line in form.ids("line")[:1]:
        actions.ticks.tick(bot, line, by=visitor, on=line not in form.ids("ticked"))
    return see_other(f"{local_path(form.text('next'))}#poem-{poem}")


@router.get("/{voice}")
def current_poem(voice: Slug, request: Request, visitor: VisitorDep) -> Response:
    """The page of a voice."""
    return voice_page(request, voice, visitor)


@router.post("/{voice}/poems")
def write(voice: Slug, request: Request, form: AnyForm, bot: BotDep, visitor: VisitorDep) -> Response:
    """Write another poem: ticked lines stay. With a `place`: write the poem again with one line changed."""
    try:
        form.must_be_genuine()
        wish, keep = _wished(request, bot, form, visitor)
        poem = compose(request, voice, visitor, wish, keep)
    except (FormExpired, Limited, Unfit, UnknownLine, UnknownPoem) as error:
        if form.text("place") and not isinstance(error, UnknownPoem):
            poem = reads.poems.one(bot, form.text("poem"), visitor)
            return line_page(request, poem, slot_of(form, poem), error=error, own=form.draft.own)
        return write_again(request, voice, visitor, error, form.draft)
    return see_other(f"/poems/{poem.id}")


@router.post("/{voice}/about-word")
def write_about(voice: Slug, request: Request, form: GenuineForm, visitor: VisitorDep) -> Response:
    """A poem about a word."""
    word = form.text("word").strip()
    if not word:
        raise Unfit("no_word", "a word is missing")
    return see_other(f"/poems/{compose(request, voice, visitor, Wish(word=word), []).id}")


@router.get("/{voice}/about-word")
def about_word(voice: Slug, request: Request, word: str = "") -> HTMLResponse:
    """The form for a poem about a word; reading the page writes nothing."""
    return page(request, "word.html", voice=frame_of(request).voice(voice), word=word[:MOST_PRIME])


@router.get("/{voice}/poems")
def browse(
    *,
    voice: Slug,
    request: Request,
    bot: BotDep,
    visitor: VisitorDep,
    sort: str = "new",
    version: str = "",
    cursor: str = "",
) -> Response:
    """Poems that readers were shown, the newest first: all, or those of one version."""
    if sort == "loved":
        return RedirectResponse(f"/{voice}/anthology", 301)
    only = number_in(version)
    poems, following, loved = reads.poems.browsed(bot, voice, visitor, version=only, cursor=cursor or None)
    of_version = "" if only is None else f"version={only}&"
    onwards = f"?{of_version}cursor={following}" if following else None
    return page(request, "poems.html", poems=poems, loved=loved, version=only, next=onwards)


def _wished(request: Request, bot: Bot, form: Form, visitor: Visitor) -> tuple[Wish, list[int]]:
    """The wish in the form, and the ids of the lines to keep. Raises Unfit when no line would be left to write."""
    wish = Wish(
        prime=form.text("prime"),
        own=form.text("own"),
        temperature=temperature_of(form.text("temperature")),
        word=form.text("word"),
    )
    if not form.text("poem"):
        return wish, form.ids("keep")
    poem = reads.poems.one(bot, form.text("poem"), visitor)
    if form.text("place"):
        return _changed(wish, poem, slot_of(form, poem), only=form.text("how") == "only")
    ticked = form.ids("lines")  # boxes that were changed but not saved are saved here
    if any(line.tickable and line.ticked != (line.id in ticked) for line in poem.lines):
        take(request, TICKS, visitor)
        actions.ticks.tick_lines(bot, poem.id, ticked, by=visitor)
    if form.text("fresh"):
        return wish, []
    if len(ticked) == len(poem.lines):
        raise Unfit("all_ticked", "every line stays: there is none to write")
    return replace(wish, lines=max(len(poem.lines), LINES)), ticked


def _changed(wish: Wish, poem: Poem, slot: int, *, only: bool) -> tuple[Wish, list[int]]:
    """The wish for *poem* with the reader's words in *slot*, and the ids of the lines to keep.

    *only*: all other lines stay; else those after it are written anew, except ticked ones.
    """
    before, there, after = poem.lines[:slot], poem.lines[slot : slot + 1], poem.lines[slot + 1 :]
    same = [wish.own.split()] == [line.text.split() for line in there]
    own = "" if same else wish.own.strip()
    stay = [*before, *(line for line in there if same and only), *(line for line in after if only or line.ticked)]
    last = slot + 2 if own and not only and not after else slot + 1
    lines = max(len(poem.lines), min(last, MOST_LINES))
    return replace(wish, own=own, own_slot=slot, lines=lines), [line.id for line in stay]
