"""Operations: health checks, metrics, and the heartbeat that this process writes to the database.

`/healthz`: the process answers. `/readyz`: it can serve readers. `/metrics`: numbers for Prometheus, without names or
texts. `Metrics` counts the requests of this process, and `EngineGauges` reads its engine. `DeploymentGauges` reads the
database, so all web processes report the same values: aggregate those with `max`, not with `sum`.
"""

import asyncio
import itertools
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import cast

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool

from app import actions, reads
from app.bootstrap import Bot
from app.domain.health import Vitals, VoiceStatus, WebReport
from app.engine.engine import Engine, return_freed_memory
from app.store.session import TRANSIENT_DB_ERRORS
from app.web.http.deps import BotDep, EngineDep

log = structlog.get_logger(__name__)
router = APIRouter(include_in_schema=False)
NO_STORE = {"Cache-Control": "no-store"}
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Upper bounds of the buckets for response times."""
REFRESH_AFTER = 15.0
"""Seconds for which the result of a query is cached."""
DUTY_FACTOR = 20
"""A result is cached for at least this many times the query's duration, to spare the database."""


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """The metrics of this process, in the text format of Prometheus."""
    registry = cast("Metrics", request.app.state.metrics).registry
    return PlainTextResponse(generate_latest(registry), media_type=CONTENT_TYPE_LATEST, headers=NO_STORE)


class Metrics:
    """Counters of requests and poems, in a registry of their own: tests run several sites in one process."""

    def __init__(self, *more: Collector) -> None:
        """*more*: further collectors for the registry."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        for collector in more:
            self.registry.register(collector)
        self._requests = Counter(
            "poembot_http_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "poembot_http_request_seconds", "Time to answer.", ["route"], buckets=SECONDS, registry=self.registry
        )
        self._poems = Counter("poembot_poems", "Poems written and stored.", ["voice"], registry=self.registry)
        self._refused = Counter("poembot_refused", "Requests turned away, by reason.", ["code"], registry=self.registry)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; status 0: the client closed the connection."""
        known = method if method in ("GET", "HEAD", "POST", "PUT", "DELETE") else "other"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def poem(self, voice: str) -> None:
        """Count a poem that was written and stored."""
        self._poems.labels(voice).inc()

    def refused(self, code: str) -> None:
        """Count a request that was refused, by the code of its error."""
        self._refused.labels(code).inc()


