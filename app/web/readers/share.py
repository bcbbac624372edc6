"""Sharing: a poem as text, as JSON, or as a picture, each with its address and the mark that a machine wrote it."""

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from app import reads
from app.domain.poem import Poem
from app.domain.version import VoiceReport
from app.web.api.schemas import PoemOut
from app.web.http.deps import BotDep, PoemId, VisitorDep
from app.web.http.limits import READINGS, take
from app.web.http.page import ai_label, origin_of, translate, version_label

router = APIRouter(include_in_schema=False)
CROSS_ORIGIN = {
    "Cache-Control": "public, max-age=300",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Vary": "Cookie, Accept-Language",
}
"""Other sites may show a picture. It is not cached long: its language varies, and its seals may still change."""


class SharedPoem(PoemOut):
    """A poem as a JSON file."""

    mark: str
    """The AI label, with the version."""


@router.get("/poems/{poem}.txt")
def as_text(poem: PoemId, request: Request, bot: BotDep, visitor: VisitorDep) -> PlainTextResponse:
    """A poem as plain text."""
    found, voice = reads.poems.with_voice(bot, poem, visitor)
    label = _label(request, voice, found)
    return PlainTextResponse(f"{found.text}\n\n{label}\n{origin_of(request)}/poems/{poem}\n")


@router.get("/poems/{poem}.json")
def as_json(poem: PoemId, request: Request, bot: BotDep, visitor: VisitorDep) -> SharedPoem:
    """A poem as JSON."""
    found, voice = reads.poems.with_voice(bot, poem, visitor)
    return SharedPoem(**PoemOut.of(found).model_dump(), mark=_label(request, voice, found))


@router.get("/poems/{poem}.png")
def as_picture(
    *, poem: PoemId, request: Request, bot: BotDep, visitor: VisitorDep, shape: str = "landscape"
) -> Response:
    """A poem as a picture. Rate-limited, since drawing one takes as long as writing ten poems."""
    take(request, READINGS, visitor)
    found, voice = reads.poems.with_voice(bot, poem, visitor)
    from app.web.readers.picture import card, shape_of  # Pillow, four megabytes, for who asks for a picture

    drawn = card(
        tuple(line.text for line in found.lines),
        voice.title,
        version_label(request, voice, found.version),
        _label(request, voice, found),
        shape=shape_of(shape),
        sealed=frozenset(line.slot for line in found.lines if line.sealed),
        by_humans=frozenset(line.slot for line in found.lines if line.primed),
        address=short(request, f"/poems/{poem}"),
    )
    return Response(drawn, media_type="image/png", headers=CROSS_ORIGIN)


def short(request: Request, path: str) -> str:
    """An address without its scheme."""
    return f"{request.url.netloc}{path}"


def _label(request: Request, voice: VoiceReport, poem: Poem) -> str:
    """The AI label, with the numbers of the lines that hold a human's words."""
    label = ai_label(request, voice, poem.version)
    if not poem.by_humans:
        return label
    lines = ", ".join(map(str, poem.by_humans))
    return f"{label} · {translate(request, '사람의 말: %(lines)s행', voice=voice, lines=lines)}"
