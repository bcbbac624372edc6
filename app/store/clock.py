"""The clock by which leases are told: the database's, where it has one of its own.

Workers on several machines never agree on the time to the second, and one whose clock is an
hour ahead would take every run from the others.
"""

from datetime import UTC, datetime
from typing import cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session


def told_by(session: Session) -> datetime:
    """This moment, in UTC. SQLite is on this machine, and has its clock."""
    if session.get_bind().dialect.name != "postgresql":
        return datetime.now(UTC)
    return cast("datetime", session.scalar(select(func.clock_timestamp()))).astimezone(UTC)
