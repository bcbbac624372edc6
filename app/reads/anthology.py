"""The anthology: the poems and lines that readers tick most, the poem of each day, and readers' pieces (엮기)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from app.bootstrap import Bot
from app.domain.errors import UnknownPoem
from app.domain.poem import Day, Piece, PieceLine
from app.domain.version import VoiceReport
from app.domain.visitor import Visitor
from app.store.poems import Days
from app.store.submissions import Pieces
from app.store.ticks import Loved, LovedLine, LovedPoem, Tickers
from app.store.voices import Voices

MOST_POEMS = 20
"""Poems on the page."""
MOST_IN_FEED = 30


@dataclass(frozen=True, slots=True)
class Anthology:
    """The anthology page of a voice."""

    best: list[LovedPoem]
    """The best rated poems of all time, by the lower end of the confidence interval."""
    poems: list[LovedPoem]
    """The poems that most readers ticked."""
    lines: list[LovedLine]
    loved: Mapping[int, int]
    """How many readers ticked each line of these poems, by line id."""
    tickers: Tickers
    """How many readers ticked a line of the voice in that time."""


def anthology(bot: Bot, voice: str, visitor: Visitor, *, since: datetime | None) -> Anthology:
    """The poems and lines that most readers ticked *since* then (None: ever). Raises UnknownVoice."""
    with bot.reading() as session:
        Voices(session).check(voice)
        loved = Loved(session)
        best, lines = loved.best(voice, visitor.id), loved.lines(voice, visitor.id, since=since)
        poems = loved.poems(voice, visitor.id, since=since, limit=MOST_POEMS)
        return Anthology(
            best, poems, lines, loved.marks([one.poem for one in (*best, *poems)]), loved.tickers(voice, since=since)
        )


def loved(bot: Bot, voice: str, *, since: datetime) -> tuple[VoiceReport, list[LovedPoem]]:
    """The poems that most readers ticked since then, for a feed (no visitor). Raises UnknownVoice."""
    with bot.reading() as session:
        found = Voices(session).one(voice)
        return found, Loved(session).poems(voice, None, since=since, limit=MOST_IN_FEED)


def days(bot: Bot, voice: str, visitor: str | None) -> tuple[VoiceReport, list[Day]]:
    """The newest days with their poems, newest first, as *visitor* sees them. Raises UnknownVoice."""
    with bot.reading() as session:
        return Voices(session).one(voice), Days(session).of_voice(voice, visitor)


def day(bot: Bot, voice: str, at: date, visitor: Visitor) -> tuple[Day, list[Day]]:
    """One day, and the newest other days. Raises UnknownVoice, and UnknownPoem for a day that has no poem."""
    with bot.reading() as session:
        Voices(session).check(voice)
        found = Days(session).one(voice, at, visitor.id)
        if found is None:
            raise UnknownPoem(f"{voice} {at}")
        return found, [past for past in Days(session).of_voice(voice, visitor.id) if past.date != at]


def piece(bot: Bot, id: str, visitor: Visitor) -> tuple[Piece, VoiceReport]:
    """A piece that is approved or the visitor's own, and its voice. Raises UnknownPiece."""
    with bot.reading() as session:
        found = Pieces(session).one(id, visitor.id)
        return found, Voices(session).one(found.voice)


def pieces(bot: Bot, voice: str, visitor: Visitor) -> list[Piece]:
    """The approved pieces of a voice, newest first. Raises UnknownVoice."""
    with bot.reading() as session:
        Voices(session).check(voice)
        return Pieces(session).of_voice(voice, visitor.id)


def material(bot: Bot, voice: str, visitor: Visitor) -> list[PieceLine]:
    """The lines that *visitor* has ticked, of which he may arrange a piece, newest first. Raises UnknownVoice."""
    with bot.reading() as session:
        Voices(session).check(voice)
        return Pieces(session).material(voice, visitor.id)
