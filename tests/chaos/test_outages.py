"""Outages: broker or database gone for a minute, a disk that is full, processes that are told to go."""

import resource
import threading
import time

import httpx
import psutil
import pytest

from app.domain import run_log
from app.domain.run import RunState
from tests.chaos.moments import catch
from tests.chaos.storm import Storm
from tests.chaos.truth import MADE, Fault
from tests.support.deployment import until
from tests.support.patience import PATIENCE

MINUTE = 60.0
FULL_AT = 48 * 1024
"""Bytes of a file: less than the tiny voice's weights, more than what the worker says of itself."""
STREAMS = 24


@pytest.mark.chaos
def test_a_minute_without_a_broker(storm: Storm, fault: Fault) -> None:
    """Readers notice nothing; a run that is started meanwhile is taken up, with or without the broker."""
    with fault("redis", "away for a minute") as found:
        storm.kill("redis")
        began = time.monotonic()
        run = storm.desk.ask()
        while time.monotonic() - began < MINUTE:
            assert storm.client.get("/sibot").status_code == 200
            time.sleep(1)
        storm.bring_back("redis")
        report = storm.ended(run)
        found.attempts = report.attempt

    assert report.state in MADE
    assert found.refused == 0


@pytest.mark.parametrize("seconds", [3.0, pytest.param(MINUTE, marks=pytest.mark.chaos)])
def test_a_while_without_a_database(storm: Storm, fault: Fault, seconds: float) -> None:
    """The page says so and recovers; a tick is acknowledged and kept, or refused."""
    with fault("postgres", f"away for {seconds:.0f} s") as found:
        caught = catch(storm, "training")
        storm.kill("postgres")
        caught.worker.resume()
        page = storm.client.get("/sibot", headers={"Accept": "text/html"})
        call = storm.client.put("/api/v1/lines/1/tick")
        time.sleep(seconds)
        storm.bring_back("postgres", after=0)
        until("the page is back", lambda: storm.client.get("/sibot").status_code == 200)
        report = storm.ended(caught.run)
        found.attempts = report.attempt

    assert page.status_code == 503
    assert page.headers["content-type"].startswith("text/html")
    assert call.status_code == 503
    assert call.headers["content-type"] == "application/problem+json"
    assert found.refused > 0
    assert report.state in MADE


@pytest.mark.chaos
def test_a_full_disk_fails_the_run_and_nothing_else(storm: Storm, fault: Fault) -> None:
    """What cannot be written whole does not appear at all; the old version serves, the next run goes well."""
    with fault("disk", "full while writing") as found, storm.without_worker():
        worker = storm.deployment.start("worker")
        until("the worker is ready", lambda: "worker.ready" in worker.told())
        process = psutil.Process(worker.process.pid)
        process.rlimit(resource.RLIMIT_FSIZE, (FULL_AT, resource.RLIM_INFINITY))
        failed = storm.ended(storm.desk.ask())
        process.rlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        report = storm.ended(storm.desk.ask())
        found.attempts = failed.attempt + report.attempt
        worker.stop()

    assert failed.state is RunState.FAILED
    assert "too large" in (failed.error or "")
    assert failed.version is None
    assert report.state in MADE


def test_a_worker_that_is_told_to_go_gives_its_run_back(storm: Storm, fault: Fault) -> None:
    """SIGTERM releases the lease at once, and the attempt does not count."""
    with fault("SIGTERM worker", "training") as found:
        caught = catch(storm, "training")
        caught.worker.terminate()
        caught.worker.resume()
        report = storm.ended(caught.run)
        found.attempts = report.attempt

    assert run_log.GivenBack() in [one.entry for one in report.said]
    assert report.state in MADE
    assert report.attempt == 1


@pytest.mark.chaos
def test_a_web_that_is_told_to_go_finishes_its_poems(storm: Storm, fault: Fault) -> None:
    """SIGTERM drains the streams: every poem that began is read to its end."""
    ends: list[str] = []
    begun = threading.Semaphore(0)

    def read() -> None:
        with (
            httpx.Client(base_url=storm.address, timeout=PATIENCE) as client,
            client.stream(
                "POST", "/api/v1/voices/sibot/poems", json={"lines": 16}, headers={"Accept": "text/event-stream"}
            ) as answer,
        ):
            last = ""
            for line in answer.iter_lines():
                if line.startswith("event: "):
                    if not last:
                        begun.release()
                    last = line.removeprefix("event: ")
            ends.append(last)

    with fault("SIGTERM web", "while it writes"):
        web = storm.child("web")
        threads = [threading.Thread(target=read) for _ in range(STREAMS)]
        for thread in threads:
            thread.start()
        for _ in threads:
            assert begun.acquire(timeout=PATIENCE)
        web.terminate()
        for thread in threads:
            thread.join()
        until("it has gone", lambda: not web.is_running())

    assert ends == ["done"] * STREAMS
