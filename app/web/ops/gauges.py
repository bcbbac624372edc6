"""Gauges: what Prometheus is told beyond requests. Of this process its engine; of the whole deployment what the
database knows, which every web tells alike: take the `max` of those, not the sum.
"""

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from app.bootstrap import Bot, now
from app.engine.engine import Engine
from app.store.health import Health, Vitals
from app.web.http.deps import AWAY

FRESH = 15.0
"""Seconds for which what the database said is told again."""
SPARING = 20
"""The database is not asked more often than this many times what asking takes: counting must not be its work."""


class EngineGauges(Collector):
    """What the engine of this process does."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        """Asked at every scrape."""
        batches, swaps = self._engine.tally.batches, self._engine.tally.swaps
        sizes = batches.cumulative()
        yield CounterMetricFamily("poembot_engine_steps", "Symbols written, a batch at a time.", value=sizes[-1][1])
        yield HistogramMetricFamily(
            "poembot_engine_batch_size", "Lines that a step wrote a symbol of.", buckets=sizes, sum_value=batches.total
        )
        writing, waiting = self._engine.load()
        yield GaugeMetricFamily("poembot_engine_writing", "Poems under way.", value=writing)
        yield GaugeMetricFamily("poembot_engine_queue", "Poems that wait for a place.", value=waiting)
        yield HistogramMetricFamily(
            "poembot_swap_seconds", "Time to load a version.", buckets=swaps.cumulative(), sum_value=swaps.total
        )
        yield CounterMetricFamily(
            "poembot_swap_failures", "Times a version would not load.", value=self._engine.tally.failed_swaps
        )


class DeploymentGauges(Collector):
    """What the database knows of the whole deployment, and the room left where data lives."""

    def __init__(self, bot: Bot, engine: Engine) -> None:
        self._bot, self._engine = bot, engine
        self._lock = threading.Lock()
        self._vitals: Vitals | None = None
        self._again_at = 0.0

    def collect(self) -> Iterator[Metric]:
        """Asked at every scrape; the database only now and then."""
        with self._lock:
            vitals = self._look()
        yield GaugeMetricFamily("poembot_database_up", "1 while the database answers.", value=vitals is not None)
        yield from self._room()
        if vitals is not None:
            yield from _told(vitals)

    def _look(self) -> Vitals | None:
        began = time.monotonic()
        if self._vitals is not None and began < self._again_at:
            return self._vitals
        try:
            with self._bot.reading() as session:
                self._vitals = Health(session).vitals(self._engine.in_memory(), now())
        except AWAY:
            self._vitals = None
        self._again_at = began + max(FRESH, SPARING * (time.monotonic() - began))
        return self._vitals

    def _room(self) -> Iterator[Metric]:
        free = GaugeMetricFamily("poembot_disk_free_bytes", "Room left where data lives.", labels=["place"])
        places = {"home": self._bot.settings.home, "shelf": Path(self._bot.settings.shelf)}
        for place, folder in places.items():
            if folder.is_dir():
                free.add_metric([place], shutil.disk_usage(folder).free)
        yield free


def _told(vitals: Vitals) -> Iterator[Metric]:
    runs = GaugeMetricFamily("poembot_runs", "Runs so far, by state.", labels=["state"])
    for state, count in vitals.runs.items():
        runs.add_metric([state], count)
    yield runs
    yield CounterMetricFamily(
        "poembot_lease_losses", "Times a run was taken from a worker that fell silent.", value=vitals.lease_losses
    )
    yield GaugeMetricFamily(
        "poembot_run_waits_seconds", "How long the oldest run has waited for a worker.", value=vitals.waits_s
    )
    yield GaugeMetricFamily(
        "poembot_submissions_waiting", "Poems that wait for a moderator.", value=vitals.submissions_waiting
    )
    alive = GaugeMetricFamily("poembot_alive", "Processes that gave a sign of life.", labels=["kind"])
    for kind in ("web", "worker", "beat"):
        alive.add_metric([kind], vitals.alive.get(kind, 0))
    yield alive
    names = ["voice", "version"]
    shown = GaugeMetricFamily(
        "poembot_version_impressions", "Lines of a live version readers were shown.", labels=names
    )
    ticked = GaugeMetricFamily("poembot_version_ticks", "Lines of a live version readers ticked.", labels=names)
    rate = GaugeMetricFamily("poembot_version_tick_rate", "Share of shown lines that were ticked.", labels=names)
    for version in vitals.versions:
        labels = [version.voice, str(version.number)]
        shown.add_metric(labels, version.impressions)
        ticked.add_metric(labels, version.ticks)
        if version.impressions:
            rate.add_metric(labels, version.ticks / version.impressions)
    yield from (shown, ticked, rate)
