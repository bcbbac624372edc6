"""Voices, and the frame that every page shows around its own: the voices, and the admin who is logged in."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.bootstrap import Bot
from app.domain.errors import UnknownVoice
from app.domain.version import VoiceReport
from app.reads.admins import Secret
from app.store.admins import Admins
from app.store.voices import Voices


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page shows around its own content."""

    voices: tuple[VoiceReport, ...]
    """Every voice that serves."""
    admin: str | None
    """Who is logged in to the desk."""

    def voice(self, slug: str) -> VoiceReport:
        """The voice of that slug. Raises UnknownVoice."""
        found = next((voice for voice in self.voices if voice.slug == slug), None)
        if found is None:
            raise UnknownVoice(slug)
        return found


@dataclass(slots=True)
class Around:
    """The frame of one request: read once, where it can be in the transaction in which its content is read."""

    secret: Secret | None
    """What came with the request to open the desk."""
    frame: Frame | None = None


def all(bot: Bot) -> list[VoiceReport]:
    """Every voice that serves, oldest first."""
    with bot.reads(Voices) as voices:
        return voices.all()


def frame(bot: Bot, around: Around) -> Frame:
    """The frame of a request."""
    if around.frame is not None:
        return around.frame
    with bot.reading() as session:
        return frame_in(session, around, bot.clock())


def frame_in(session: Session, around: Around, now: datetime) -> Frame:
    """The same for another read model, in its transaction."""
    if around.frame is None:
        key = Admins(session).key(*around.secret, now) if around.secret else None
        around.frame = Frame(tuple(Voices(session).all()), key.admin if key else None)
    return around.frame
