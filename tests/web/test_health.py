"""What machines ask of a web process, and what it says when something is wrong."""

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.bootstrap import Bot, build_engine, now
from app.domain.health import VoiceStatus
from app.engine import live
from app.engine.live import LiveVersion
from app.store.health import Pulses
from app.store.versions import Versions
from app.web.site import create_app
from tests.support import bots, versions
from tests.support.patience import PATIENCE


def test_a_process_that_answers_is_alive(client: httpx.Client) -> None:
    """Whatever else is wrong."""
    assert client.get("/healthz").json() == {"alive": True}


def test_ready_says_what_serves_and_who_works(client: httpx.Client, bot: Bot) -> None:
    """The database, each voice, and the workers' last sign of life."""
    with bot.transaction() as session:
        Pulses(session).beat("worker 1", "worker", now())
    answer = client.get("/readyz")

    assert answer.status_code == 200
    ready = answer.json()
    assert ready["ready"] is True
    assert ready["database"] == {"ok": True, "error": None}
    assert ready["voices"] == {"sibot": {"serving": 0, "wanted": 0, "error": None}}
    assert ready["worker"]["alive"] == 1


def test_a_version_that_will_not_load_is_said_and_the_old_one_serves(bot: Bot) -> None:
    """/readyz names it, the metrics too, and readers get their poems."""
    number = versions.add(bot, "sibot/gone")
    with bots.served(create_app(bot, build_engine(bot))) as site:
        with bot.transaction() as session:
            Versions(session).promote("sibot", number, by="test", reason="", now=now())
        deadline = time.monotonic() + PATIENCE
        while (said := httpx.get(site + "/readyz", timeout=PATIENCE).json())["voices"]["sibot"]["error"] is None:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        counted = httpx.get(site + "/metrics", timeout=PATIENCE).text
        page = httpx.get(site + "/sibot", timeout=PATIENCE)

    assert said["ready"] is True
    assert (said["voices"]["sibot"]["serving"], said["voices"]["sibot"]["wanted"]) == (0, number)
    assert 'poembot_version_broken{voice="sibot"} 1.0' in counted
    assert page.status_code == 200


def test_a_web_says_every_few_seconds_that_it_is_alive(client: httpx.Client, bot: Bot) -> None:
    """With what it serves, for the desk."""
    deadline = time.monotonic() + PATIENCE
    while True:
        with bot.reading() as session:
            pulses = [pulse for pulse in Pulses(session).alive(now()) if pulse.kind == "web"]
        if pulses or time.monotonic() > deadline:
            break
        time.sleep(0.1)

    assert pulses[0].web.voices == (VoiceStatus("sibot", 0, 0, None),)
    assert pulses[0].web.secret == bot.settings.secret_mark()


def test_a_web_gives_freed_memory_back(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    """With every heartbeat, whatever it was used for (`tests/engine/test_memory.py`: that this frees it)."""
    returned = threading.Semaphore(0)
    monkeypatch.setattr("app.web.ops.HEARTBEAT_EVERY", 0.01)
    monkeypatch.setattr("app.web.ops.return_freed_memory", returned.release)
    with bots.site(bot):
        assert all(returned.acquire(timeout=PATIENCE) for _ in range(2))


def test_requests_are_counted_by_route_and_not_by_address(client: httpx.Client) -> None:
    """An address holds what a visitor typed; the route holds nothing."""
    for n in range(3):
        client.get(f"/api/v1/poems/aaaa{'abc'[n]}")
    counted = client.get("/metrics").text

    assert 'poembot_http_requests_total{method="GET",route="/api/v1/poems/{poem}",status="404"} 3.0' in counted
    assert "aaaab" not in counted


@contextmanager
def away(bot: Bot, folder: Path) -> Iterator[None]:
    """The database of *bot* does not answer."""
    bot.close()
    database = Path(bot.settings.database.removeprefix("sqlite:///"))
    folder.mkdir()
    for part in database.parent.glob(database.name + "*"):
        shutil.move(part, folder)
    database.symlink_to(folder / "nowhere" / database.name)
    yield
    for part in sorted(folder.iterdir(), reverse=True):  # its log before it: whoever asks meanwhile makes no new one
        part.replace(database.parent / part.name)


def test_without_a_database_everything_says_so(bot: Bot, tmp_path: Path) -> None:
    """503 with Retry-After for readers and programs, in their own form; back again, all is well."""
    with bots.served(create_app(bot, build_engine(bot))) as site:
        assert httpx.get(site + "/sibot", timeout=PATIENCE).status_code == 200
        with away(bot, tmp_path / "away"):
            page, program, ready = (
                httpx.get(site + path, timeout=PATIENCE) for path in ("/sibot", "/api/v1/voices", "/readyz")
            )
            alive = httpx.get(site + "/healthz", timeout=PATIENCE)
        back = httpx.get(site + "/sibot", timeout=PATIENCE)

    assert [answer.status_code for answer in (page, program, ready)] == [503, 503, 503]
    assert page.headers["content-type"].startswith("text/html")
    assert "retry-after" in page.headers
    assert program.json()["code"] == "unavailable"
    assert ready.json()["database"]["ok"] is False
    assert alive.status_code == back.status_code == 200


def test_a_web_that_starts_without_a_database_is_not_ready_until_it_has_looked(
    bot: Bot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is back, and the versions are being loaded: 503, and not the page of a voice that is unknown."""
    loading, loaded = threading.Event(), threading.Event()

    def load(*args: Any, **named: Any) -> LiveVersion:
        loading.set()
        assert loaded.wait(PATIENCE)
        return live.load(*args, **named)

    monkeypatch.setattr("app.engine.engine.load", load)
    with ExitStack() as stack:
        with away(bot, tmp_path / "away"):
            site = stack.enter_context(bots.served(create_app(bot, build_engine(bot))))
        assert loading.wait(PATIENCE)
        page, program = (
            httpx.get(site + "/sibot", timeout=PATIENCE),
            httpx.post(site + "/api/v1/voices/sibot/poems", json={}, timeout=PATIENCE),
        )
        ready = httpx.get(site + "/readyz", timeout=PATIENCE)
        loaded.set()
        deadline = time.monotonic() + PATIENCE
        while (back := httpx.get(site + "/sibot", timeout=PATIENCE)).status_code == 503 and time.monotonic() < deadline:
            time.sleep(0.05)

    assert [answer.status_code for answer in (page, program, ready)] == [503, 503, 503]
    assert page.headers["retry-after"] == program.headers["retry-after"] == "5"
    assert back.status_code == 200
