"""Poems for readers: the page of a voice, another poem, ticks, browsing."""

from dataclasses import replace

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app import actions
from app.bootstrap import Bot
from app.domain.errors import Unfit, UnknownLine, UnknownPoem
from app.domain.poem import LINES, MOST_LINES, Poem, Wish
from app.domain.visitor import Visitor
from app.store.poems import Poems
from app.store.ticks import Loved
from app.store.voices import Voices
from app.web.http.deps import BotDep, PoemId, Slug, VisitorDep
from app.web.http.errors import FormExpired
from app.web.http.forms import AnyForm, Form, GenuineForm
from app.web.http.page import local_path, page, see_other, set_flash
from app.web.http.rate_limits import TICKS, Limited, take
from app.web.readers.next_line import line_page, slot_of
from app.web.readers.poem_page import poem_page, tick_again, voice_page, write_again
from app.web.readers.writing import compose, show_to, temperature_of

router = APIRouter(include_in_schema=False)


@router.get("/poems/{poem}")
def permalink(poem: PoemId, request: Request, visitor: VisitorDep) -> HTMLResponse:
    """A poem at its address."""
    show_to(request, poem, visitor)
    return poem_page(request, poem, visitor)


@router.post("/poems/{poem}/ticks")
def tick_lines(poem: PoemId, request: Request, form: AnyForm, bot: BotDep, visitor: VisitorDep) -> Response:
    """Save the ticked set of a poem."""
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
    """Tick a line of a poem met among others, or take the tick back: whoever does has read that poem."""
    take(request, TICKS, visitor)
    show_to(request, poem, visitor)
    for line in form.ids("line")[:1]:
        actions.ticks.tick(bot, line, by=visitor, on=line not in form.ids("ticked"))
    return see_other(f"{local_path(form.text('next'))}#poem-{poem}")


@router.get("/{voice}")
def current_poem(voice: Slug, request: Request, visitor: VisitorDep) -> Response:
    """The poem that stands before this visitor."""
    return voice_page(request, voice, visitor)


@router.post("/{voice}/poems")
def write(voice: Slug, request: Request, form: AnyForm, bot: BotDep, visitor: VisitorDep) -> Response:
    """Another poem: what is ticked stays, and so does what a change of one line leaves alone."""
    try:
        form.must_be_genuine()
        wish, keep = _wished(request, bot, form, visitor)
        poem = compose(request, voice, visitor, wish, keep)
    except (FormExpired, Limited, Unfit, UnknownLine, UnknownPoem) as error:
        if form.text("place") and not isinstance(error, UnknownPoem):
            with bot.reads(Poems) as poems:
                poem = poems.one(form.text("poem"), visitor.id)
            return line_page(request, poem, slot_of(form, poem), error=error, own=form.draft.own)
        return write_again(request, voice, visitor, error, form.draft)
    return see_other(f"/poems/{poem.id}")


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
    """Poems that readers were shown, the newest first: all, or of one version. The loved ones have their own page."""
    if sort == "loved":
        return RedirectResponse(f"/{voice}/anthology", 301)
    only = int(version) if version.isascii() and version.isdigit() and len(version) < 9 else None
    with bot.reading() as session:
        Voices(session).one(voice)
        poems, following = Poems(session).page(voice, version=only, cursor=cursor or None, visitor=visitor.id)
        loved = Loved(session).marks(poems)
    of_version = "" if only is None else f"version={only}&"
    onwards = f"?{of_version}cursor={following}" if following else None
    return page(request, "poems.html", poems=poems, loved=loved, version=only, next=onwards)


def _wished(request: Request, bot: Bot, form: Form, visitor: Visitor) -> tuple[Wish, list[int]]:
    """What the form asks for, and the lines that stay. Raises Unfit when nothing would be left to write."""
    wish = Wish(prime=form.text("prime"), own=form.text("own"), temperature=temperature_of(form.text("temperature")))
    if not form.text("poem"):
        return wish, form.ids("keep")
    with bot.reads(Poems) as poems:
        poem = poems.one(form.text("poem"), visitor.id)
    if form.text("place"):
        return _changed(wish, poem, slot_of(form, poem), only=form.text("how") == "only")
    ticked = form.ids("lines")  # the boxes as they are: no need to have saved them first
    if any(line.tickable and line.ticked != (line.id in ticked) for line in poem.lines):
        take(request, TICKS, visitor)
        actions.ticks.tick_lines(bot, poem.id, ticked, by=visitor)
    if form.text("fresh"):
        return wish, []
    if len(ticked) == len(poem.lines):
        raise Unfit("all_ticked", "every line stays: there is none to write")
    return replace(wish, lines=max(len(poem.lines), LINES)), ticked


def _changed(wish: Wish, poem: Poem, slot: int, *, only: bool) -> tuple[Wish, list[int]]:
    """The reader's words in one slot of *poem* and the other lines as they are; or what follows anew, but for ticks."""
    before, there, after = poem.lines[:slot], poem.lines[slot : slot + 1], poem.lines[slot + 1 :]
    same = [wish.own.split()] == [line.text.split() for line in there]
    own = "" if same else wish.own.strip()
    stay = [*before, *(line for line in there if same and only), *(line for line in after if only or line.ticked)]
    last = slot + 2 if own and not only and not after else slot + 1
    lines = max(len(poem.lines), min(last, MOST_LINES))
    return replace(wish, own=own, own_slot=slot, lines=lines), [line.id for line in stay]
