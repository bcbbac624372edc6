"""What a reader takes with him: a poem as text, as data, as a picture. All of it says that a machine wrote it."""

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from app.bootstrap import Bot
from app.domain.poem import Poem
from app.domain.version import VoiceReport
from app.domain.visitor import Visitor
from app.store.poems import Poems
from app.store.voices import Voices
from app.web.api.shapes import PoemOut
from app.web.http.deps import BotDep, PoemId, VisitorDep
from app.web.http.page import mark, say
from app.web.http.rate_limits import READINGS, take
from app.web.readers.card import card

router = APIRouter(include_in_schema=False)
SHOWN_ELSEWHERE = {
    "Cache-Control": "public, max-age=3600",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Vary": "Cookie, Accept-Language",
}
"""A poem does not change, and its picture is for other people's pages; its mark is in the reader's language."""


class KeptPoem(PoemOut):
    """A poem that somebody takes away as data."""

    mark: str
    """That a machine wrote it, and which: for whoever finds the file."""


@router.get("/poems/{poem}.txt")
def as_text(poem: PoemId, request: Request, bot: BotDep, visitor: VisitorDep) -> PlainTextResponse:
    """A poem to copy."""
    found, voice = _poem(bot, poem, visitor)
    return PlainTextResponse(f"{found.text}\n\n{mark(request, voice, found.version)}\n")


@router.get("/poems/{poem}.json")
def as_json(poem: PoemId, request: Request, bot: BotDep, visitor: VisitorDep) -> KeptPoem:
    """A poem for programs."""
    found, voice = _poem(bot, poem, visitor)
    return KeptPoem(**PoemOut.of(found).model_dump(), mark=mark(request, voice, found.version))


@router.get("/poems/{poem}.png")
def as_picture(poem: PoemId, request: Request, bot: BotDep, visitor: VisitorDep) -> Response:
    """A poem as a picture. To draw one takes as long as to write ten poems: so it is counted."""
    take(request, READINGS, visitor)
    found, voice = _poem(bot, poem, visitor)
    lines = tuple(line.text for line in found.lines)
    version = say(request, "판 %(n)s", voice=voice, n=found.version)
    drawn = card(lines, voice.title, version, mark(request, voice, found.version))
    return Response(drawn, media_type="image/png", headers=SHOWN_ELSEWHERE)


def _poem(bot: Bot, poem: str, visitor: Visitor) -> tuple[Poem, VoiceReport]:
    with bot.reading() as session:
        found = Poems(session).one(poem, visitor.id)
        return found, Voices(session).one(found.voice)
