"""What Prometheus is told of this process. Counts only; no names, no texts."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.registry import Collector

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """One registry per site, so that several sites can live in one process (as in the tests)."""

    def __init__(self, *more: Collector) -> None:
        """*more*: what else is told at every scrape."""
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
        self._serving = Gauge(
            "poembot_serving_version", "Number of the version that serves.", ["voice"], registry=self.registry
        )
        self._broken = Gauge(
            "poembot_version_broken", "1 while the wanted version would not load.", ["voice"], registry=self.registry
        )

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered; status 0: its connection broke off."""
        known = method if method in ("GET", "HEAD", "POST", "PUT", "DELETE") else "other"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def poem(self, voice: str) -> None:
        """A poem was written and stored."""
        self._poems.labels(voice).inc()

    def refused(self, code: str) -> None:
        """A request was turned away: limited, engine_full and so on."""
        self._refused.labels(code).inc()

    def serving(self, voice: str, number: int, *, broken: bool) -> None:
        """What a voice serves, and whether the version it ought to serve would not load."""
        self._serving.labels(voice).set(number)
        self._broken.labels(voice).set(1 if broken else 0)

    def text(self) -> bytes:
        """All of it, in Prometheus' text form."""
        return generate_latest(self.registry)
