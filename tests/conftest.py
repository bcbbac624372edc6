"""What every test may ask for; what only some tests need is loaded when they do."""

import logging
import os
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

import pytest
import structlog
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis
from sqlalchemy.orm import Session, sessionmaker

from app.settings import Settings
from app.store.session import open_database
from tests.support.databases import Databases, Scale
from tests.support.loopback import only_loopback
from tests.support.servers import Servers, servers
from tests.support.world import Clock, World

# Tiny networks only lose by a second thread, and on a busy machine it waits for the first a hundred times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")

if TYPE_CHECKING:
    from app.bootstrap import Bot
    from app.engine.engine import Engine

# Where every run must come out the same, examples are the same; elsewhere they are new each time. A busy machine is
# no error: nothing here has a deadline.
hypothesis.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis.register_profile("ci", hypothesis.get_profile("here"), derandomize=True)
hypothesis.load_profile("ci" if os.environ.get("CI") else "here")

# A shell that starts us in the background has SIGINT ignored, in all that we start too; some of those must hear Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores: a third of the tests' time is waiting for others."""
    return (os.cpu_count() or 1) + 1


DAYS = 7
"""Parts of the nightly tests; `make test` runs one of them."""
BOTH_SCALES = {"test_migrations", "test_runs", "test_session", "test_shelf", "test_ticks", "test_trials"}
"""Of tests/store, what differs between databases: locks, claims, types. The rest are queries: on Postgres nightly."""
NIGHTLY_SCALED = ("store", "story", "worker")
"""Folders whose tests run on Postgres and Redis nightly, and on SQLite always."""
TOGETHER = ("chaos", "story")
"""Folders whose tests share one deployment, and so one process."""
SLOWEST = ("worker", "chaos", "story", "cli", "browser", "web")
"""Folders in the order in which they begin; then all others. Short files at the end keep all processes busy."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--nightly part` leaves six sevenths of the nightly tests to the next six days."""
    parser.addoption("--nightly", choices=["all", "part"], default="all", help="`part`: a seventh, another each day")


def pytest_configure(config: pytest.Config) -> None:
    """Choose the day's part once for all processes of a run, whatever the clock says later; fewer examples by day."""
    os.environ.setdefault("NIGHTLY_PART", str(datetime.now(UTC).toordinal() % DAYS))
    if config.getoption("nightly") == "part":
        hypothesis.register_profile(
            "day", hypothesis.get_profile("ci" if os.environ.get("CI") else "here"), max_examples=30
        )
        hypothesis.load_profile("day")


ENDS_A_SKIP = {
    "chromium": "apt-get install chromium",
    "hunspell": "apt-get install hunspell-ko hunspell-en-us",
    "hadolint": "make setup",
    "caddy": "apt-get install caddy",
    "docker": "apt-get install docker.io",
}
"""The command that ends a kind of skip, by a word of its reason."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say each kind of skip in one line, with the command that ends it."""
    skips = Counter(str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", ()))
    for reason, count in skips.most_common():
        ends = next((command for word, command in ENDS_A_SKIP.items() if word in reason.casefold()), "another machine")
        terminalreporter.write_line(f"{count} skipped, {ends} ends it: {reason.removeprefix('Skipped: ')}")


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Mark what waits for the night, leave out what another day runs, and have the slowest begin."""
    for item in items:
        folder, file = item.path.parent.name, item.path.stem
        item.add_marker(pytest.mark.xdist_group(folder if folder in TOGETHER else f"{folder}/{file}"))
        if folder in NIGHTLY_SCALED and file not in BOTH_SCALES and "scaled" in item.name:
            item.add_marker("nightly")
    if config.getoption("nightly") == "part":
        today = int(os.environ["NIGHTLY_PART"])
        stays = [item.get_closest_marker("nightly") is None or day_of(item.nodeid) == today for item in items]
        config.hook.pytest_deselected(items=[item for item, here in zip(items, stays, strict=True) if not here])
        items[:] = [item for item, here in zip(items, stays, strict=True) if here]
    yield  # others shuffle them
    items.sort(key=_when)


def _when(item: pytest.Item) -> tuple[int, bool, str]:
    """Its folder's place among the slowest; of the story, which is one round trip for each scale, the place in that."""
    folder = item.path.parent.name
    place = SLOWEST.index(folder) if folder in SLOWEST else len(SLOWEST)
    return (place, "scaled" in item.name, item.path.name) if folder == "story" else (place, False, "")


def day_of(nodeid: str) -> int:
    """The day out of seven on which a nightly test runs."""
    return crc32(nodeid.encode()) % DAYS


@pytest.fixture(autouse=True, scope="session")
def _only_loopback() -> Iterator[None]:
    """No test leaves this machine."""
    with only_loopback():
        yield


@pytest.fixture(autouse=True, scope="session")
def _no_deployment() -> Iterator[None]:
    """What the environment says of a deployment is not meant for the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("POEMBOT_")]:
            patch.delenv(name)
        yield


@pytest.fixture(autouse=True, scope="session")
def _log_to_pytest() -> None:
    """What the program logs is shown beside the test that failed, and not in the midst of the others."""
    logging.getLogger().addHandler(logging.NullHandler())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


@pytest.fixture(scope="session")
def running() -> Iterator[Servers]:
    """Postgres and Redis, each started when first asked for."""
    with servers() as both:
        yield both


@pytest.fixture(scope="session")
def databases(running: Servers, tmp_path_factory: pytest.TempPathFactory) -> Databases:
    """Databases of either kind."""
    return Databases(running, tmp_path_factory.mktemp("databases"))


@pytest.fixture(params=["embedded", "scaled"])
def scale(request: pytest.FixtureRequest) -> Scale:
    """SQLite with `filesystem://`, then Postgres with Redis: one set of tests, two sets of servers."""
    chosen: Scale = request.param
    return chosen


@pytest.fixture
def settings(scale: Scale, databases: Databases, tmp_path: Path) -> Iterator[Settings]:
    """Settings of a deployment of its own, migrated, without a voice."""
    with databases.settings(scale, tmp_path / "home") as chosen:
        yield chosen


@pytest.fixture
def sessions(settings: Settings) -> Iterator[sessionmaker[Session]]:
    """Sessions of that deployment's database."""
    engine = open_database(settings.database)
    yield sessionmaker(engine, expire_on_commit=False)
    engine.dispose()


@pytest.fixture(scope="session")
def shipped(pytestconfig: pytest.Config) -> Path:
    """A folder of base voices as the project ships them, with one tiny `sibot` in it."""
    from tests.support import tiny  # torch

    return tiny.shipped(pytestconfig.cache.mkdir("tiny-voice"))  # type: ignore[union-attr]


@pytest.fixture
def bot(settings: Settings, shipped: Path) -> "Iterator[Bot]":
    """A deployment of either scale with the tiny `sibot`; what it announces is noted, and nobody reads it."""
    from tests.support import bots

    built = bots.build(settings, shipped)
    yield built
    built.close()


@pytest.fixture
def engine(bot: "Bot") -> "Iterator[Engine]":
    """The engine over that bot, running."""
    from tests.support import bots

    with bots.engine(bot) as started:
        yield started


@pytest.fixture
def site(bot: "Bot") -> Iterator[str]:
    """The address of a real web server over that bot."""
    from tests.support import bots

    with bots.site(bot) as address:
        yield address


@pytest.fixture
def clock() -> Clock:
    """A clock that goes on when told to."""
    return Clock()


@pytest.fixture
def world(sessions: sessionmaker[Session], clock: Clock) -> World:
    """An empty database and what can be made to happen in it."""
    return World(sessions, clock)
