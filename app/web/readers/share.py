"""Sharing: a poem as text, as JSON, as a picture (PNG). Each says that a machine wrote it.

The picture is the one that other sites show for a shared address (Open Graph), set in Noto Serif KR.
"""

import io
from collections.abc import Sequence
from functools import lru_cache

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from PIL import Image, ImageDraw, ImageFont
from pylopdf_fonts_ko import serif_path

from app.bootstrap import Bot
from app.domain.poem import Poem
from app.domain.version import VoiceReport
from app.domain.visitor import Visitor
from app.store.poems import Poems
from app.store.voices import Voices
from app.web.api.schemas import PoemOut
from app.web.http.deps import BotDep, PoemId, VisitorDep
from app.web.http.page import ai_label, version_label
from app.web.http.rate_limits import READINGS, take

router = APIRouter(include_in_schema=False)
CROSS_ORIGIN = {
    "Cache-Control": "public, max-age=3600",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Vary": "Cookie, Accept-Language",
}
"""A poem does not change, and its picture is for other people's pages; its mark is in the reader's language."""
SIZE = WIDTH, HEIGHT = 1200, 630
"""What sites that show Open Graph images ask for."""
PAPER, SHEET, INK, SOFT, RULE, EDGE, SEAL = "#f3efe4", "#fbf9f2", "#221e1a", "#5f574d", "#e2dacb", "#b7ac9a", "#b3261e"
FRAME = 44
"""Pixels between the picture's edge and the sheet's."""
STRIP = 116
"""Width of the strip at the right with the title on it."""
TITLE_HEIGHT = 300
"""Pixels that the title may take on the strip, from top to bottom."""
INDENT = 72
BIGGEST, SMALLEST = 46, 15
"""Font sizes of the lines, in pixels."""


class SharedPoem(PoemOut):
    """A poem as a file."""

    mark: str
    """That a machine wrote it, and which version: for whoever finds the file."""


@router.get("/poems/{poem}.txt")
def as_text(poem: PoemId, request: Request, bot: BotDep, visitor: VisitorDep) -> PlainTextResponse:
    """A poem to copy."""
    found, voice = _poem(bot, poem, visitor)
    return PlainTextResponse(f"{found.text}\n\n{ai_label(request, voice, found.version)}\n")


@router.get("/poems/{poem}.json")
def as_json(poem: PoemId, request: Request, bot: BotDep, visitor: VisitorDep) -> SharedPoem:
    """A poem for programs."""
    found, voice = _poem(bot, poem, visitor)
    return SharedPoem(**PoemOut.of(found).model_dump(), mark=ai_label(request, voice, found.version))


@router.get("/poems/{poem}.png")
def as_picture(poem: PoemId, request: Request, bot: BotDep, visitor: VisitorDep) -> Response:
    """A poem as a picture. It is limited: to draw one takes as long as to write ten poems."""
    take(request, READINGS, visitor)
    found, voice = _poem(bot, poem, visitor)
    lines = tuple(line.text for line in found.lines)
    version = version_label(request, voice, found.version)
    drawn = card(lines, voice.title, version, ai_label(request, voice, found.version))
    return Response(drawn, media_type="image/png", headers=CROSS_ORIGIN)


def _poem(bot: Bot, poem: str, visitor: Visitor) -> tuple[Poem, VoiceReport]:
    with bot.reading() as session:
        found = Poems(session).one(poem, visitor.id)
        return found, Voices(session).one(found.voice)


@lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(serif_path(), size)


@lru_cache(maxsize=64)
def card(lines: tuple[str, ...], title: str, version: str, mark: str) -> bytes:
    """A PNG of *lines*, with *title* and *version* on the strip and *mark* in the margin."""
    picture = Image.new("RGB", SIZE, PAPER)
    draw = ImageDraw.Draw(picture)
    right, bottom = WIDTH - FRAME, HEIGHT - FRAME
    draw.rectangle((FRAME - 8, FRAME - 8, right + 8, bottom + 8), outline=EDGE, width=4)
    draw.rectangle((FRAME, FRAME, right, bottom), fill=SHEET, outline=EDGE, width=2)
    _title_strip(picture, draw, title, version)
    _lines(draw, lines, right - STRIP)
    draw.text((right - STRIP - 24, bottom - 16), mark, font=_font(20), fill=SOFT, anchor="rs")
    file = io.BytesIO()
    picture.quantize(64).save(file, "PNG", optimize=True)
    return file.getvalue()


