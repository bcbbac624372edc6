"""A poem as a picture (PNG), drawn with Pillow in Noto Serif KR.

It is a ruled sheet as on the page, the title on a strip at the right, and red seals beside the lines that the poem's
first reader ticked. `landscape` is the size of Open Graph images, which other sites show for a shared address; `square`
and `portrait` are for picture feeds. It knows no request; `share.py` has the routes.
"""

import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Literal, get_args

from PIL import Image, ImageDraw, ImageFont
from pylopdf_fonts_ko import serif_path

Shape = Literal["landscape", "square", "portrait"]
SHAPES: tuple[Shape, ...] = get_args(Shape)
SIZES = MappingProxyType({"landscape": (1200, 630), "square": (1080, 1080), "portrait": (1080, 1350)})
"""Width and height in pixels."""
PAPER = "#f3efe4"
SHEET = "#fbf9f2"
INK = "#221e1a"
SOFT = "#5f574d"
RULE = "#e2dacb"
EDGE = "#b7ac9a"
SEAL = "#b3261e"
FRAME = 44
"""Pixels between the picture's edge and the sheet's."""
STRIP = 116
"""Width of the strip at the right with the title on it."""
FOOT = 52
"""Height of the sheet's last row, with address and mark."""
TITLE_HEIGHT = 300
"""Pixels that the title may take on the strip, from top to bottom."""
GUTTER = 64
"""Width of the margin at the left, where the seals are."""
BIGGEST, SMALLEST = 46, 15
"""Font sizes of the lines, in pixels."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of the picture, in pixels."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """In pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """In pixels."""
        return self.bottom - self.top


def shape_of(asked: str) -> Shape:
    """The requested shape, else landscape."""
    return next((shape for shape in SHAPES if shape == asked), "landscape")


@lru_cache(maxsize=64)
def card(
    lines: tuple[str, ...],
    title: str,
    version: str,
    mark: str,
    *,
    shape: Shape = "landscape",
    sealed: frozenset[int] = frozenset(),
    by_humans: frozenset[int] = frozenset(),
    address: str = "",
) -> bytes:
    """A PNG of *lines*, with *title* and *version* on the strip.

    *sealed*: slots of lines with a seal. *by_humans*: slots of lines with a human's words, which are drawn paler.
    """
    picture, draw, sheet = _sheet(shape)
    _title_strip(picture, draw, Box(sheet.right - STRIP, sheet.top, sheet.right, sheet.bottom), title, version)
    verse = Box(sheet.left, sheet.top, sheet.right - STRIP, sheet.bottom)
    _lines(draw, verse, lines, sealed, by_humans)
    _foot(draw, verse, address, mark)
    return _png(picture)


@lru_cache(maxsize=32)
def pair(
    old: tuple[str, ...],
    new: tuple[str, ...],
    names: tuple[str, str],
    mark: str,
    *,
    shape: Shape = "landscape",
    address: str = "",
) -> bytes:
    """A PNG of two poems with their *names*: side by side in landscape, else one above the other."""
    picture, draw, sheet = _sheet(shape)
    halves = _halves(sheet, upright=shape != "landscape")
    for half, lines, name in zip(halves, (old, new), names, strict=True):
        _lines(draw, Box(half.left, half.top + 56, half.right, half.bottom), lines, ())
        draw.text((half.left + GUTTER, half.top + 34), name, font=_font(24), fill=SOFT, anchor="lm")
    first = halves[0]
    if shape != "landscape":
        draw.line((sheet.left, first.bottom, sheet.right, first.bottom), fill=EDGE, width=2)
    else:
        draw.line((first.right, sheet.top, first.right, sheet.bottom), fill=EDGE, width=2)
    _foot(draw, sheet, address, mark)
    return _png(picture)


def _halves(sheet: Box, *, upright: bool) -> tuple[Box, Box]:
    """The sheet without its foot, cut in two."""
    bottom = sheet.bottom - FOOT
    if upright:
        middle = (sheet.top + bottom) // 2
        return Box(sheet.left, sheet.top, sheet.right, middle), Box(sheet.left, middle, sheet.right, bottom)
    middle = (sheet.left + sheet.right) // 2
    return Box(sheet.left, sheet.top, middle, bottom), Box(middle, sheet.top, sheet.right, bottom)


@lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(serif_path(), size)


def _sheet(shape: Shape) -> tuple[Image.Image, ImageDraw.ImageDraw, Box]:
    """An empty sheet with its double frame."""
    width, height = SIZES[shape]
    picture = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(picture)
    right, bottom = width - FRAME, height - FRAME
    draw.rectangle((FRAME - 8, FRAME - 8, right + 8, bottom + 8), outline=EDGE, width=4)
    draw.rectangle((FRAME, FRAME, right, bottom), fill=SHEET, outline=EDGE, width=2)
    return picture, draw, Box(FRAME, FRAME, right, bottom)


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.quantize(64).save(file, "PNG", optimize=True)
    return file.getvalue()


