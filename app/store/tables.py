"""The tables. Their classes end in Row; what they mean is said in `app/domain`."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.store import desk_tables, reader_tables  # noqa: F401 - the tables of desk and readers are of `metadata` too
from app.store.schema import Base

metadata = Base.metadata
"""All tables."""


class VoiceRow(Base):
    """A voice, and which of its versions serves: the champion pointer is this one column."""

    __tablename__ = "voices"
    slug: Mapped[str] = mapped_column(String(40), primary_key=True)
    title: Mapped[str] = mapped_column(String(100))
    language: Mapped[str] = mapped_column(String(16))
    base: Mapped[str] = mapped_column(String(80))
    champion_id: Mapped[int | None] = mapped_column(ForeignKey("versions.id", use_alter=True))
    created: Mapped[datetime]


class VersionRow(Base):
    """An immutable trained state of a voice."""

    __tablename__ = "versions"
    __table_args__ = (UniqueConstraint("voice", "base", "number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    voice: Mapped[str] = mapped_column(ForeignKey("voices.slug"))
    base: Mapped[str] = mapped_column(String(80))
    number: Mapped[int]
    status: Mapped[str] = mapped_column(String(16))
    folder: Mapped[str] = mapped_column(String(200), unique=True)
    """Its place on the shelf; `base:NAME` for a base voice that ships with the project."""
    lesson: Mapped[dict[str, Any]]
    metrics: Mapped[dict[str, Any]]
    verdict: Mapped[dict[str, Any] | None]
    samples: Mapped[list[Any] | None]
    """A few poems it wrote when it was examined, of the same seeds for every version."""
    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id"))
    created: Mapped[datetime]


class RunRow(Base):
    """One training run: the job row that is the truth."""

    __tablename__ = "runs"
    __table_args__ = (
        Index(
            "one_active_run_a_voice",
            "voice",
            unique=True,
            sqlite_where=text("state IN ('queued', 'running')"),
            postgresql_where=text("state IN ('queued', 'running')"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    voice: Mapped[str] = mapped_column(ForeignKey("voices.slug"), index=True)
    state: Mapped[str] = mapped_column(String(16), index=True)
    phase: Mapped[str | None] = mapped_column(String(16))
    cause: Mapped[str] = mapped_column(String(16))
    fence: Mapped[int] = mapped_column(default=0)
    attempt: Mapped[int] = mapped_column(default=0)
    stalled: Mapped[int] = mapped_column(default=0, server_default="0")
    """Attempts since it last got further."""
    leased_until: Mapped[datetime | None]
    cancelling: Mapped[bool] = mapped_column(default=False)
    step: Mapped[int] = mapped_column(default=0)
    steps: Mapped[int] = mapped_column(default=0)
    loss: Mapped[float | None]
    seconds_left: Mapped[float | None]
    error: Mapped[str | None] = mapped_column(Text)
    verdict: Mapped[dict[str, Any] | None]
    """Why it ended without a version; of one that made a version, the version has it."""
    created: Mapped[datetime]
    started: Mapped[datetime | None]
    ended: Mapped[datetime | None]


class RunLogRow(Base):
    """One line of a run's log."""

    __tablename__ = "run_logs"
    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"), index=True)
    at: Mapped[datetime]
    text: Mapped[str] = mapped_column(Text)


class LessonItemRow(Base):
    """Which line or submission a version's lesson held: how a reader learns that his line was learned."""

    __tablename__ = "lesson_items"
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    source_id: Mapped[int] = mapped_column(primary_key=True)
    weight: Mapped[float]
    gain: Mapped[float | None]
    """Nats a line by which the version finds it likelier than the base does."""


