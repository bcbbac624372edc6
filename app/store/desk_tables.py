"""The tables of the desk: who may open it, what was done there, and which processes are alive."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.store.schema import Base


class AdminRow(Base):
    """Who may open the desk."""

    __tablename__ = "admins"
    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    password: Mapped[str] = mapped_column(String(200))
    """An argon2 hash."""
    created: Mapped[datetime]


class KeyRow(Base):
    """What opens the desk: a session (cookie) or a bearer token, kept as a hash, revocable."""

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
    """What admins did; only ever appended to."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    who: Mapped[str] = mapped_column(String(60))
    deed: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(100))
    detail: Mapped[str] = mapped_column(Text, default="")


class PulseRow(Base):
    """A process that says it is alive: liveness is this heartbeat, never a question to the broker."""

    __tablename__ = "pulses"
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    """`web`, `worker` or `beat`."""
    at: Mapped[datetime]
    detail: Mapped[dict[str, Any]]
    """For a web: which version each voice serves, and what would not load."""