def _title_strip(picture: Image.Image, draw: ImageDraw.ImageDraw, strip: Box, title: str, version: str) -> None:
    """Draw the strip: the title from top to bottom, the version, and the seal below."""
    middle = (strip.left + strip.right) // 2
    draw.line((strip.left, strip.top, strip.left, strip.bottom), fill=EDGE, width=2)
    if title.isascii():
        _rotated_title(picture, title, middle)
    else:
        _vertical_title(picture, title, middle)
    size = next((n for n in range(20, 10, -1) if _width([version], n) <= STRIP - 16), 10)
    draw.text((middle, strip.bottom - 126), version, font=_font(size), fill=SOFT, anchor="ms")
    _seal(draw, middle, strip.bottom - 70, 68)


def _seal(draw: ImageDraw.ImageDraw, x: int, y: int, size: int) -> None:
    """Draw the red seal of the pages, its centre at x, y."""
    half = size // 2
    draw.rounded_rectangle((x - half, y - half, x + half, y + half), max(3, size // 10), fill=SEAL)
    thick = 1 if size > 40 else 0
    font = _font(size * 7 // 10)
    draw.text((x, y), "시", font=font, fill=SHEET, anchor="mm", stroke_width=thick, stroke_fill=SHEET)


def _vertical_title(picture: Image.Image, title: str, middle: int) -> None:
    """Draw a Korean title vertically, one letter below the other."""
    step = max(18, min(56, TITLE_HEIGHT // max(1, len(title))))
    for place, character in enumerate(title[: TITLE_HEIGHT // step]):
        foot = FRAME + 36 + step * (place + 1)
        ImageDraw.Draw(picture).text((middle, foot), character, font=_font(step - 8), fill=INK, anchor="ms")


def _rotated_title(picture: Image.Image, title: str, middle: int) -> None:
    """Draw a Latin title rotated, as on the spine of a book."""
    size = next((n for n in range(48, SMALLEST, -1) if _width([title], n) <= TITLE_HEIGHT), SMALLEST)
    text = _truncated(title, size, TITLE_HEIGHT)
    strip = Image.new("L", (TITLE_HEIGHT, 2 * size))
    ImageDraw.Draw(strip).text((0, size), text, font=_font(size), fill=255, anchor="lm")
    picture.paste(INK, (middle - size, FRAME + 44), strip.rotate(-90, expand=True))


def _lines(
    draw: ImageDraw.ImageDraw, box: Box, lines: Sequence[str], sealed: Collection[int], by_humans: Collection[int] = ()
) -> None:
    """Draw the ruled lines in the largest font that the longest of them allows, with their seals."""
    row = min(box.height // 6, 108, (box.height - FOOT) // (len(lines) + 1))
    room = box.width - GUTTER - 48
    size = next((n for n in range(min(BIGGEST, row * 11 // 20), SMALLEST, -1) if _width(lines, n) <= room), SMALLEST)
    top = box.top + (box.height - FOOT - row * len(lines)) // 2
    first = top - (top - box.top) // row * row
    if first <= box.top + 2:  # it would lie on the sheet's edge
        first += row
    for rule in range(first, top + row * len(lines) + 1, row):
        draw.line((box.left + 2, rule, box.right - 1, rule), fill=RULE, width=1)
    margin = box.left + GUTTER - 8
    draw.line((margin, box.top + 2, margin, box.bottom - 2), fill=RULE, width=1)
    for slot, text in enumerate(lines):
        middle = top + row * slot + row // 2
        ink = SOFT if slot in by_humans else INK
        draw.text(
            (box.left + GUTTER + 16, middle), _truncated(text, size, room), font=_font(size), fill=ink, anchor="lm"
        )
        if slot in sealed:
            _seal(draw, box.left + (GUTTER - 8) // 2 + 1, middle, min(38, row - 8))


def _foot(draw: ImageDraw.ImageDraw, box: Box, address: str, mark: str) -> None:
    """Draw the mark at the right, and the address at the left if there is room for it."""
    font, y = _font(20), box.bottom - 16
    draw.text((box.right - 24, y), mark, font=font, fill=SOFT, anchor="rs")
    if font.getlength(address) + font.getlength(mark) < box.width - GUTTER - 64:
        draw.text((box.left + GUTTER + 16, y), address, font=font, fill=SOFT, anchor="ls")


def _width(lines: Sequence[str], size: int) -> float:
    return max((_font(size).getlength(text) for text in lines), default=0.0)


def _truncated(text: str, size: int, room: int) -> str:
    """The line, cut with an ellipsis if it is wider than *room* pixels."""
    if _font(size).getlength(text) <= room:
        return text
    cuts = (text[:n].rstrip() + "…" for n in range(len(text), -1, -1))
    return next(cut for cut in cuts if _font(size).getlength(cut) <= room)
