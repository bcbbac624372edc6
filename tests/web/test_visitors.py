"""Who sent a request, as far as we want to know."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from sqlalchemy import MetaData, select
from starlette.requests import Request

from app.bootstrap import Bot, build_engine
from app.settings import Settings
from app.web.http.visitors import FORM_LIFE, Keys, Visit, client_of, is_quiet
from app.web.site import create_app
from tests.support import bots
from tests.support.patience import PATIENCE

KEYS = Keys("only for tests " * 4)
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def request(settings: Settings, peer: str = "203.0.113.9", **headers: str) -> Request:
    """A request from *peer*."""
    scope: dict[str, Any] = {
        "type": "http",
        "client": (peer, 1),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        "app": SimpleNamespace(state=SimpleNamespace(bot=SimpleNamespace(settings=settings))),
        "state": {"visit": Visit("id", head=False)},
    }
    return Request(scope)


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "expected"),
    [
        ("", "203.0.113.9", "", "203.0.113.9"),
        ("", "203.0.113.9", "1.2.3.4", "203.0.113.9"),
        ("10.0.0.1", "10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "10.0.0.2", "1.2.3.4", "10.0.0.2"),
        ("10.0.0.0/8", "10.0.0.2", "6.6.6.6, 1.2.3.4", "1.2.3.4"),
        ("10.0.0.0/8", "10.0.0.2", "6.6.6.6, 1.2.3.4, 10.0.0.3", "1.2.3.4"),
        ("10.0.0.0/8", "10.0.0.2", "", "10.0.0.2"),
        ("10.0.0.0/8", "10.0.0.2", "nonsense", "nonsense"),
        ("not an address", "203.0.113.9", "1.2.3.4", "203.0.113.9"),
        ("", "2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::/64"),
        ("", "::ffff:203.0.113.9", "", "203.0.113.9"),
    ],
)
def test_proxies_are_believed_only_when_trusted(
    settings: Settings, trusted: str, peer: str, forwarded: str, expected: str
) -> None:
    """The last address that no trusted proxy vouches for is the client's."""
    chosen = settings.model_copy(update={"trusted_proxies": trusted})

    assert client_of(request(chosen, peer, x_forwarded_for=forwarded)) == expected


def test_a_header_of_the_clients_own_does_not_hide_the_proxys(settings: Settings) -> None:
    """Some proxies add a line of their own to what the client sent: the last line counts, not the first."""
    behind = request(settings.model_copy(update={"trusted_proxies": "10.0.0.1"}), "10.0.0.1")
    forged, added = (b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-for", b"1.2.3.4")

    assert client_of(Request({**behind.scope, "headers": [forged, added]})) == "1.2.3.4"


def test_an_address_is_hidden_and_changes_every_day() -> None:
    """The same for a day, another the next, another under another key, and never the address."""
    today = KEYS.hash_address("203.0.113.9", NOW)

    assert today == KEYS.hash_address("203.0.113.9", NOW + timedelta(hours=1))
    assert today != KEYS.hash_address("203.0.113.9", NOW + timedelta(days=1))
    assert today != KEYS.hash_address("203.0.113.8", NOW)
    assert today != Keys("another " * 5).hash_address("203.0.113.9", NOW)
    assert "203" not in today[:3] or len(today) == 32


def test_a_cookie_cannot_be_made_up() -> None:
    """Only what this key signed is a visitor."""
    cookie = KEYS.sign_visitor("a" * 32)

    assert KEYS.read_visitor(cookie) == "a" * 32
    for forged in ("", "a" * 32, cookie[:-1], "x" + cookie, Keys("another " * 5).sign_visitor("a" * 32)):
        assert KEYS.read_visitor(forged) is None


def test_a_form_is_one_visitors_and_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another's token does not do, nor one from yesterday."""
    token = KEYS.sign_form("a")

    assert KEYS.form_is_valid(token, "a")
    assert not KEYS.form_is_valid(token, "b")
    assert not KEYS.form_is_valid(KEYS.sign_visitor("a"), "a")
    later = datetime.now(UTC).timestamp() + FORM_LIFE + 5
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: later)
    assert not KEYS.form_is_valid(token, "a")


@pytest.mark.parametrize(
    ("headers", "quiet"),
    [
        ({"user_agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Safari/605.1.15"}, False),
        ({"user_agent": "Mozilla/5.0 (Linux; Android 9; CUBOT X19) AppleWebKit/537.36"}, False),
        ({"user_agent": "curl/8.5.0"}, False),
        ({}, False),
        ({"user_agent": "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"}, True),
        ({"user_agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"}, True),
        ({"user_agent": "Mozilla/5.0 AppleWebKit/537.36 (compatible; GPTBot/1.2)"}, True),
        ({"sec_purpose": "prefetch"}, True),
        ({"x_moz": "prefetch"}, True),
    ],
)
def test_crawlers_say_so(settings: Settings, headers: Mapping[str, str], *, quiet: bool) -> None:
    """By their own words, or by their browser's that it only fetches ahead."""
    assert is_quiet(request(settings, **headers)) is quiet


def test_in_production_cookies_travel_by_tls_only(bot: Bot) -> None:
    """And browsers are told to keep to it."""
    settings = bot.settings.model_copy(update={"env": "production"})
    strict = Bot(settings, bot.database, bot.sessions, bot.queue, bot.shelf)
    with bots.served(create_app(strict, build_engine(strict))) as site:
        answer = httpx.get(site + "/sibot", timeout=PATIENCE)

    assert answer.headers["strict-transport-security"].startswith("max-age=")
    cookies = answer.headers.get_list("set-cookie")
    assert cookies
    assert all("Secure" in cookie for cookie in cookies)


def test_no_address_is_stored(client: httpx.Client, bot: Bot) -> None:
    """Not in any column of any table."""
    client.get("/sibot")
    client.get("/sibot")

    with bot.reading() as session:
        connection = session.connection()
        tables = MetaData()
        tables.reflect(connection)
        rows = [str(row) for table in tables.tables.values() for row in connection.execute(select(table))]
    assert any("sibot" in row for row in rows)
    assert not any("127.0.0.1" in row for row in rows)
