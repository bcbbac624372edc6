"""The game: which lines a visitor may be asked about, and how he and all others did.

Readers' lines stand for the humans once there are enough. Before that, lines stand in that were kept aside from the
base's verse: no network has read them.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sqlalchemy.orm import Session

from app.bootstrap import Bot
from app.domain.errors import BrokenFolder
from app.domain.guess import ROUND, Riddle, Round, Score, fits
from app.domain.poem import Wish, Writing
from app.engine.engine import Engine
from app.store.guesses import Guesses
from app.store.voices import Voices
from models.corpus import HOLDOUTS

FEWEST = 20
"""Lines of readers below which others stand in for them."""
POOL = 6
"""Poems that the bot writes for the game alone, where a reader has seen all others: on a new site they are his own."""


@dataclass(frozen=True, slots=True)
class Lines:
    """What a visitor may be asked about: nothing that he was shown, taught or has answered."""

    humans: tuple[Riddle, ...]
    bots: tuple[Riddle, ...]
    stand_in: bool
    """Does the verse that was kept aside stand for humans?"""


def lines(bot: Bot, engine: Engine, voice: str, visitor: str) -> Lines:
    """The lines of a voice that *visitor* may be asked about. Raises UnknownVoice, EngineFull, EngineFailed."""
    with bot.reading() as session:
        serving = Voices(session).one(voice).champion_id
        guesses = Guesses(session)
        humans, bots = guesses.humans(voice), guesses.bots(voice)
        stand_in = len(humans) < FEWEST
        if stand_in:
            humans = list(_kept_aside(bot, session, voice))
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
    """How the game stands for a visitor."""

    score: Score
    """Of everybody."""
    mine: Score
    played: Round
    """The round that he plays, or the one that he has just ended."""


def standing(bot: Bot, voice: str, visitor: str, *, told: bool) -> Standing:
    """How all did and how he does; *told*: his round too, else an empty one."""
    with bot.reading() as session:
        guesses = Guesses(session)
        played = guesses.round(visitor, voice) if told else Round(())
        return Standing(guesses.score(voice), guesses.score(voice, visitor), played)


def _kept_aside(bot: Bot, session: Session, voice: str) -> tuple[Riddle, ...]:
    """Lines of the verse that no network has read; none for a base that has none."""
    base = Voices(session).base(voice)
    try:
        return _verse(bot.shelf.fetch(base.folder)) if base else ()
    except BrokenFolder:
        return ()


@lru_cache(maxsize=8)
def _verse(base: Path) -> tuple[Riddle, ...]:
    rows = [row.strip() for file in sorted(base.glob(HOLDOUTS)) for row in file.read_text("utf-8").splitlines()]
    fit = dict.fromkeys(row for row in rows if not row.startswith("#") and fits(row))
    return tuple(Riddle("verse", _number(row), 0, row, human=True) for row in fit)


@lru_cache(maxsize=8)
def _pool(engine: Engine, voice: str, version: int) -> tuple[Riddle, ...]:
    """Lines that the version which serves writes from the game's own seeds: every process writes the same."""
    wishes = [Wish(seed=_number(f"{voice}|{version}|{place}") % 2**31) for place in range(POOL)]
    written: list[Writing] = list(engine.write_all(voice, wishes))
    texts = [line.text for one in written for line in one.lines if fits(line.text)]
    return tuple(Riddle("seed", _number(text), 0, text, human=False) for text in dict.fromkeys(texts))


def _number(text: str) -> int:
    """52 bits that stand for a text: one has the same number wherever it is asked about."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7]) >> 4
