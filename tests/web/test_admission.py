"""More requests than a web can work at: each is answered in time, and with what became of it."""

import json
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import Any

import httpx
import pytest

from app.bootstrap import Bot, build_engine
from app.settings import Settings
from app.store.submissions import Submissions
from app.web.http.admission import Admission
from app.web.site import create_app
from tests.support import bots
from tests.support.patience import PATIENCE

CALL = "/api/v1/voices/sibot/submissions"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A site behind a proxy on this machine, so that its readers have addresses."""
    return settings.model_copy(update={"trusted_proxies": "127.0.0.1"})


def until(what: Callable[[], object]) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def teach(site: str, name: str, address: str, **headers: str) -> httpx.Response:
    """Teach a poem with that name in it."""
    body = {"text": f"{name} 창밖에 눈이 내리고\n나는 오래 서 있었다", "consent": True}
    return httpx.post(site + CALL, json=body, headers={"x-forwarded-for": address} | headers, timeout=PATIENCE)


def taught(bot: Bot) -> list[str]:
    """The names of what was stored, in its order."""
    with bot.reading() as session:
        return [given.text.partition(" ")[0] for given in Submissions(session).queue(limit=2000)]


@contextmanager
def crowded(bot: Bot, patch: pytest.MonkeyPatch, *, room: int, wait: float) -> Iterator[tuple[str, Admission]]:
    """A site with little room, and the middleware that knows who waits."""
    patch.setattr("app.web.http.admission.MOST_AT_ONCE", room)
    patch.setattr("app.web.http.admission.LONGEST_WAIT", wait)
    patch.setattr("app.store.session.BUSY_MS", 1000 * PATIENCE)  # who is inside waits while a test holds the database
    app = create_app(bot, build_engine(bot))
    with bots.served(app) as site:
        one: Any = app.middleware_stack
        while not isinstance(one, Admission):
            one = getattr(one, "app", None) or one._app
        yield site, one


def waiting(admission: Admission) -> int:
    """How many wait for a place."""
    return sum(map(len, admission._queues.values()))


def stand(admission: Admission, inside: int, before: int) -> bool:
    """Are so many inside, and so many before it?"""
    return (admission._handled, waiting(admission)) == (inside, before)


def test_who_cannot_be_answered_in_time_is_told_so(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with Retry-After, as JSON or as a page; nothing of it is stored, and what is acknowledged is."""
    with crowded(bot, monkeypatch, room=2, wait=0.2) as (site, _), ThreadPoolExecutor(12) as pool:
        with bot.transaction():
            crowd = [pool.submit(teach, site, f"시{n}", f"10.0.0.{n}") for n in range(12)]
            until(lambda: sum(one.done() for one in crowd) == 10)
            page = httpx.get(f"{site}/sibot", headers={"accept-language": "ko"}, timeout=PATIENCE)
            form = httpx.post(
                f"{site}/sibot/submissions", data={"text": "시"}, headers={"accept-language": "en"}, timeout=PATIENCE
            )
            alive = httpx.get(f"{site}/healthz", timeout=PATIENCE)
        answers = [one.result() for one in crowd]
        counted = httpx.get(f"{site}/metrics", timeout=PATIENCE).text

    assert Counter(answer.status_code for answer in answers) == {503: 10, 202: 2}
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert (refused.headers["retry-after"], refused.json()["code"]) == ("5", "busy")
    assert sorted(taught(bot)) == sorted(
        json.loads(answer.request.content)["text"].partition(" ")[0] for answer in answers if answer.status_code == 202
    )
    for answer, words in ((page, "5초 뒤에 저절로 다시 해 봅니다"), (form, "nothing of it was stored")):
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert words in answer.text
        assert "script-src" in answer.headers["content-security-policy"]
    assert ('http-equiv="refresh"' in page.text, 'http-equiv="refresh"' in form.text) == (True, False)
    assert alive.status_code == 200
    assert 'poembot_refused_total{code="busy"} 12.0' in counted


