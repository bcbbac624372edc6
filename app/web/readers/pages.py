"""The visitors' pages. All of them work without JavaScript, and asking for one changes nothing but what was shown."""

from dataclasses import replace

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from app.bootstrap import Bot, now
from app.domain.errors import Unfit, UnknownLine, UnknownPoem, UnknownVoice
from app.domain.poem import LINES, Wish
from app.store.learned import Learnings
from app.store.pieces import Pieces
from app.store.poems import Poems, Sort
from app.store.submissions import Submissions
from app.store.ticks import Ticks
from app.store.voices import Voices
from app.web.http.deps import BotDep, PoemId, Slug, VisitorDep, greet
from app.web.http.errors import FormExpired
from app.web.http.forms import AnyForm, Form, GenuineForm
from app.web.http.language import COOKIE as LANG_COOKIE
from app.web.http.language import LANGS
from app.web.http.page import page, set_flash
from app.web.http.rate_limits import TICKS, Limited, take
from app.web.http.visitors import is_quiet, set_cookie
from app.web.readers.greeting import COOKIE as VOICE_COOKIE
from app.web.readers.greeting import met
from app.web.readers.poem_page import sheet, tick_again, write_again
from app.web.readers.writing import compose, current, meet, temperature_of

router = APIRouter(include_in_schema=False)


def see_other(path: str) -> RedirectResponse:
    """Go and look there: what a form's answer is."""
    return RedirectResponse(path, 303)


@router.get("/")
def home(request: Request, bot: BotDep, visitor: VisitorDep) -> Response:
    """The voice for this visitor, rendered in place."""
    with bot.reads(Voices) as voices:
        voice = met(request, voices.all())
    if voice is None:
        raise UnknownVoice(bot.settings.default_voice)
    return _voice_page(voice.slug, request, visitor)


@router.get("/about")
def about(request: Request) -> HTMLResponse:
    """What this bot is."""
    return page(request, "about.html")


@router.get("/me")
def me(request: Request, bot: BotDep, visitor: VisitorDep) -> HTMLResponse:
    """What this visitor ticked, wove and taught."""
    with bot.reading() as session:
        lines, submissions = Ticks(session).of_visitor(visitor.id), Submissions(session).of_visitor(visitor.id)
        pieces, learnings = Pieces(session).of_visitor(visitor.id), Learnings(session)
        learned = learnings.of("line", [line.line for line in lines])
        learned_poems = learnings.of("poem", [one.id for one in submissions])
    return page(
        request,
        "me.html",
        lines=lines,
        submissions=submissions,
        pieces=pieces,
        learned=learned,
        learned_poems=learned_poems,
    )


@router.get("/robots.txt")
def robots() -> PlainTextResponse:
    """What crawlers may read."""
    closed = "".join(f"Disallow: {path}\n" for path in ("/me", "/submissions/", "/desk", "/api/"))
    return PlainTextResponse(f"User-agent: *\n{closed}")


@router.post("/language")
def speak(request: Request, form: GenuineForm) -> Response:
    """Remember the language of the pages."""
    if form.text("lang") in LANGS:
        set_cookie(request, LANG_COOKIE, form.text("lang"))
    return see_other(local_path(form.text("next")))


@router.get("/poems/{poem}")
def permalink(poem: PoemId, request: Request, visitor: VisitorDep) -> HTMLResponse:
    """A poem at its address."""
    meet(request, poem, visitor)
    return sheet(request, poem, visitor)


@router.post("/poems/{poem}/ticks")
def tick_lines(poem: PoemId, request: Request, form: AnyForm, bot: BotDep, visitor: VisitorDep) -> Response:
    """Save the ticked set of a poem."""
    ticked = form.ids("lines")
    try:
        form.must_be_genuine()
        take(request, TICKS, visitor)
    except (FormExpired, Limited) as error:
        return tick_again(request, poem, visitor, error, ticked)
    with bot.transaction() as session:
        greet(session, visitor)
        Ticks(session).replace(poem, visitor.id, set(ticked), address=visitor.address, now=now())
    set_flash(request, "ticked")
    return see_other(f"/poems/{poem}")


@router.get("/{voice}")
def voice_page(voice: Slug, request: Request, visitor: VisitorDep) -> Response:
    """The poem that stands before this visitor."""
    return _voice_page(voice, request, visitor)


@router.post("/{voice}/poems")
def write(voice: Slug, request: Request, form: AnyForm, visitor: VisitorDep) -> Response:
    """Another poem."""
    try:
        form.must_be_genuine()
        wish, keep = _wished(request, form, visitor)
        poem = compose(request, voice, visitor, wish, keep)
    except (FormExpired, Limited, Unfit, UnknownLine, UnknownPoem) as error:
        return write_again(request, voice, visitor, error, form.draft)
    return see_other(f"/poems/{poem}")


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
) -> HTMLResponse:
    """Poems that readers were shown: newest, best-loved, of one version."""
    order: Sort = "loved" if sort == "loved" else "new"
    only = int(version) if version.isascii() and version.isdigit() and len(version) < 9 else None
    with bot.reading() as session:
        Voices(session).one(voice)
        poems, following = Poems(session).page(
            voice, sort=order, version=only, cursor=cursor or None, visitor=visitor.id
        )
    of_version = "" if only is None else f"&version={only}"
    onwards = f"?sort={order}{of_version}&cursor={following}" if following else None
    return page(request, "poems.html", poems=poems, sort=order, version=only, next=onwards)


def _wished(request: Request, form: Form, visitor: VisitorDep) -> tuple[Wish, list[int]]:
    """What the form asks for, and the lines that stay. A line of one's own stands in a place of a poem."""
    wish = Wish(prime=form.text("prime"), own=form.text("own"), temperature=temperature_of(form.text("temperature")))
    if not wish.own.strip():
        return wish, form.ids("keep")
    bot: Bot = request.app.state.bot
    with bot.reads(Poems) as poems:
        lines = poems.one(form.text("poem"), visitor.id).lines
    place = next(iter(form.ids("place")), 1)
    return replace(wish, lines=max(len(lines), LINES)), [line.id for line in lines[: place - 1]]


def _voice_page(voice: str, request: Request, visitor: VisitorDep) -> Response:
    poem = current(request, voice, visitor)
    if request.cookies.get(VOICE_COOKIE) != voice and not is_quiet(request):
        set_cookie(request, VOICE_COOKIE, voice)
    return page(request, "about.html") if poem is None else sheet(request, poem, visitor, home=True)


def local_path(path: str) -> str:
    """*path* if it is one of ours, else the first page: nobody is sent elsewhere."""
    ours = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and len(path) < 500
    return path if ours else "/"
