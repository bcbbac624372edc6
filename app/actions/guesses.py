"""The guessing game: a visitor guesses whether a human or the bot wrote a line.

Guesses count in the statistics only while the human lines come from readers, not from the holdout.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from app.actions.visitors import counts, greet
from app.bootstrap import Bot
from app.domain.guess import Riddle
from app.domain.visitor import Visitor
from app.reads.guesses import lines
from app.store.guesses import Guesses

if TYPE_CHECKING:
    from app.engine.engine import Engine


def guess(
    bot: Bot, engine: "Engine", voice: str, asked: Callable[[Riddle], bool], *, by: Visitor, said_human: bool
) -> bool:
    """Store the answer to the line for which *asked* is true; False when no such line may be asked any more.

    Only the first answer to a line counts. Raises UnknownVoice, EngineFull, EngineFailed.
    """
    known = lines(bot, engine, voice, by.id)
    riddle = next((one for one in (*known.humans, *known.bots) if asked(one)), None)
    if riddle is None:
        return False
    with bot.transaction() as session:
        greet(session, bot, by)
        counted = counts(session, bot, by) and not known.stand_in
        Guesses(session).add(by.id, voice, riddle, said_human=said_human, counted=counted, now=bot.clock())
    return True
