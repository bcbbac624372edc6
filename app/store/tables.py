"""The database tables. Their classes end in Row; `app/domain` explains the concepts.

First voices, versions, runs and trials; then visitors, poems, impressions, ticks and submissions; then admins.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
    true,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

BigId = BigInteger().with_variant(Integer, "sqlite")
"""64-bit row id, for tables that grow with readers. SQLite's INTEGER has 64 bits; no other type of primary key
auto-increments there."""
GOES_WITH = "CASCADE"
"""On delete: the row is deleted with the row it belongs to."""


class Moment(TypeDecorator[datetime]):
    """A time stored in UTC and read with its zone, also on SQLite, which stores no zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert an aware time to UTC."""
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time in UTC, whatever zone the database uses."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base class of the tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: Moment, dict[str, Any]: JSON, list[Any]: JSON}  # noqa: RUF012


metadata = Base.metadata
"""All tables."""


def _one_a_voice(name: str, where: str) -> Index:
    """A partial unique index: at most one row of a voice for which *where* holds."""
    return Index(name, "voice", unique=True, sqlite_where=text(where), postgresql_where=text(where))


class VoiceRow(Base):
    """A voice; the column `champion_id` is the champion pointer."""

    __tablename__ = "voices"
    slug: Mapped[str] = mapped_column(String(40), primary_key=True)
    title: Mapped[str] = mapped_column(String(100))
    language: Mapped[str] = mapped_column(String(16))
    base: Mapped[str] = mapped_column(String(80))
    champion_id: Mapped[int | None] = mapped_column(ForeignKey("versions.id", use_alter=True))
    created: Mapped[datetime]
    listed: Mapped[bool] = mapped_column(default=True, server_default=true())


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
    """Its key on the shelf; `base:NAME` for a base that ships with the project."""
    lesson: Mapped[dict[str, Any]]
    metrics: Mapped[dict[str, Any]]
    verdict: Mapped[dict[str, Any] | None]
    samples: Mapped[list[Any] | None]
    """Sample poems, written when it was evaluated; every version uses the same seeds."""
    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id"))
    created: Mapped[datetime]


SERVING = (
    VersionRow.voice,
    VersionRow.id.label("version_id"),
    VersionRow.number,
    VersionRow.folder,
    VersionRow.base,
)
"""The columns of `Serving`, under the names of its fields."""


class RunRow(Base):
    """One training run; this row, not the queue's message, is authoritative."""

    __tablename__ = "runs"
    __table_args__ = (_one_a_voice("one_active_run_a_voice", "state IN ('queued', 'running')"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    voice: Mapped[str] = mapped_column(ForeignKey("voices.slug"), index=True)
    state: Mapped[str] = mapped_column(String(16), index=True)
    phase: Mapped[str | None] = mapped_column(String(16))
    cause: Mapped[str] = mapped_column(String(16))
    fence: Mapped[int] = mapped_column(default=0)
    attempt: Mapped[int] = mapped_column(default=0)
    stalled: Mapped[int] = mapped_column(default=0, server_default="0")
    """Attempts since it last saved progress."""
    leased_until: Mapped[datetime | None]
    cancelling: Mapped[bool] = mapped_column(default=False)
    step: Mapped[int] = mapped_column(default=0)
    steps: Mapped[int] = mapped_column(default=0)
    loss: Mapped[float | None]
    seconds_left: Mapped[float | None]
    error: Mapped[str | None] = mapped_column(Text)
    verdict: Mapped[dict[str, Any] | None]
    """Why it ended without a version; if it made a version, that has the verdict."""
    created: Mapped[datetime]
    started: Mapped[datetime | None]
    ended: Mapped[datetime | None]


class RunLogRow(Base):
    """One line of a run's log."""

    __tablename__ = "run_logs"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"), index=True)
    at: Mapped[datetime]
    text: Mapped[str] = mapped_column(Text)
    """JSON of an `Entry` (`app/domain/run_log.py`); in rows of earlier releases a sentence."""


class LessonItemRow(Base):
    """A line or submission in a version's lesson; pages use it to tell a reader that his line was learned."""

    __tablename__ = "lesson_items"
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    source_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    weight: Mapped[float]
    gain: Mapped[float | None]
    """Log-likelihood a line by the version minus that by the base, in nats."""


class TrialRow(Base):
    """A trial of a challenger against the champion, with its evidence."""

    __tablename__ = "trials"
    __table_args__ = (_one_a_voice("one_running_trial_a_voice", "state = 'running'"),)
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
    """One move of the champion pointer."""

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
    """A trained taste of a voice; the newest one chooses among candidates if it serves."""

    __tablename__ = "tastes"
    id: Mapped[int] = mapped_column(primary_key=True)
    voice: Mapped[str] = mapped_column(ForeignKey("voices.slug"), index=True)
    base: Mapped[str] = mapped_column(String(80))
    serves: Mapped[bool]
    """Does it predict the ticks of readers it was not trained on better than chance?"""
    content: Mapped[dict[str, Any]]
    """`models.taste.Taste.as_dict`: some hundred features with their weights, and the quality of its predictions."""
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


class PlaceRow(Base):
    """One of the few places of an address for readers who count on a day; it stays taken if its visitor is erased."""

    __tablename__ = "places"
    address: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Keyed hash of the address on that day."""
    place: Mapped[int] = mapped_column(primary_key=True)
    visitor_id: Mapped[str | None] = mapped_column(ForeignKey("visitors.id", ondelete="SET NULL"), index=True)
    at: Mapped[datetime]


class PoemRow(Base):
    """A poem as it was written for one visitor."""

    __tablename__ = "poems"
    __table_args__ = (
        Index("poems_newest", "voice", "created"),
        Index("poems_of_visitor", "visitor_id", "voice", "created"),
        Index("one_draft_a_visitor", "visitor_id", "draft_id", unique=True),
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
    network: Mapped[str | None] = mapped_column(String(8))
    """In a trial: hash of the reader's network (`Visitor.mark`); NULL: he did not count before the poem was drawn."""
    taste_id: Mapped[int | None]
    """The taste that chose among candidates; NULL: none did. No foreign key: old tastes are deleted."""
    draft_id: Mapped[int | None] = mapped_column(BigId)
    """The draft that it was; NULL: it was written live. No foreign key: drafts leave the drawer."""
    created: Mapped[datetime]


class DraftRow(Base):
    """A whole poem in the drawer of its version, which nobody has seen when it is written."""

    __tablename__ = "drafts"
    __table_args__ = ({"sqlite_autoincrement": True},)  # an id is never used again: poems name it
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id"), index=True)
    seed: Mapped[int] = mapped_column(BigInteger)
    temperature: Mapped[float]
    lines: Mapped[list[Any]]
    """By line: text, log-probability in nats, propensity among its candidates."""
    marks: Mapped[dict[str, Any]]
    """What the judge foretells: `app.domain.draft.Marks`."""
    handed_out: Mapped[int] = mapped_column(default=0)
    """Readers who were handed it."""
    created: Mapped[datetime]


class DrawerRow(Base):
    """The drawer of a version."""

    __tablename__ = "drawers"
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id"), primary_key=True)
    written: Mapped[int] = mapped_column(default=0)
    """Drafts that were written and judged, kept or not."""
    changed: Mapped[int] = mapped_column(default=0)
    """Counts the changes: a web process reads the drafts again when it differs."""


class LineRow(Base):
    """A line as it was first written; poems that keep it quote it."""

    __tablename__ = "lines"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    poem_id: Mapped[str] = mapped_column(ForeignKey("poems.id"), index=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id"), index=True)
    text: Mapped[str] = mapped_column(Text)
    logprob: Mapped[float]
    chance: Mapped[float]
    liking: Mapped[float | None]
    primed: Mapped[bool]


class PoemLineRow(Base):
    """The place of a line in a poem: its own lines and its quotations."""

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
    """Propensity: the probability with which the line was chosen among its candidates, times that of its take."""
    liking: Mapped[float | None]
    """Log-odds of a tick, as predicted by the taste at that time."""
    counted: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Does its reader count? The rule is in `app/domain/visitor.py`."""
    at: Mapped[datetime]


class TickRow(Base):
    """A visitor's tick on a line that was shown to him; `taken_back` undoes it."""

    __tablename__ = "ticks"
    line_id: Mapped[int] = mapped_column(ForeignKey("lines.id"), primary_key=True)
    visitor_id: Mapped[str] = mapped_column(ForeignKey("visitors.id"), primary_key=True, index=True)
    address: Mapped[str] = mapped_column(String(64), default="")
    at: Mapped[datetime] = mapped_column(index=True)
    taken_back: Mapped[bool] = mapped_column(default=False)


TICK_OF_IMPRESSION = (TickRow.line_id == ImpressionRow.line_id) & (TickRow.visitor_id == ImpressionRow.visitor_id)
"""Join condition: the tick of an impression's visitor on its line."""


class SubmissionRow(Base):
    """A poem a visitor teaches."""

    __tablename__ = "submissions"
    __table_args__ = (
        Index("submissions_fingerprint", "voice", "fingerprint"),
        Index("submissions_queue", "status", "created"),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
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
    reason: Mapped[str | None] = mapped_column(String(200))
    """Why it was rejected: a `Decline`, or the moderator's own words."""


class SketchRow(Base):
    """One hash of a submission's sketch: near-duplicates share many of them."""

    __tablename__ = "sketches"
    submission_id: Mapped[int] = mapped_column(ForeignKey("submissions.id"), primary_key=True)
    hash: Mapped[int] = mapped_column(primary_key=True, index=True)


class PieceRow(Base):
    """A piece (엮기): a poem that a visitor arranged of lines he ticked, under a title of his own."""

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
    reason: Mapped[str | None] = mapped_column(String(200))
    """Why it was rejected: a `Decline`, or the moderator's own words."""


class PieceLineRow(Base):
    """The place of a line in a piece."""

    __tablename__ = "piece_lines"
    piece_id: Mapped[str] = mapped_column(ForeignKey("pieces.id", ondelete=GOES_WITH), primary_key=True)
    slot: Mapped[int] = mapped_column(primary_key=True)
    line_id: Mapped[int] = mapped_column(ForeignKey("lines.id", ondelete=GOES_WITH), index=True)


class DayRow(Base):
    """The poem of a day (오늘의 시) in a voice."""

    __tablename__ = "days"
    voice: Mapped[str] = mapped_column(ForeignKey("voices.slug"), primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    """ISO 8601 date, in the time zone of the voice."""
    poem_id: Mapped[str] = mapped_column(ForeignKey("poems.id", ondelete=GOES_WITH), index=True)
    readers: Mapped[int]
    """How many readers ticked it the day before; 0: it was written from the day's seed."""
    created: Mapped[datetime]


class QuotableRow(Base):
    """A submission whose author allows single lines to be shown in the guessing game."""

    __tablename__ = "quotables"
    submission_id: Mapped[int] = mapped_column(ForeignKey("submissions.id", ondelete=GOES_WITH), primary_key=True)


class GuessRow(Base):
    """One visitor's guess whether a line was written by a human."""

    __tablename__ = "guesses"
    __table_args__ = (UniqueConstraint("visitor_id", "kind", "source_id", "row"),)
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    visitor_id: Mapped[str] = mapped_column(ForeignKey("visitors.id", ondelete=GOES_WITH))
    voice: Mapped[str] = mapped_column(ForeignKey("voices.slug"), index=True)
    kind: Mapped[str] = mapped_column(String(8))
    """`line`: from a poem of the bot; `seed`: written by the bot for the game; `poem`: from a submission; `verse`: from
    the holdout of the base."""
    source_id: Mapped[int] = mapped_column(BigId)
    row: Mapped[int]
    text: Mapped[str] = mapped_column(String(200))
    human: Mapped[bool]
    said_human: Mapped[bool]
    counted: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Does it count in the common score? Only if the reader counts and the human lines came from readers."""
    at: Mapped[datetime]


class AdminRow(Base):
    """An admin account."""

    __tablename__ = "admins"
    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    password: Mapped[str] = mapped_column(String(200))
    """An argon2 hash."""
    created: Mapped[datetime]


class KeyRow(Base):
    """A session (cookie) or a bearer token of an admin: revocable, and stored as a hash."""

    __tablename__ = "keys"
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    """`session` or `token`."""
    scope: Mapped[str] = mapped_column(String(8), default="all")
    admin: Mapped[str] = mapped_column(ForeignKey("admins.name"), index=True)
    created: Mapped[datetime]
    expires: Mapped[datetime | None]
    revoked: Mapped[datetime | None]


class AuditRow(Base):
    """The audit log of what admins did; append-only."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    who: Mapped[str] = mapped_column(String(60))
    deed: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(100))
    detail: Mapped[str] = mapped_column(Text, default="")


class PulseRow(Base):
    """The last heartbeat of a process; the broker is never asked who is alive."""

    __tablename__ = "pulses"
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    """`web`, `worker` or `beat`."""
    at: Mapped[datetime]
    detail: Mapped[dict[str, Any]]
    """For a web process: its `WebReport`."""
