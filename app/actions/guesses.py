"""A guess: a visitor says whether a line was written by a human or by the bot."""

from collections.abc import Callable

from app.actions.visitors import greet
from app.bootstrap import Bot
from app.domain.visitor import Visitor
from app.store.guesses import Guesses, Riddle
from app.store.voices import Voices


def guess(bot: Bot, voice: str, asked: Callable[[Riddle], bool], *, by: Visitor, said_human: bool) -> bool:
    """Keep his answer to the line that was *asked* about; False when that may not be asked (any more).

    The first answer to a line counts. Raises UnknownVoice.
    """
    with bot.transaction() as session:
        Voices(session).one(voice)
        guesses = Guesses(session)
        riddle = next((one for one in (*guesses.humans(voice), *guesses.bots(voice)) if asked(one)), None)
        if riddle is None:
            return False
        greet(session, bot, by)
        guesses.add(by.id, voice, riddle, said_human=said_human, now=bot.clock())
        return True
