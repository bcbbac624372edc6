"""A storm for all tests of a session, and the table of what came of it."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from models import checkpoint
from tests.chaos import truth
from tests.chaos.house import House, built
from tests.chaos.readers import Readers
from tests.chaos.storm import Storm, begin
from tests.chaos.truth import Fault, Findings, Noted
from tests.support.deployment import until

TABLE = "chaos"
"""What lines of the table are told as."""


@pytest.fixture(scope="session")
def two_voices(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of base voices with the tiny `sibot` and its twin `second`."""
    folder, extras = tmp_path_factory.mktemp("voices"), tmp_path_factory.mktemp("extras")
    shutil.copytree(shipped / "sibot" / "verse", extras / "verse")
    shutil.copy(shipped / "sibot" / "holdout.txt", extras)
    shutil.copytree(shipped / "sibot", folder / "sibot")
    tiny = checkpoint.read(shipped / "sibot")
    twin = replace(tiny.meta, voice="second", base="second-tiny", title="둘째", files={}, fingerprint={})
    checkpoint.write(folder / "second", twin, tiny.vocabulary, tiny.weights, extras=extras)
    return folder


@pytest.fixture(scope="session")
def storm(two_voices: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storm]:
    """A deployment of Postgres, Redis, web, worker and beat, with a first tick to learn from."""
    with begin(tmp_path_factory.mktemp("storm"), two_voices) as begun:
        with Readers(begun.address, 1) as readers:
            until("something is ticked", lambda: any(readers.acknowledged.values()))
        yield begun


@pytest.fixture(scope="module")
def house(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """An installation on one machine."""
    with built(tmp_path_factory.mktemp("house"), shipped) as one:
        yield one


@pytest.fixture
def findings(request: pytest.FixtureRequest) -> Iterator[list[Findings]]:
    """What a test finds; told with its report, since another process may print the table."""
    found: list[Findings] = []
    yield found
    request.node.user_properties.append((TABLE, [asdict(line) for line in found]))


@pytest.fixture
def noted(findings: list[Findings]) -> Noted:
    """A block that leaves a line in the table."""

    @contextmanager
    def opened(name: str, moment: str) -> Iterator[Findings]:
        found = Findings(name, moment)
        findings.append(found)
        began = time.monotonic()
        yield found
        found.seconds = time.monotonic() - began

    return opened


@pytest.fixture
def fault(storm: Storm, findings: list[Findings]) -> Fault:
    """A block in which something is broken while readers read; afterwards the truth is examined and noted."""

    @contextmanager
    def opened(name: str, moment: str) -> Iterator[Findings]:
        found = Findings(name, moment)
        findings.append(found)
        storm.ready()
        began = time.monotonic()
        with Readers(storm.address) as readers:
            until("they tick", lambda: readers.acknowledged)
            yield found
            seen = len(readers.acknowledged)
            until("they tick on", lambda: len(readers.acknowledged) > seen)
        storm.ready()
        storm.settled()
        found.seconds = time.monotonic() - began
        truth.examine(storm, found, readers)
        assert found.harm == 0, found.notes
        assert found.strays == 0, "folders that no version knows of"
        assert found.acknowledged > 0

    return opened


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table."""
    reports = (report for some in terminalreporter.stats.values() for report in some)
    ends = (report for report in reports if getattr(report, "when", "") == "teardown")
    told = (value for report in ends for name, value in report.user_properties if name == TABLE)
    if found := [Findings(**line) for lines in told for line in lines]:
        terminalreporter.section("chaos")
        for line in truth.table(found):
            terminalreporter.write_line(line)