def _title_strip(picture: Image.Image, draw: ImageDraw.ImageDraw, title: str, version: str) -> None:
    """The title from top to bottom, and the poet's seal beneath."""
    left, middle = WIDTH - FRAME - STRIP, WIDTH - FRAME - STRIP // 2
    draw.line((left, FRAME, left, HEIGHT - FRAME), fill=EDGE, width=2)
    (_rotated_title if title.isascii() else _vertical_title)(picture, title, middle)
    size = next((n for n in range(20, 10, -1) if _width([version], n) <= STRIP - 16), 10)
    draw.text((middle, HEIGHT - FRAME - 126), version, font=_font(size), fill=SOFT, anchor="ms")
    seal = (middle - 34, HEIGHT - FRAME - 104, middle + 34, HEIGHT - FRAME - 36)
    draw.rounded_rectangle(seal, 7, fill=SEAL)
    draw.text((middle, seal[1] + 34), "시", font=_font(48), fill=SHEET, anchor="mm", stroke_width=1, stroke_fill=SHEET)


def _vertical_title(picture: Image.Image, title: str, middle: int) -> None:
    """A title letter under letter, as Korean is written from top to bottom."""
    step = max(18, min(56, TITLE_HEIGHT // max(1, len(title))))
    for place, character in enumerate(title[: TITLE_HEIGHT // step]):
        foot = FRAME + 36 + step * (place + 1)
        ImageDraw.Draw(picture).text((middle, foot), character, font=_font(step - 8), fill=INK, anchor="ms")


def _rotated_title(picture: Image.Image, title: str, middle: int) -> None:
    """A Latin title turned on its side, as on the spine of a book."""
    size = next((n for n in range(48, SMALLEST, -1) if _width([title], n) <= TITLE_HEIGHT), SMALLEST)
    text = _truncated(title, size, TITLE_HEIGHT)
    strip = Image.new("L", (TITLE_HEIGHT, 2 * size))
    ImageDraw.Draw(strip).text((0, size), text, font=_font(size), fill=255, anchor="lm")
    picture.paste(INK, (middle - size, FRAME + 44), strip.rotate(-90, expand=True))


def _lines(draw: ImageDraw.ImageDraw, lines: Sequence[str], right: int) -> None:
    """Each line on a rule of its own, as large as the longest of them allows."""
    row = min(84, (HEIGHT - 2 * FRAME - 40) // (len(lines) + 1))
    room = right - FRAME - INDENT - 24
    size = next((n for n in range(min(BIGGEST, row * 11 // 20), SMALLEST, -1) if _width(lines, n) <= room), SMALLEST)
    top = FRAME + (HEIGHT - 2 * FRAME - 24 - row * len(lines)) // 2
    for rule in range(top % row + (row if top % row < FRAME else 0), top + row * len(lines) + 1, row):
        draw.line((FRAME + 2, rule, right - 1, rule), fill=RULE, width=1)
    draw.line((FRAME + INDENT - 24, FRAME + 2, FRAME + INDENT - 24, HEIGHT - FRAME - 2), fill=RULE, width=1)
    for place, text in enumerate(lines):
        shown = _truncated(text, size, room)
        draw.text((FRAME + INDENT, top + row * place + row // 2), shown, font=_font(size), fill=INK, anchor="lm")


def _width(lines: Sequence[str], size: int) -> float:
    return max((_font(size).getlength(text) for text in lines), default=0.0)


def _truncated(text: str, size: int, room: int) -> str:
    """As much of a line as fits into *room* pixels, with an ellipsis where it is cut."""
    if _font(size).getlength(text) <= room:
        return text
    return next(cut for n in range(len(text), -1, -1) if _font(size).getlength(cut := text[:n].rstrip() + "…") <= room)
