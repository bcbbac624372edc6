"""오늘의 시: one poem a day. Which day it is where a voice is read, and the seed of a day on which nobody chose."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone

from app.domain.poem import Poem

KOREA = timezone(timedelta(hours=9), "KST")
FEWEST_READERS = 2
"""Who must have ticked a poem for it to be the next day's: one reader would only meet his own choice again."""


@dataclass(frozen=True, slots=True)
class Day:
    """The poem of one day."""

    date: date
    poem: Poem
    readers: int
    """Who ticked it the day before; 0: nobody chose, it was written from the day's seed."""


def zone_of(language: str) -> timezone:
    """Whose midnight begins a voice's day: Korea's for one that writes Korean, else UTC's."""
    return KOREA if language.partition("-")[0] == "ko" else UTC


def date_of(language: str, moment: datetime) -> date:
    """The date at that moment where a voice is read."""
    return moment.astimezone(zone_of(language)).date()


def begin_of(language: str, day: date) -> datetime:
    """The midnight that begins a day there."""
    return datetime.combine(day, time(), zone_of(language))


def seed_of(voice: str, day: date) -> int:
    """The seed of a day's poem: 31 bits that nobody chose."""
    return int.from_bytes(hashlib.sha256(f"{voice}|{day}".encode()).digest()[:4]) >> 1
