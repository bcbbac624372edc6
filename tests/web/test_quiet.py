"""Safe methods are safe: who does not read leaves nothing behind."""

from datetime import UTC, datetime

import httpx
import pytest

from app.bootstrap import Bot
from app.store.health import Health
from app.store.poems import Poems
from tests.support.patience import PATIENCE
from tests.web.conftest import NewClient
from tests.web.reader import Reader, form, lines

QUIET = [
    {"user-agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"},
    {"user-agent": "facebookexternalhit/1.1"},
    {"user-agent": "kakaotalk-scrap/1.0"},
    {"user-agent": "Mozilla/5.0 (compatible; Yeti/1.1; +http://naver.me/spd)"},
    {"user-agent": "Twitterbot/1.0"},
    {"purpose": "prefetch"},
    {"sec-purpose": "prefetch;prerender"},
]


def _poems(bot: Bot) -> int:
    with bot.reading() as session:
        return Health(session).counts("sibot", datetime(2000, 1, 1, tzinfo=UTC))["poems"]


@pytest.mark.parametrize("headers", QUIET)
def test_crawlers_and_previews_get_the_newest_poem_and_no_new_one(
    reader: Reader, new_client: NewClient, bot: Bot, headers: dict[str, str]
) -> None:
    """They are shown a poem that is there; none is written for them, and they take no cookie."""
    newest = lines(reader.open("/sibot"))

    answer = httpx.get(reader.client.base_url.join("/sibot"), headers=headers, timeout=PATIENCE)

    assert lines(answer) == newest
    assert "visitor=" not in answer.headers.get("set-cookie", "")
    assert _poems(bot) == 1


def test_a_crawler_on_an_empty_site_reads_what_this_is(site: str, bot: Bot) -> None:
    """Where there is no poem yet it gets a page, not a poem."""
    answer = httpx.get(f"{site}/sibot", headers=QUIET[0] | {"accept-language": "ko"}, timeout=PATIENCE)

    assert answer.status_code == 200
    assert "이 봇은 무엇인가?" in answer.text
    assert _poems(bot) == 0


def test_a_telephone_called_cubot_is_no_crawler(site: str, bot: Bot) -> None:
    """Names that merely end like a robot's read poems too."""
    httpx.get(
        f"{site}/sibot",
        headers={"user-agent": "Mozilla/5.0 (Linux; Android 9; CUBOT X19 Build/PPR1)"},
        timeout=PATIENCE,
    )

    assert _poems(bot) == 1


def test_head_works_wherever_get_does_and_writes_nothing(client: httpx.Client, bot: Bot) -> None:
    """The same status and headers, no body, no poem, no cookie."""
    for path in (
        "/",
        "/sibot",
        "/sibot/poems",
        "/sibot/versions",
        "/about",
        "/me",
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/docs",
        "/api/openapi.json",
        "/api/v1/voices",
        "/static/site.css",
        "/nothing/here",
        "/desk",
    ):
        answer = client.head(path)
        assert answer.content == b""
        assert "set-cookie" not in answer.headers, path
        assert answer.status_code == client.get(path, headers=QUIET[0]).status_code, path
    assert _poems(bot) == 0


def test_a_permalink_opened_by_a_crawler_makes_no_impressions(reader: Reader, bot: Bot, site: str) -> None:
    """Only readers are counted as having been shown a line."""
    address = reader.send_only(form(reader.open("/sibot"), "/sibot/poems")).headers["location"]
    with bot.reading() as session:
        before = Health(session).counts("sibot", datetime(2000, 1, 1, tzinfo=UTC))

    for headers in QUIET:
        assert httpx.get(site + address, headers=headers, timeout=PATIENCE).status_code == 200
    assert httpx.head(site + address).status_code == 200

    with bot.reading() as session:
        assert Health(session).counts("sibot", datetime(2000, 1, 1, tzinfo=UTC)) == before


def test_a_crawler_with_a_stolen_cookie_is_still_quiet(reader: Reader, bot: Bot) -> None:
    """What a request says of itself counts, also with a cookie."""
    reader.open("/sibot")
    reader.client.head("/sibot")

    with bot.reading() as session:
        assert Health(session).counts("sibot", datetime(2000, 1, 1, tzinfo=UTC))["impressions"] == 0
        assert Poems(session).newest("sibot") is not None
