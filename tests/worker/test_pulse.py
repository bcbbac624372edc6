"""The health check of a worker's container asks the table of pulses, for its own host."""

from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session, sessionmaker

from app.store.health import Pulses
from tests.support.world import World
from worker.pulse import is_alive


def beat(world: World, name: str, kind: str, ago: float) -> None:
    """A sign of life so many seconds ago."""
    with world.transaction() as session:
        Pulses(session).beat(name, kind, datetime.now(UTC) - timedelta(seconds=ago))


def test_only_a_fresh_pulse_of_this_host_counts(world: World, sessions: sessionmaker[Session]) -> None:
    """Neither another host's worker, nor this host's beat, nor an old pulse says that this worker lives."""
    beat(world, "worker@there:7", "worker", 1)
    beat(world, "beat@here:8", "beat", 1)
    beat(world, "worker@here:9", "worker", 300)
    assert not is_alive(sessions, "worker", "here")
    assert is_alive(sessions, "beat", "here")

    beat(world, "worker@here:10", "worker", 1)
    assert is_alive(sessions, "worker", "here")
