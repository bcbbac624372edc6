"""Metrics of an engine since its process started, for Prometheus and the desk."""

import math
from collections.abc import Iterator

from prometheus_client import Histogram
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
"""Upper bounds of the histogram's buckets for batch sizes, in lines."""
SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the histogram's buckets for the duration of swaps."""


class EngineMetrics(Collector):
    """The counts of one engine. Any thread may read them. Prometheus sees them once they are registered."""

    def __init__(self) -> None:
        self.batch_size = Histogram(
            "poembot_engine_batch_size", "Lines that a step wrote a symbol of.", buckets=SIZES, registry=None
        )
        self.swap_seconds = Histogram("poembot_swap_seconds", "Time to load a version.", buckets=SECONDS, registry=None)
        """From the fetch of the folder until the version serves."""
        self.failed_swaps = 0
        """Failed attempts to load a version."""
        self.poems = 0
        """Poems begun."""
        self.candidates = 0
        """Candidates of each line, summed over the poems begun."""

    def poem_begun(self, candidates: int) -> None:
        """Count a poem with that many candidates for each line. Only the decode thread calls it."""
        self.poems += 1
        self.candidates += candidates

    @property
    def candidates_per_poem(self) -> float:
        """Mean number of candidates of a line, over the poems begun; NaN before the first poem."""
        return self.candidates / self.poems if self.poems else math.nan

    @property
    def steps(self) -> int:
        """Steps of the network so far; each writes one symbol of every line in the batch."""
        return _count(self.batch_size)

    @property
    def swaps(self) -> int:
        """Successful swaps."""
        return _count(self.swap_seconds)

    def collect(self) -> Iterator[Metric]:
        """The metrics in Prometheus' form."""
        yield CounterMetricFamily("poembot_engine_steps", "Symbols written, a batch at a time.", value=self.steps)
        yield from self.batch_size.collect()
        yield from self.swap_seconds.collect()
        yield CounterMetricFamily("poembot_swap_failures", "Times a version would not load.", value=self.failed_swaps)
        yield CounterMetricFamily("poembot_engine_poems", "Poems begun.", value=self.poems)
        yield CounterMetricFamily(
            "poembot_engine_candidates", "Candidates for each line, summed over the poems begun.", value=self.candidates
        )


def _count(histogram: Histogram) -> int:
    """The number of observations."""
    samples = (sample for metric in histogram.collect() for sample in metric.samples)
    return int(next(sample.value for sample in samples if sample.name.endswith("_count")))