class EngineGauges(Collector):
    """Reads the engine of this process at every scrape."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        """Collect."""
        yield from self._engine.metrics.collect()
        writing, waiting = self._engine.load()
        yield GaugeMetricFamily("poembot_engine_writing", "Poems under way.", value=writing)
        yield GaugeMetricFamily("poembot_engine_queue", "Poems that wait for a place.", value=waiting)
        yield from self._versions()

    def _versions(self) -> Iterator[Metric]:
        known = self._engine.status().values()
        serving = [([one.voice], -1 if one.number is None else one.number) for one in known]
        yield _gauge("poembot_serving_version", "Number of the version that serves.", ["voice"], serving)
        broken = [([one.voice], 0 if one.error is None else 1) for one in known]
        yield _gauge("poembot_version_broken", "1 while the wanted version would not load.", ["voice"], broken)


class DeploymentGauges(Collector):
    """Reads the database, for the whole deployment, and the free space on disk, at a scrape."""

    def __init__(self, bot: Bot, engine: Engine) -> None:
        self._bot, self._engine = bot, engine
        self._lock = threading.Lock()
        self._vitals: Vitals | None = None
        self._again_at = 0.0

    def collect(self) -> Iterator[Metric]:
        """Collect; the result of the query is cached."""
        with self._lock:
            vitals = self._query()
        yield GaugeMetricFamily("poembot_database_up", "1 while the database answers.", value=vitals is not None)
        yield from self._disk()
        if vitals is not None:
            yield from _deployment(vitals)

    def _query(self) -> Vitals | None:
        began = time.monotonic()
        if self._vitals is not None and began < self._again_at:
            return self._vitals
        try:
            self._vitals = reads.health.vitals(self._bot, self._engine.in_memory())
        except TRANSIENT_DB_ERRORS:
            self._vitals = None
        self._again_at = began + max(REFRESH_AFTER, DUTY_FACTOR * (time.monotonic() - began))
        return self._vitals

    def _disk(self) -> Iterator[Metric]:
        places = {"home": self._bot.settings.home, "shelf": Path(self._bot.settings.shelf)}
        free = [([name], shutil.disk_usage(folder).free) for name, folder in places.items() if folder.is_dir()]
        yield _gauge("poembot_disk_free_bytes", "Room left where data lives.", ["place"], free)


def _gauge(name: str, told: str, labels: Sequence[str], values: Iterable[tuple[Sequence[str], float]]) -> Metric:
    """A gauge with a value for each set of labels."""
    family = GaugeMetricFamily(name, told, labels=labels)
    for at, value in values:
        family.add_metric(at, value)
    return family


def _deployment(vitals: Vitals) -> Iterator[Metric]:
    yield _gauge("poembot_runs", "Runs so far, by state.", ["state"], [([s], n) for s, n in vitals.runs.items()])
    yield CounterMetricFamily(
        "poembot_lease_losses", "Times a run was taken from a worker that fell silent.", value=vitals.lease_losses
    )
    yield GaugeMetricFamily(
        "poembot_run_waits_seconds", "How long the oldest run has waited for a worker.", value=vitals.waits_s
    )
    yield GaugeMetricFamily(
        "poembot_submissions_waiting", "Poems that wait for a moderator.", value=vitals.submissions_waiting
    )
    alive = [([kind], vitals.alive.get(kind, 0)) for kind in ("web", "worker", "beat")]
    yield _gauge("poembot_alive", "Processes that gave a sign of life.", ["kind"], alive)
    names, live = ["voice", "version"], [([one.voice, str(one.number)], one) for one in vitals.versions]
    shown = [(at, one.impressions) for at, one in live]
    yield _gauge("poembot_version_impressions", "Lines of a live version readers were shown.", names, shown)
    ticked = [(at, one.ticks) for at, one in live]
    yield _gauge("poembot_version_ticks", "Lines of a live version readers ticked.", names, ticked)
    rates = [(at, one.ticks / one.impressions) for at, one in live if one.impressions]
    yield _gauge("poembot_version_tick_rate", "Share of shown lines that were ticked.", names, rates)


HEARTBEAT_EVERY = 5.0
"""Seconds between two heartbeats of a web process."""
TIDY_EVERY = 720
"""Heartbeats between two clean-ups of the cache of versions: an hour."""


@router.get("/healthz")
def alive() -> JSONResponse:
    """The process answers."""
    return JSONResponse({"alive": True}, headers=NO_STORE)


@router.get("/readyz")
def ready(bot: BotDep, engine: EngineDep) -> JSONResponse:
    """The process can serve readers: the database answers, and every voice has a version in memory.

    If a new version fails to load, the old one goes on: that is reported, but the process is still ready.
    """
    serving = {one.voice: one for one in _serving(engine)}
    try:
        voices, workers = reads.health.ready(bot)
        database: str | None = None
    except TRANSIENT_DB_ERRORS as error:
        voices, workers, database = list(serving), [], type(error).__name__
    writing = bool(voices) and all(slug in serving and serving[slug].number is not None for slug in voices)
    body = {
        "ready": database is None and writing,
        "database": {"ok": database is None, "error": database},
        "voices": {
            slug: {"serving": one.number, "wanted": one.wanted, "error": one.error} for slug, one in serving.items()
        },
        "worker": {"alive": len(workers), "seen": max((p.at.isoformat() for p in workers), default=None)},
    }
    return JSONResponse(body, 200 if body["ready"] else 503, headers=NO_STORE)


async def heartbeat(bot: Bot, engine: Engine) -> None:
    """Write every few seconds that this process is alive, and what it serves; return freed memory. Until cancelled."""
    name = f"web {socket.gethostname()} {os.getpid()}"
    for beats in itertools.count():
        await run_in_threadpool(_write_heartbeat, bot, engine, name)
        await run_in_threadpool(return_freed_memory)
        if beats % TIDY_EVERY == 0:
            await run_in_threadpool(_tidy_cache, bot)
        await asyncio.sleep(HEARTBEAT_EVERY)


def _tidy_cache(bot: Bot) -> None:
    """If the shelf is an object store: delete local copies of versions that are no longer on it."""
    try:
        actions.versions.forget_pruned(bot)
    except TRANSIENT_DB_ERRORS as error:
        log.warning("cache.untidied", error=str(error))


def _write_heartbeat(bot: Bot, engine: Engine, name: str) -> None:
    report = WebReport(
        voices=tuple(_serving(engine)),
        broken_trials=tuple(engine.broken_trials()),
        live=tuple(sorted(engine.in_memory())),  # `worker/upkeep.py` keeps these on the shelf
        secret=bot.settings.secret_mark(),
    )
    try:
        actions.deployment.beat(bot, name, "web", report)
    except TRANSIENT_DB_ERRORS as error:
        log.warning("pulse.failed", error=str(error))


def _serving(engine: Engine) -> list[VoiceStatus]:
    return [VoiceStatus(one.voice, one.number, one.wanted, one.error) for one in engine.status().values()]
