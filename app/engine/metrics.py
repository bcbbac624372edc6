"""What an engine has done since its process began, counted as it goes. Knows nobody who reads it."""

import math
from collections.abc import Iterator

from prometheus_client import Histogram
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
"""Upper bounds of the buckets for batch sizes, in lines."""
SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the buckets for the times of swaps."""


class EngineMetrics(Collector):
    """The counts of one engine; in no registry until somebody puts them into one. Any thread may read."""

    def __init__(self) -> None:
        self.batch_size = Histogram(
            "poembot_engine_batch_size", "Lines that a step wrote a symbol of.", buckets=SIZES, registry=None
        )
        self.swap_seconds = Histogram("poembot_swap_seconds", "Time to load a version.", buckets=SECONDS, registry=None)
        """From the look at the folder to the first poem that may use it."""
        self.failed_swaps = 0
        """Attempts to load a version that would not load."""
        self.poems = 0
        """Poems begun."""
        self.candidates = 0
        """Ways each line of a poem is drawn, summed over the poems begun."""

    def poem_begun(self, candidates: int) -> None:
        """Count a poem, each of whose lines is drawn in so many ways. Called by the decode thread alone."""
        self.poems += 1
        self.candidates += candidates

    @property
    def candidates_per_poem(self) -> float:
        """K as readers had it: the mean over the poems begun; NaN before there is one."""
        return self.candidates / self.poems if self.poems else math.nan

    @property
    def steps(self) -> int:
        """Batches so far: symbols written, one of each line in them."""
        return _count(self.batch_size)

    @property
    def swaps(self) -> int:
        """Versions that took over."""
        return _count(self.swap_seconds)

    def collect(self) -> Iterator[Metric]:
        """As Prometheus wants them."""
        yield CounterMetricFamily("poembot_engine_steps", "Symbols written, a batch at a time.", value=self.steps)
        yield from self.batch_size.collect()
        yield from self.swap_seconds.collect()
        yield CounterMetricFamily("poembot_swap_failures", "Times a version would not load.", value=self.failed_swaps)
        yield CounterMetricFamily("poembot_engine_poems", "Poems begun.", value=self.poems)
        yield CounterMetricFamily(
            "poembot_engine_candidates", "Candidates for each line, summed over the poems begun.", value=self.candidates
        )


def _count(histogram: Histogram) -> int:
    samples = (sample for metric in histogram.collect() for sample in metric.samples)
    return int(next(sample.value for sample in samples if sample.name.endswith("_count")))
