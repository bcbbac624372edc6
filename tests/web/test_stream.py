"""A poem as it is written, over a real connection."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from app.bootstrap import Bot, build_engine
from app.domain.errors import EngineFailed, EngineFull
from app.domain.poem import Wish, Writing
from app.engine.batcher import Ticket
from app.engine.engine import Engine
from app.engine.poem import Failed, Hear, Start
from app.store.health import Health
from app.web.site import create_app
from tests.support import bots
from tests.support.patience import PATIENCE

CALL = "/api/v1/voices/sibot/poems"
EVENTS = {"accept": "text/event-stream"}


def events(answer: httpx.Response) -> Iterator[tuple[str, Any]]:
    """The events of a stream as they come."""
    name = ""
    for row in answer.iter_lines():
        if row.startswith("event: "):
            name = row.removeprefix("event: ")
        elif row.startswith("data: "):
            yield name, json.loads(row.removeprefix("data: "))


def _poems(bot: Bot) -> int:
    with bot.reading() as session:
        return Health(session).counts("sibot", datetime(2000, 1, 1, tzinfo=UTC))["poems"]


def test_a_poem_writes_itself(client: httpx.Client) -> None:
    """start, text, line, done: the characters are the lines, and the lines are the stored poem's."""
    with client.stream("POST", CALL, json={"lines": 3}, headers=EVENTS) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        heard = list(events(answer))

    assert heard[0] == ("start", {"version": 0})
    written: dict[int, str] = {}
    for name, data in heard:
        if name == "text":
            written[data["slot"]] = written.get(data["slot"], "") + data["delta"]
    assert written == {data["slot"]: data["text"] for name, data in heard if name == "line"}
    name, poem = heard[-1]
    assert name == "done"
    assert [line["text"] for line in poem["lines"]] == [written[slot] for slot in range(3)]
    assert client.get(f"/api/v1/poems/{poem['id']}").json() == poem
    assert client.put(f"/api/v1/lines/{poem['lines'][0]['id']}/tick").status_code == 200


def test_refusals_come_before_the_stream(client: httpx.Client) -> None:
    """They are problems with their status, not events."""
    for call, body, status in (
        (CALL, {"lines": 0}, 422),
        (CALL, {"keep": [1]}, 404),
        ("/api/v1/voices/nope/poems", {}, 404),
    ):
        answer = client.post(call, json=body, headers=EVENTS)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_reader_who_leaves_is_forgotten(bot: Bot) -> None:
    """His rows are freed, and what he did not read to its end is not stored."""
    engine = build_engine(bot)
    with bots.served(create_app(bot, engine)) as site:
        with httpx.stream(
            "POST", site + CALL, json={"lines": 16, "temperature": 0.3}, headers=EVENTS, timeout=PATIENCE
        ) as answer:
            next(events(answer))
        deadline = time.monotonic() + PATIENCE
        while engine.load() != (0, 0) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert engine.load() == (0, 0)


class Breaks(Engine):
    """An engine whose network breaks after the first character."""

    def submit(self, voice: str, wish: Wish, hear: Hear, *, visitor: str = "") -> Ticket:
        """Start, and fail."""
        assert visitor, "without a turn of his own, one reader could fill the queue"
        hear(Start(1, 0))
        hear(Failed(EngineFailed("not a number")))
        return Ticket(voice, wish, hear, stream=True)

    def write(self, voice: str, wish: Wish, *, visitor: str = "") -> Writing:
        """Fail."""
        raise EngineFailed("not a number")


class Full(Engine):
    """An engine before which too many wait."""

    def submit(self, voice: str, wish: Wish, hear: Hear, *, visitor: str = "") -> Ticket:
        """Refuse."""
        raise EngineFull(7)

    def write(self, voice: str, wish: Wish, *, visitor: str = "") -> Writing:
        """Refuse."""
        raise EngineFull(7)


def _over(bot: Bot, kind: type[Engine]) -> Engine:
    return kind(champions=bot.champions, fetch=bot.shelf.fetch, settings=bot.settings)


def test_what_fails_later_is_an_event(bot: Bot) -> None:
    """The stream has begun, so the failure comes in it; nothing is stored."""
    with bots.served(create_app(bot, _over(bot, Breaks))) as site:
        with httpx.stream("POST", site + CALL, json={}, headers=EVENTS, timeout=PATIENCE) as answer:
            heard = list(events(answer))
        page = httpx.get(site + "/sibot", headers={"accept-language": "ko"}, timeout=PATIENCE)

    assert [name for name, _ in heard] == ["start", "error"]
    assert heard[-1][1]["code"] == "engine_failed"
    assert page.status_code == 503
    assert "쓰던 시를 끝맺지 못했습니다" in page.text
    assert _poems(bot) == 0


@pytest.mark.parametrize("headers", [{}, EVENTS])
def test_a_full_engine_says_when_to_come_back(bot: Bot, headers: dict[str, str]) -> None:
    """503 with Retry-After: a problem for programs, a page that comes back by itself for readers."""
    with bots.served(create_app(bot, _over(bot, Full))) as site:
        program = httpx.post(site + CALL, json={}, headers=headers, timeout=PATIENCE)
        page = httpx.get(site + "/sibot", headers={"accept-language": "ko"}, timeout=PATIENCE)

    assert (program.status_code, program.headers["retry-after"]) == (503, "7")
    assert program.json()["code"] == "engine_full"
    assert (page.status_code, page.headers["retry-after"]) == (503, "7")
    assert 'http-equiv="refresh"' in page.text
