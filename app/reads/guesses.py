"""The guessing game: which lines a visitor may be asked about, and the scores.

Human lines come from readers' submissions as soon as there are enough. Until then they come from the base's holdout:
verse that no network was trained on.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from app.bootstrap import Bot
from app.domain.errors import BrokenFolder
from app.domain.guess import ROUND, Riddle, Round, Score, fits
from app.domain.poem import Wish, Writing
from app.store.guesses import Guesses
from app.store.voices import Voices
from models.folder import HOLDOUTS

if TYPE_CHECKING:
    from app.engine.engine import Engine

FEWEST_HUMAN_LINES = 20
"""With fewer lines of readers than this, lines of the holdout are used instead."""
POOL = 6
"""Poems that the engine writes for the game alone, for a reader who has seen all others (on a new site all are his)."""


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines a visitor may be asked about: he was not shown them, did not teach them and has not answered yet."""

    humans: tuple[Riddle, ...]
    bots: tuple[Riddle, ...]
    stand_in: bool
    """Do the human lines come from the holdout?"""


def lines(bot: Bot, engine: "Engine", voice: str, visitor: str) -> Lines:
    """The lines of a voice that *visitor* may be asked about. Raises UnknownVoice, EngineFull, EngineFailed."""
    with bot.reading() as session:
        serving = Voices(session).one(voice).champion_id
        guesses = Guesses(session)
        humans, bots = guesses.humans(voice), guesses.bots(voice)
        stand_in = len(humans) < FEWEST_HUMAN_LINES
        if stand_in:
            humans = list(_holdout_lines(bot, session, voice))
        known = guesses.known(visitor, [*humans, *bots])
    humans, bots = ([one for one in side if one not in known] for side in (humans, bots))
    if len(bots) < ROUND:
        pool = _pool(engine, voice, serving)
        with bot.reading() as session:
            known = Guesses(session).known(visitor, pool)
        bots += [one for one in pool if one not in known]
    return Lines(tuple(humans), tuple(bots), stand_in)


@dataclass(frozen=True, slots=True)
class Standing:
    """The scores of the game as one visitor sees them."""

    score: Score
    """Of all visitors."""
    mine: Score
    played: Round
    """The round the visitor is in, or the one he has just ended."""


def standing(bot: Bot, voice: str, visitor: str, *, with_round: bool) -> Standing:
    """The scores of all visitors and of this one; *with_round*: his round too, else an empty one."""
    with bot.reading() as session:
        guesses = Guesses(session)
        played = guesses.round(visitor, voice) if with_round else Round(())
        return Standing(guesses.score(voice), guesses.score(voice, visitor), played)


def _holdout_lines(bot: Bot, session: Session, voice: str) -> tuple[Riddle, ...]:
    """Lines of the holdout of the voice's base; none for a base without one."""
    base = Voices(session).base(voice)
    try:
        return _read_holdout(bot.shelf.fetch(base.folder)) if base else ()
    except BrokenFolder:
        return ()


@lru_cache(maxsize=8)
def _read_holdout(base: Path) -> tuple[Riddle, ...]:
    rows = [row.strip() for file in sorted(base.glob(HOLDOUTS)) for row in file.read_text("utf-8").splitlines()]
    fit = dict.fromkeys(row for row in rows if not row.startswith("#") and fits(row))
    return tuple(Riddle("verse", _number(row), 0, row, human=True) for row in fit)


@lru_cache(maxsize=8)
def _pool(engine: "Engine", voice: str, version: int) -> tuple[Riddle, ...]:
    """Lines that the serving version writes from the game's own seeds: the same in every process."""
    wishes = [Wish(seed=_number(f"{voice}|{version}|{place}") % 2**31) for place in range(POOL)]
    written: list[Writing] = list(engine.write_all(voice, wishes))
    texts = [line.text for one in written for line in one.lines if fits(line.text)]
    return tuple(Riddle("seed", _number(text), 0, text, human=False) for text in dict.fromkeys(texts))


def _number(text: str) -> int:
    """A 52-bit hash of a text, as its id in the game."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7]) >> 4
