"""Voices, and the frame that every page shows around its content: the voices, and the admin who is logged in."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.bootstrap import Bot
from app.domain.errors import UnknownVoice
from app.domain.version import VoiceReport
from app.reads.desk import Secret
from app.reads.query import query
from app.store.admins import Admins
from app.store.holdings import Owned
from app.store.voices import Voices

all = query(Voices, Voices.all)
listed = query(Voices, Voices.listed)
holdings = query(Owned, Owned.all)
holdings_of = query(Owned, Owned.of)
voice_of = query(Owned, Owned.voice_of)


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page shows around its own content."""

    voices: tuple[VoiceReport, ...]
    """Every voice with a champion that the reader may see: admins see those that are not listed, too."""
    admin: str | None
    """Name of the admin who is logged in."""

    def voice(self, slug: str) -> VoiceReport:
        """The voice of that slug. Raises UnknownVoice."""
        report = next((voice for voice in self.voices if voice.slug == slug), None)
        if report is None:
            raise UnknownVoice(slug)
        return report


@dataclass(slots=True)
class Around:
    """Cache of one request's frame: read once, if possible in the transaction that reads the page's content."""

    secret: Secret | None
    """The admin's credential, if the request had one."""
    frame: Frame | None = None


def frame(bot: Bot, around: Around) -> Frame:
    """The frame of a request."""
    if around.frame is not None:
        return around.frame
    with bot.reading() as session:
        return frame_in(session, around, bot.clock())


def frame_in(session: Session, around: Around, now: datetime) -> Frame:
    """The frame, read in the transaction of another read model."""
    if around.frame is None:
        key = Admins(session).key(*around.secret, now) if around.secret else None
        voices = Voices(session).all() if key else Voices(session).listed()
        around.frame = Frame(tuple(voices), key.admin if key else None)
    return around.frame