def test_addresses_take_turns_and_visitors_within(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that sends much waits behind its own, and not before everybody else."""
    with ExitStack() as stack:
        site, admission = stack.enter_context(crowded(bot, monkeypatch, room=1, wait=PATIENCE))
        cookie = f"visitor={httpx.get(f'{site}/sibot', timeout=PATIENCE).cookies['visitor']}"
        many: list[tuple[str, str, dict[str, str]]] = [(f"가{n}", "10.0.0.1", {}) for n in range(4)]
        others = [("나", "10.0.0.1", {"cookie": cookie}), ("다", "10.0.0.2", {})]
        pool = stack.enter_context(ThreadPoolExecutor(6))
        crowd = []
        with bot.transaction():
            for n, (name, address, said) in enumerate(many + others):
                crowd.append(pool.submit(teach, site, name, address, **said))
                until(partial(stand, admission, 1, n))
        assert [one.result().status_code for one in crowd] == [202] * 6

    assert taught(bot) == ["가0", "가1", "다", "나", "가2", "가3"]


def test_one_address_fills_its_own_line_only(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past its measure it is refused at once; another address waits, and is answered."""
    monkeypatch.setattr("app.web.http.admission.LONGEST_QUEUE", 3)
    with ExitStack() as stack:
        site, admission = stack.enter_context(crowded(bot, monkeypatch, room=2, wait=PATIENCE))
        pool = stack.enter_context(ThreadPoolExecutor(12))
        with bot.transaction():
            crowd = [pool.submit(teach, site, f"가{n}", "10.0.0.1") for n in range(10)]
            until(lambda: sum(one.done() for one in crowd) == 5)
            other = pool.submit(teach, site, "나", "10.0.0.2")
            until(lambda: waiting(admission) == 4)
        assert other.result().status_code == 202
        assert Counter(one.result().status_code for one in crowd) == {202: 5, 503: 5}

    assert len(taught(bot)) == 6


POEM = "/api/v1/voices/sibot/poems"
SLOW = {
    "with what he says": f"POST {CALL} HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
    "Content-Length: 99\r\n\r\n{",
    "with what he is answered": f"POST {POEM} HTTP/1.1\r\nHost: here\r\nAccept: text/event-stream\r\n"
    'Content-Type: application/json\r\nContent-Length: 12\r\n\r\n{"lines":16}',
}


@pytest.mark.parametrize("how", SLOW)
def test_who_is_slow_holds_no_place(bot: Bot, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """Eight of them are there, and room is for two; nor is a place lost when they leave."""
    with crowded(bot, monkeypatch, room=2, wait=PATIENCE) as (site, admission):
        with ExitStack() as stack:
            for _ in range(8):
                slow = stack.enter_context(closing(socket.socket()))
                slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
                slow.connect((httpx.URL(site).host, httpx.URL(site).port or 0))
                slow.sendall(SLOW[how].encode())
            assert [httpx.get(f"{site}/about", timeout=PATIENCE).status_code for _ in range(3)] == [200, 200, 200]
        until(partial(stand, admission, 0, 0))


@pytest.mark.nightly
def test_a_thousand_and_a_half_are_answered_honestly(bot: Bot) -> None:
    """1,500 submissions at once, from as many addresses: each 202 is stored, each 503 is not, and nobody times out."""
    app = create_app(bot, build_engine(bot))
    with bots.served(app) as site, ThreadPoolExecutor(1500) as pool:
        crowd = [pool.submit(teach, site, f"시{n}", f"10.0.{n // 200}.{n % 200}") for n in range(1500)]
        answers = [one.result() for one in crowd]

    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) <= {202, 503}
    assert statuses[202] > 0
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 503)
    kept = {json.loads(one.request.content)["text"].partition(" ")[0] for one in answers if one.status_code == 202}
    with bot.reading() as session:
        given = Submissions(session).queue(limit=2000)
    assert {one.text.partition(" ")[0] for one in given} == kept
    assert {one.token for one in given} == {one.json()["token"] for one in answers if one.status_code == 202}
