"""A storm: a whole deployment on real servers, of which any part can be killed at a chosen moment.

One `poembot serve` keeps a web, a worker and beat alive; Postgres and Redis are ours to stop.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, TypeVar

import httpx
import psutil
import redis
from celery import Celery
from sqlalchemy.exc import SQLAlchemyError

from app.domain.run import RunReport
from app.settings import Settings
from app.store.health import Pulses
from app.store.runs import Runs
from app.task_queue import LOOK, celery_config
from tests.chaos.desk import Desk
from tests.support.deployment import Deployment, Started, answers, checkout, until
from tests.support.patience import PATIENCE
from tests.support.servers import Postgres, Redis, free_port

Part = Literal["worker", "beat", "web", "redis", "postgres"]
VOICES = ("sibot", "second")
LEASE = 2.5
"""Seconds: a killed worker is back about when its lease has run out. Alone, it loses it to nobody by being slow."""
LONG = {"lease": PATIENCE}
"""For workers beside each other: no machine is so slow that one of them takes the other's run."""
Seen = TypeVar("Seen")


@dataclass
class Storm:
    """The deployment, its servers, and how to hurt them."""

    postgres: Postgres
    redis: Redis
    deployment: Deployment
    address: str
    site: Started
    token: str
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.Client(base_url=self.address, timeout=PATIENCE)

    @property
    def desk(self) -> Desk:
        """What an admin can do."""
        return Desk(self.address, self.token)

    def run(self, number: int) -> RunReport:
        """The run's row, as soon as the database tells it."""

        def look() -> RunReport:
            with self.deployment.bot.reading() as session:
                return Runs(session).one(number)

        return self.patiently(look)

    def patiently(self, look: Callable[[], Seen]) -> Seen:
        """What *look* sees, once the database is there."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                return look()
            except SQLAlchemyError:
                time.sleep(0.1)
        return look()

    def ended(self, number: int) -> RunReport:
        """The run, once it has ended."""
        until(f"run {number} ends", lambda: self.run(number).state.ended)
        return self.run(number)

    def settled(self) -> None:
        """Wait until no run is under way."""

        def idle() -> bool:
            with self.deployment.bot.reading() as session:
                return all(report.state.ended for report in Runs(session).of_voice(None))

        until("every run ends", lambda: self.patiently(idle))

    def child(self, kind: str) -> psutil.Process:
        """The process of `poembot serve` that is its worker, its beat or its web."""
        found = until(f"there is a {kind}", lambda: self.site.child(kind))
        assert isinstance(found, psutil.Process)
        return found

    def ready(self) -> None:
        """Wait until the site serves, and a worker and beat say that they live."""

        def all_alive() -> bool:
            with self.deployment.bot.reading() as session:
                pulses = Pulses(session).alive(self.now(), within=timedelta(seconds=12))
            ours = {str(child.pid) for kind in ("worker", "beat") if (child := self.site.child(kind))}
            return len([p for p in pulses if p.name.rpartition(":")[2] in ours]) == 2

        until("the site is ready", lambda: answers(self.address))
        until("worker and beat live", lambda: self.patiently(all_alive))

    @staticmethod
    def now() -> datetime:
        """The time."""
        return datetime.now(UTC)

    def kill(self, part: Part) -> None:
        """SIGKILL. A process is started again by `poembot serve`; a server stays away until `bring_back`."""
        if part == "postgres":
            self.postgres.kill()
        elif part == "redis":
            self.redis.kill()
        else:
            self.child(part).kill()

    def bring_back(self, part: Part, after: float = 1.0) -> None:
        """Start a killed server again after so many seconds."""
        if part in ("postgres", "redis"):
            time.sleep(after)
            (self.postgres if part == "postgres" else self.redis).start()

    @contextmanager
    def without_worker(self) -> Iterator[None]:
        """The worker of `poembot serve` stands still meanwhile."""
        worker = self.child("worker")
        worker.suspend()
        try:
            yield
        finally:
            worker.resume()


@contextmanager
def begin(folder: Path, voices: Path) -> Iterator[Storm]:
    """A deployment that serves, gone afterwards."""
    with ExitStack() as stack:
        postgres, redis = Postgres(durable=True), Redis()
        for server in (postgres, redis):
            stack.callback(server.close)
            server.start()
        settings = Settings(
            _env_file=None,
            home=folder / "home",
            secret_key="only for tests " * 4,
            database_url=postgres.url(postgres.create()),
            broker_url=redis.url(),
            limits="off",
            retrain_every=0,
            retrain_after=0,
            lease=LEASE,
            lesson_steps=30,
            dreams=40,
            run_minutes=0,
            samples=20,
        )
        deployment = Deployment(checkout(folder / "checkout", voices), settings, folder)
        stack.callback(deployment.close)
        deployment.poembot("db", "upgrade")
        port = free_port()
        site = deployment.start("serve", "--port", str(port))
        storm = Storm(postgres, redis, deployment, f"http://127.0.0.1:{port}", site, deployment.token())
        stack.callback(storm.client.close)
        storm.ready()
        yield storm


@contextmanager
def sender(storm: Storm) -> Iterator[Celery]:
    """Something that can send what it likes."""
    celery = Celery("storm", set_as_current=False)
    celery.conf.update(celery_config(storm.deployment.settings, sending=True))
    try:
        yield celery
    finally:
        celery.close()


def hears(storm: Storm) -> None:
    """The worker takes what is announced: a message does not stay with the broker."""
    with sender(storm) as celery:
        celery.send_task(LOOK, args=["sibot"], retry=False)
        queue = celery.conf.task_default_queue
    with redis.Redis.from_url(storm.deployment.settings.broker_url) as broker:
        until("the message is taken", lambda: broker.llen(queue) == 0)
