"""사람일까 봇일까: guess who wrote a line, in rounds of ten. The page says what all guesses came to, with intervals."""

import random
from collections.abc import Sequence

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from app import actions, reads
from app.domain.guess import ROUND, Riddle, Round
from app.domain.visitor import Visitor
from app.web.http.deps import BotDep, EngineDep, GenuineForm, Slug, VisitorDep
from app.web.http.limits import GUESSES, take
from app.web.http.page import fields_of, page, see_other
from app.web.http.visitors import keys_of

router = APIRouter(include_in_schema=False)


@router.get("/{voice}/guess")
def ask(
    *,
    voice: Slug,
    request: Request,
    bot: BotDep,
    engine: EngineDep,
    visitor: VisitorDep,
    told: str = "",
    result: str = "",
) -> HTMLResponse:
    """A line and two answers; what his last answer was worth; after ten of them the round. *result*: a shared one."""
    known = reads.guesses.lines(bot, engine, voice, visitor.id)
    found = reads.guesses.standing(bot, voice, visitor.id, told=bool(told))
    over = found.played.over
    riddle = None if over else _pick(known.humans, known.bots)
    return page(
        request,
        "guess.html",
        riddle=riddle,
        mark=_mark(request, visitor, riddle) if riddle else "",
        stand_in=known.stand_in,
        fewest=reads.guesses.FEWEST,
        rounds=ROUND,
        token=keys_of(request).sign_result([voice, _pattern(found.played)]) if over else "",
        shared=_shared(request, voice, result),
        **fields_of(found),
    )


@router.post("/{voice}/guess")
def guess(
    *, voice: Slug, request: Request, form: GenuineForm, bot: BotDep, engine: EngineDep, visitor: VisitorDep
) -> Response:
    """Keep an answer to a line that may be asked about; anything else is passed over."""
    take(request, GUESSES, visitor)
    mark, said = form.text("line"), form.text("said")
    if said in ("human", "bot"):
        actions.guesses.guess(
            bot, engine, voice, lambda one: _mark(request, visitor, one) == mark, by=visitor, said_human=said == "human"
        )
    return see_other(f"/{voice}/guess?told=1")


def _pick(*sides: Sequence[Riddle]) -> Riddle | None:
    """Heads a human's, tails the bot's; None when either side has none left: the answer would be known."""
    return random.choice(random.choice(sides)) if all(sides) else None


def _mark(request: Request, visitor: Visitor, riddle: Riddle) -> str:
    """A name for the line that does not tell whose it is."""
    return keys_of(request).opaque_id("riddle", visitor.id, riddle.kind, riddle.source, riddle.row)


def _pattern(played: Round) -> str:
    """Which of a round's answers were right: 1 or 0 each."""
    return "".join(str(int(one.right)) for one in played.answers)


def _shared(request: Request, voice: str, token: str) -> str:
    """The pattern of a round that somebody shared; "" for a token that is not ours, or of another voice."""
    known = keys_of(request).read_result(token) if token else None
    return str(known[1]) if known and known[0] == voice else ""
