"""Sharing: a poem as text, as JSON, as a picture (PNG). Each says that a machine wrote it, and where it stands.

The picture is the one that other sites show for a shared address (Open Graph). Its seals are those of the reader for
whom the poem was written.
"""

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from app.bootstrap import Bot
from app.domain.poem import Poem
from app.domain.version import VoiceReport
from app.domain.visitor import Visitor
from app.store.poems import Poems
from app.store.voices import Voices
from app.web.api.schemas import PoemOut
from app.web.http.deps import BotDep, PoemId, VisitorDep
from app.web.http.page import ai_label, origin_of, translate, version_label
from app.web.http.rate_limits import READINGS, take
from app.web.readers.card import SHAPES, Shape, card

router = APIRouter(include_in_schema=False)
CROSS_ORIGIN = {
    "Cache-Control": "public, max-age=300",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Vary": "Cookie, Accept-Language",
}
"""A picture is for other people's pages; its mark is in the reader's language, and its seals may still change."""


class SharedPoem(PoemOut):
    """A poem as a file."""

    mark: str
    """That a machine wrote it, and which version: for whoever finds the file."""


@router.get("/poems/{poem}.txt")
def as_text(poem: PoemId, request: Request, bot: BotDep, visitor: VisitorDep) -> PlainTextResponse:
    """A poem to copy."""
    found, voice = _poem(bot, poem, visitor)
    label = _label(request, voice, found)
    return PlainTextResponse(f"{found.text}\n\n{label}\n{origin_of(request)}/poems/{poem}\n")


@router.get("/poems/{poem}.json")
def as_json(poem: PoemId, request: Request, bot: BotDep, visitor: VisitorDep) -> SharedPoem:
    """A poem for programs."""
    found, voice = _poem(bot, poem, visitor)
    return SharedPoem(**PoemOut.of(found).model_dump(), mark=_label(request, voice, found))


@router.get("/poems/{poem}.png")
def as_picture(
    *, poem: PoemId, request: Request, bot: BotDep, visitor: VisitorDep, shape: str = "landscape"
) -> Response:
    """A poem as a picture. It is limited: to draw one takes as long as to write ten poems."""
    take(request, READINGS, visitor)
    found, voice = _poem(bot, poem, visitor)
    drawn = card(
        tuple(line.text for line in found.lines),
        voice.title,
        version_label(request, voice, found.version),
        _label(request, voice, found),
        shape=shape_of(shape),
        sealed=frozenset(line.slot for line in found.lines if line.sealed),
        by_humans=frozenset(found.by_humans),
        address=short(request, f"/poems/{poem}"),
    )
    return Response(drawn, media_type="image/png", headers=CROSS_ORIGIN)


def shape_of(asked: str) -> Shape:
    """The shape that was asked for, else what link previews show."""
    return next((shape for shape in SHAPES if shape == asked), "landscape")


def short(request: Request, path: str) -> str:
    """An address as one reads it out: without its scheme."""
    return f"{request.url.netloc}{path}"


def _label(request: Request, voice: VoiceReport, poem: Poem) -> str:
    """What made the poem, and which of its lines are not the bot's alone."""
    label = ai_label(request, voice, poem.version)
    if not poem.by_humans:
        return label
    lines = ", ".join(map(str, poem.by_humans))
    return f"{label} · {translate(request, '사람의 말: %(lines)s행', voice=voice, lines=lines)}"


def _poem(bot: Bot, poem: str, visitor: Visitor) -> tuple[Poem, VoiceReport]:
    with bot.reading() as session:
        found = Poems(session).one(poem, visitor.id)
        return found, Voices(session).one(found.voice)