class TrialRow(Base):
    """A version on trial, and how readers took it beside the champion."""

    __tablename__ = "trials"
    __table_args__ = (
        Index(
            "one_running_trial_a_voice",
            "voice",
            unique=True,
            sqlite_where=text("state = 'running'"),
            postgresql_where=text("state = 'running'"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    voice: Mapped[str] = mapped_column(ForeignKey("voices.slug"), index=True)
    challenger_id: Mapped[int] = mapped_column(ForeignKey("versions.id"))
    champion_id: Mapped[int] = mapped_column(ForeignKey("versions.id"))
    share: Mapped[float]
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(String(24))
    evidence: Mapped[dict[str, Any]]
    started: Mapped[datetime]
    ended: Mapped[datetime | None]


class HistoryRow(Base):
    """Which version was live from when: one row per move of the champion pointer."""

    __tablename__ = "history"
    id: Mapped[int] = mapped_column(primary_key=True)
    voice: Mapped[str] = mapped_column(ForeignKey("voices.slug"), index=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id"))
    was_id: Mapped[int | None] = mapped_column(ForeignKey("versions.id"))
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(String(60))
    """An admin's name, `shell`, or `gate`."""
    reason: Mapped[str] = mapped_column(Text, default="")


class TasteRow(Base):
    """What readers of a voice liked up to then; the newest that knows anything chooses among candidates."""

    __tablename__ = "tastes"
    id: Mapped[int] = mapped_column(primary_key=True)
    voice: Mapped[str] = mapped_column(ForeignKey("voices.slug"), index=True)
    base: Mapped[str] = mapped_column(String(80))
    serves: Mapped[bool]
    """Does it foresee unmet readers better than a coin?"""
    content: Mapped[dict[str, Any]]
    """`models.taste.Taste.as_dict`: some hundred signs with their weights, and how well it foresees."""
    created: Mapped[datetime]


class VisitorRow(Base):
    """An anonymous visitor: a random id in a signed cookie."""

    __tablename__ = "visitors"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    created: Mapped[datetime]
    returned: Mapped[datetime | None]
    """When the cookie first came back; None for crawlers, whose impressions do not count."""
    address: Mapped[str] = mapped_column(String(64), default="")
    """Keyed hash of the address on the day it was last seen."""


class PoemRow(Base):
    """A poem as it was written for one visitor."""

    __tablename__ = "poems"
    __table_args__ = (
        Index("poems_newest", "voice", "created"),
        Index("poems_of_visitor", "visitor_id", "voice", "created"),
    )
    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    voice: Mapped[str] = mapped_column(ForeignKey("voices.slug"))
    visitor_id: Mapped[str] = mapped_column(ForeignKey("visitors.id"))
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id"), index=True)
    seed: Mapped[int] = mapped_column(BigInteger)
    fixed_seed: Mapped[bool]
    temperature: Mapped[float]
    prime: Mapped[str] = mapped_column(Text, default="")
    trial_id: Mapped[int | None] = mapped_column(index=True)
    """The trial whose draw chose its version. No foreign key: SQLite would have to copy the table for it."""
    taste_id: Mapped[int | None]
    """The taste that chose among candidates; NULL: none did. No foreign key: tastes are forgotten in time."""
    created: Mapped[datetime]


class LineRow(Base):
    """A line as it was first written; poems that keep it quote it."""

    __tablename__ = "lines"
    id: Mapped[int] = mapped_column(primary_key=True)
    poem_id: Mapped[str] = mapped_column(ForeignKey("poems.id"), index=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id"), index=True)
    text: Mapped[str] = mapped_column(Text)
    logprob: Mapped[float]
    chance: Mapped[float]
    liking: Mapped[float | None]
    primed: Mapped[bool]


class PoemLineRow(Base):
    """Which line stands where in a poem: its own lines and its quotations."""

    __tablename__ = "poem_lines"
    poem_id: Mapped[str] = mapped_column(ForeignKey("poems.id"), primary_key=True)
    slot: Mapped[int] = mapped_column(primary_key=True)
    line_id: Mapped[int] = mapped_column(ForeignKey("lines.id"), index=True)


class ImpressionRow(Base):
    """One line shown to one visitor, once. Quoted, primed and fixed-seed lines have none."""

    __tablename__ = "impressions"
    line_id: Mapped[int] = mapped_column(ForeignKey("lines.id"), primary_key=True)
    visitor_id: Mapped[str] = mapped_column(ForeignKey("visitors.id"), primary_key=True, index=True)
    voice: Mapped[str] = mapped_column(ForeignKey("voices.slug"))
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id"), index=True)
    slot: Mapped[int]
    logprob: Mapped[float]
    chance: Mapped[float]
    """With which it was chosen among its candidates."""
    liking: Mapped[float | None]
    """Log-odds of a tick as the taste of that day foretold them."""
    at: Mapped[datetime]


class TickRow(Base):
    """A visitor's mark on a line that was shown to him; `taken_back` is the undo."""

    __tablename__ = "ticks"
    line_id: Mapped[int] = mapped_column(ForeignKey("lines.id"), primary_key=True)
    visitor_id: Mapped[str] = mapped_column(ForeignKey("visitors.id"), primary_key=True, index=True)
    address: Mapped[str] = mapped_column(String(64), default="")
    at: Mapped[datetime] = mapped_column(index=True)
    taken_back: Mapped[bool] = mapped_column(default=False)


TICK_OF_IMPRESSION = (TickRow.line_id == ImpressionRow.line_id) & (TickRow.visitor_id == ImpressionRow.visitor_id)
"""The tick that a visitor gave a line he was shown."""


class SubmissionRow(Base):
    """A poem a visitor teaches."""

    __tablename__ = "submissions"
    __table_args__ = (
        Index("submissions_fingerprint", "voice", "fingerprint"),
        Index("submissions_queue", "status", "created"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(String(40), unique=True)
    voice: Mapped[str] = mapped_column(ForeignKey("voices.slug"))
    visitor_id: Mapped[str] = mapped_column(ForeignKey("visitors.id"), index=True)
    address: Mapped[str] = mapped_column(String(64), default="")
    text: Mapped[str] = mapped_column(Text)
    title: Mapped[str | None] = mapped_column(String(200))
    author: Mapped[str | None] = mapped_column(String(200))
    fingerprint: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(16))
    flags: Mapped[list[Any]] = mapped_column(default=list)
    created: Mapped[datetime]
    decided: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(String(60))


class SketchRow(Base):
    """One hash of a submission's sketch: poems that share many are nearly the same."""

    __tablename__ = "sketches"
    submission_id: Mapped[int] = mapped_column(ForeignKey("submissions.id"), primary_key=True)
    hash: Mapped[int] = mapped_column(primary_key=True, index=True)
