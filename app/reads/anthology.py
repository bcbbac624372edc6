"""What stands out: what readers love, and the poem of each day."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from app.bootstrap import Bot
from app.domain.errors import UnknownPoem
from app.domain.poem import Day
from app.domain.version import VoiceReport
from app.domain.visitor import Visitor
from app.store.poems import Days
from app.store.ticks import Loved, LovedLine, LovedPoem
from app.store.voices import Voices

MOST = 20
"""Poems on the page."""
MOST_IN_FEED = 30


@dataclass(frozen=True, slots=True)
class Anthology:
    """What readers love of a voice."""

    best: list[LovedPoem]
    """Ever, and most surely."""
    poems: list[LovedPoem]
    """That most readers ticked."""
    lines: list[LovedLine]
    loved: Mapping[int, int]
    """Readers who ticked a line, by line of all these poems."""


def anthology(bot: Bot, voice: str, visitor: Visitor, *, since: datetime | None) -> Anthology:
    """The poems and lines that most readers ticked *since* then (None: ever). Raises UnknownVoice."""
    with bot.reading() as session:
        Voices(session).check(voice)
        loved = Loved(session)
        best, lines = loved.best(voice, visitor.id), loved.lines(voice, visitor.id, since=since)
        poems = loved.poems(voice, visitor.id, since=since, limit=MOST)
        return Anthology(best, poems, lines, loved.marks([one.poem for one in (*best, *poems)]))


def loved(bot: Bot, voice: str, *, since: datetime) -> tuple[VoiceReport, list[LovedPoem]]:
    """The poems that most readers ticked since then, for nobody in particular. Raises UnknownVoice."""
    with bot.reading() as session:
        found = Voices(session).one(voice)
        return found, Loved(session).poems(voice, None, since=since, limit=MOST_IN_FEED)


def days(bot: Bot, voice: str, visitor: str | None) -> tuple[VoiceReport, list[Day]]:
    """The newest days, newest first, as *visitor* sees them. Raises UnknownVoice."""
    with bot.reading() as session:
        return Voices(session).one(voice), Days(session).of_voice(voice, visitor)


def day(bot: Bot, voice: str, at: date, visitor: Visitor) -> tuple[Day, list[Day]]:
    """A day, and the newest others. Raises UnknownVoice, and UnknownPoem for a day that has no poem."""
    with bot.reading() as session:
        Voices(session).check(voice)
        found = Days(session).one(voice, at, visitor.id)
        if found is None:
            raise UnknownPoem(f"{voice} {at}")
        return found, [past for past in Days(session).of_voice(voice, visitor.id) if past.date != at]
