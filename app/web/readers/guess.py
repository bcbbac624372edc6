"""사람일까 봇일까: guess who wrote a line. The page says what all guesses came to, with intervals."""

import random

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from app import actions
from app.domain.visitor import Visitor
from app.store.guesses import Guesses, Riddle
from app.store.voices import Voices
from app.web.http.deps import BotDep, Slug, VisitorDep
from app.web.http.forms import GenuineForm
from app.web.http.page import page, see_other
from app.web.http.rate_limits import READINGS, take
from app.web.http.visitors import keys_of

router = APIRouter(include_in_schema=False)
FEWEST = 20
"""Lines by humans below which there is nothing to guess."""


@router.get("/{voice}/guess")
def ask(voice: Slug, request: Request, bot: BotDep, visitor: VisitorDep, told: str = "") -> HTMLResponse:
    """A line, and two answers."""
    with bot.reading() as session:
        Voices(session).one(voice)
        guesses = Guesses(session)
        humans, bots = guesses.humans(voice), guesses.bots(voice)
        known = guesses.known(visitor.id, [*humans, *bots])
        score, mine = guesses.score(voice), guesses.score(voice, visitor.id)
        last = guesses.last(visitor.id, voice) if told else None
    riddle = _pick(humans, bots, known) if len(humans) >= FEWEST else None
    return page(
        request,
        "guess.html",
        riddle=riddle,
        mark=_mark(request, visitor, riddle) if riddle else "",
        humans=len(humans),
        fewest=FEWEST,
        score=score,
        mine=mine,
        last=last,
    )


@router.post("/{voice}/guess")
def guess(voice: Slug, request: Request, form: GenuineForm, bot: BotDep, visitor: VisitorDep) -> Response:
    """Keep an answer to a line that may be asked about; anything else is passed over."""
    take(request, READINGS, visitor)
    mark, said = form.text("line"), form.text("said")
    if said in ("human", "bot"):
        actions.guesses.guess(
            bot, voice, lambda one: _mark(request, visitor, one) == mark, by=visitor, said_human=said == "human"
        )
    return see_other(f"/{voice}/guess?told=1")


def _pick(humans: list[Riddle], bots: list[Riddle], known: set[Riddle]) -> Riddle | None:
    """Heads a human's, tails the bot's; None when he has seen them all."""
    sides = [[one for one in side if one not in known] for side in (humans, bots)]
    left = [side for side in sides if side]
    return random.choice(random.choice(left)) if left else None


def _mark(request: Request, visitor: Visitor, riddle: Riddle) -> str:
    """A name for the line that does not tell whose it is."""
    return keys_of(request).opaque_id("riddle", visitor.id, riddle.kind, riddle.source, riddle.row)
