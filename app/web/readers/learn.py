"""`/learn`: how a character-level network works.

The page shows what the champion expects at each character of a text, and a small network that learns `hello`.
"""

from itertools import islice
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app import reads
from app.engine.surprise import TextReading
from app.web.http.deps import BotDep, SurpriseMeterDep, VisitorDep, number_in
from app.web.http.language import voice_for
from app.web.http.limits import READINGS, take
from app.web.http.page import frame_of, page
from models import byhand

router = APIRouter(include_in_schema=False)
MOST_READ = 200
"""Characters of a visitor's text that the network reads."""
SHADES = 6
"""Colours for surprise."""
BITS_A_SHADE = 1.0
SEEDS = 1000


@router.get("/learn")
def learn(
    *, request: Request, bot: BotDep, meter: SurpriseMeterDep, visitor: VisitorDep, text: str = "", voice: str = ""
) -> HTMLResponse:
    """The page, with the champion's reading of *text*, or of a line that the voice wrote."""
    known = frame_of(request).voices
    chosen = next((one for one in known if one.slug == voice), voice_for(request, known))
    own = reads.poems.first_line(bot, chosen) if chosen is not None else ""
    asked = " ".join(text.encode("utf-8", "replace").decode().split())[:MOST_READ]
    reading: TextReading | None = None
    if chosen is not None:
        if asked:
            take(request, READINGS, visitor)
        reading = meter.read(chosen.slug, asked or own)
    # Its own line ends as expected: there is more to see before the character that surprised it most.
    at = asked or (_turn(reading) if reading else "")
    ahead = meter.read(chosen.slug, at) if chosen is not None and at != (asked or own) else reading
    return page(
        request,
        "learn.html",
        reading=reading,
        asked=asked,
        read=asked or own,
        at=at,
        following=ahead.following if ahead else (),
        chosen=chosen,
        shade=_shade,
        **_lesson(0, 0),
    )


@router.get("/learn/hello")
def hello(request: Request, seed: str = "", step: str = "") -> HTMLResponse:
    """The network that learns `hello`, after *step* steps of training."""
    steps = min(number_in(step) or 0, byhand.MOST_STEPS)
    return page(request, "hello.html", **_lesson((number_in(seed) or 0) % SEEDS, steps))


def _lesson(seed: int, step: int) -> dict[str, Any]:
    heard = list(islice(byhand.lesson(seed), step + 1))
    return {
        "heard": heard[-1],
        "seed": seed,
        "another": (seed + 1) % SEEDS,
        "letters": byhand.LETTERS,
        "rows": list(zip(byhand.READ, byhand.WANTED, heard[-1].probabilities, strict=True)),
    }


def _turn(reading: TextReading) -> str:
    """What was read before the least expected character, the first word aside."""
    texts = [one.text for one in reading.read]
    begin = texts.index(" ") + 1 if " " in texts else 1
    most = max(reading.read[begin:], key=lambda one: one.bits, default=None)
    return "".join(texts if most is None else texts[: reading.read.index(most)])


def _shade(bits: float, characters: int) -> int:
    """The index of the colour for so many bits; 0: expected."""
    return min(SHADES - 1, int(bits / max(1, characters) / BITS_A_SHADE))
