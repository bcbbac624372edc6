"""What every test may ask for."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support.loopback import only_loopback
from tests.support.servers import Servers, servers

# Where every run must come out the same, examples are the same; elsewhere they are new each time. A busy machine is
# no error: nothing here has a deadline.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("here"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.fixture(autouse=True, scope="session")
def _only_loopback() -> Iterator[None]:
    """No test leaves this machine."""
    with only_loopback():
        yield


@pytest.fixture(scope="session")
def running() -> Iterator[Servers]:
    """Postgres and Redis, each started when first asked for."""
    with servers() as both:
        yield both
