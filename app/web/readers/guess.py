"""사람일까 봇일까, a guessing game: did a human write this line, or the bot? Rounds of ten lines each."""

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
    """The next line to guess, and whether the last answer was right; after ten lines the round's result.

    *told*: has an answer just been given? *result*: the token of a result that somebody shared.
    """
    known = reads.guesses.lines(bot, engine, voice, visitor.id)
    found = reads.guesses.standing(bot, voice, visitor.id, with_round=bool(told))
    over = found.played.over
    riddle = None if over else _pick(known.humans, known.bots)
    return page(
        request,
        "guess.html",
        riddle=riddle,
        mark=_opaque_id(request, visitor, riddle) if riddle else "",
        stand_in=known.stand_in,
        fewest=reads.guesses.FEWEST_HUMAN_LINES,
        rounds=ROUND,
        token=keys_of(request).sign_result([voice, _pattern(found.played)]) if over else "",
        shared=_shared(request, voice, result),
        **fields_of(found),
    )


@router.post("/{voice}/guess")
def guess(
    *, voice: Slug, request: Request, form: GenuineForm, bot: BotDep, engine: EngineDep, visitor: VisitorDep
) -> Response:
    """Store an answer; one to a line that is not in the game is ignored."""
    take(request, GUESSES, visitor)
    mark, said = form.text("line"), form.text("said")
    if said in ("human", "bot"):
        actions.guesses.guess(
            bot,
            engine,
            voice,
            lambda one: _opaque_id(request, visitor, one) == mark,
            by=visitor,
            said_human=said == "human",
        )
    return see_other(f"/{voice}/guess?told=1")


def _pick(*sides: Sequence[Riddle]) -> Riddle | None:
    """A line of either side, with equal chance; None when one side has none left, since that would give it away."""
    return random.choice(random.choice(sides)) if all(sides) else None


def _opaque_id(request: Request, visitor: Visitor, riddle: Riddle) -> str:
    """An id for the line that does not reveal whose it is."""
    return keys_of(request).opaque_id("riddle", visitor.id, riddle.kind, riddle.source, riddle.row)


def _pattern(played: Round) -> str:
    """The answers of a round as a string: 1 for a right one, 0 for a wrong one."""
    return "".join(str(int(one.right)) for one in played.answers)


def _shared(request: Request, voice: str, token: str) -> str:
    """The pattern of a shared round; "" if the token is invalid or for another voice."""
    known = keys_of(request).read_result(token) if token else None
    return str(known[1]) if known and known[0] == voice else ""
