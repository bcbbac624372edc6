"""엮기: what readers wove, and the lines that a visitor may weave of."""

from app.bootstrap import Bot
from app.domain.poem import Piece, PieceLine
from app.domain.version import VoiceReport
from app.domain.visitor import Visitor
from app.store.pieces import Pieces
from app.store.voices import Voices


def one(bot: Bot, piece: str, visitor: Visitor) -> tuple[Piece, VoiceReport]:
    """A piece, his own or one that was approved, and its voice. Raises UnknownPiece."""
    with bot.reading() as session:
        found = Pieces(session).one(piece, visitor.id)
        return found, Voices(session).one(found.voice)


def of_voice(bot: Bot, voice: str, visitor: Visitor) -> list[Piece]:
    """The approved pieces of a voice, newest first. Raises UnknownVoice."""
    with bot.reading() as session:
        Voices(session).check(voice)
        return Pieces(session).of_voice(voice, visitor.id)


def material(bot: Bot, voice: str, visitor: Visitor) -> list[PieceLine]:
    """The lines of a voice that *visitor* has ticked, newest first. Raises UnknownVoice."""
    with bot.reading() as session:
        Voices(session).check(voice)
        return Pieces(session).material(voice, visitor.id)
