"""The tables of what readers make besides marks and lessons: pieces woven of lines, and guesses.

Whatever is a visitor's here goes when he goes.
"""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.store.schema import Base

GOES_WITH = "CASCADE"


class PieceRow(Base):
    """A piece that a visitor arranged of lines he ticked; the title is his."""

    __tablename__ = "pieces"
    __table_args__ = (Index("pieces_queue", "status", "created"),)
    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    voice: Mapped[str] = mapped_column(ForeignKey("voices.slug"))
    visitor_id: Mapped[str] = mapped_column(ForeignKey("visitors.id", ondelete=GOES_WITH), index=True)
    title: Mapped[str] = mapped_column(String(200))
    author: Mapped[str | None] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(16))
    created: Mapped[datetime]
    decided: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(String(60))


class PieceLineRow(Base):
    """Which line stands where in a piece."""

    __tablename__ = "piece_lines"
    piece_id: Mapped[str] = mapped_column(ForeignKey("pieces.id", ondelete=GOES_WITH), primary_key=True)
    slot: Mapped[int] = mapped_column(primary_key=True)
    line_id: Mapped[int] = mapped_column(ForeignKey("lines.id", ondelete=GOES_WITH), index=True)


class QuotableRow(Base):
    """A submission of which single lines may be shown in the guessing game: its author has said so."""

    __tablename__ = "quotables"
    submission_id: Mapped[int] = mapped_column(ForeignKey("submissions.id", ondelete=GOES_WITH), primary_key=True)


class GuessRow(Base):
    """One visitor's guess whether a line was written by a human."""

    __tablename__ = "guesses"
    __table_args__ = (UniqueConstraint("visitor_id", "kind", "source_id", "row"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    visitor_id: Mapped[str] = mapped_column(ForeignKey("visitors.id", ondelete=GOES_WITH))
    voice: Mapped[str] = mapped_column(ForeignKey("voices.slug"), index=True)
    kind: Mapped[str] = mapped_column(String(8))
    """`line` of the bot's, or `poem` for a row of a submission."""
    source_id: Mapped[int]
    row: Mapped[int]
    text: Mapped[str] = mapped_column(String(200))
    human: Mapped[bool]
    said_human: Mapped[bool]
    at: Mapped[datetime]
