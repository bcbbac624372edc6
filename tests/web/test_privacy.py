"""Privacy: what a visitor can take away, and have forgotten, from the page that says what is kept."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.bootstrap import Bot, now
from app.domain import lesson as lessons
from app.settings import Settings
from app.store.lessons import FeedbackStore
from app.store.visitors import Privacy
from app.web.http.language import LANGUAGE_COOKIE, VOICE_COOKIE
from app.web.http.visitors import VISITOR_COOKIE
from tests.web.conftest import NewClient
from tests.web.reader import Reader, form
from worker import upkeep

POEM = "창밖에 눈이 내리고\n나는 오래 서 있었다"


def lesson(bot: Bot) -> int:
    """How many texts the next lesson has."""
    with bot.reading() as session:
        return len(lessons.build(FeedbackStore(session).of("sibot")).texts)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """What visitors teach is learned at once, and visitors are kept for a month."""
    return settings.model_copy(update={"auto_approve": True, "keep_visitors": 30})


def give(reader: Reader) -> None:
    """Tick a line and teach a poem."""
    page = reader.open("/sibot")
    reader.send(form(page, "/ticks"), lines=[form(page, "/ticks").boxes[0][1]])
    assert reader.send(form(page, "/submissions"), text=POEM, consent="yes").status_code == 200


@pytest.mark.parametrize(("language", "words"), [("ko", "30일이 지나면"), ("en", "30 days after")])
def test_a_page_says_what_is_kept(new_client: NewClient, language: str, words: str) -> None:
    """In both languages, with the deployment's own time."""
    page = new_client(accept_language=language).get("/privacy")

    assert page.status_code == 200
    assert words in page.text
    assert '<html lang="' + language in page.text
    assert "/privacy" in new_client().get("/about").text


def test_everything_can_be_taken_away(reader: Reader, new_client: NewClient) -> None:
    """A JSON file of his own, and of nobody else's."""
    give(reader)

    file = reader.client.get("/me/export")

    assert file.headers["content-type"] == "application/json"
    assert "attachment" in file.headers["content-disposition"]
    assert file.headers["cache-control"] == "no-store"
    told = file.json()
    assert (len(told["poems"]), len(told["ticks"]), len(told["shown"])) == (1, 1, 5)
    assert told["submissions"][0]["text"] == POEM
    assert new_client().get("/me/export").json()["poems"] == []


def test_erasing_asks_first(reader: Reader, bot: Bot) -> None:
    """Without the box, or without the form's token, nothing happens."""
    give(reader)
    offer = form(reader.open("/privacy"), "/me/erase")

    assert reader.send(offer).status_code == 422
    expired = reader.send(offer, confirm="yes", csrf_token="x")
    assert expired.status_code == 403
    assert "그 페이지를 새로 열어" in expired.text  # nothing that was typed, and no button, is on this page
    assert lesson(bot) == 2


def test_erasing_forgets_the_visitor(reader: Reader, bot: Bot) -> None:
    """His gifts leave the lesson, his cookie leaves the browser, and he is somebody new."""
    give(reader)
    before = reader.client.cookies[VISITOR_COOKIE]

    page = reader.send(form(reader.open("/privacy"), "/me/erase"), confirm="yes")

    assert page.url.path == "/me"
    assert "지웠습니다" in page.text
    assert lesson(bot) == 0
    assert reader.client.cookies[VISITOR_COOKIE] != before
    assert reader.client.get("/me/export").json()["poems"] == []
    assert reader.open("/sibot").status_code == 200


def test_erasing_forgets_what_was_read_last(reader: Reader) -> None:
    """The browser is told to drop id and voice, and nothing else: the language tells nobody apart, so it stays."""
    reader.send(form(reader.open("/sibot"), "/language"), lang="en")

    answer = reader.send_only(form(reader.open("/privacy"), "/me/erase"), confirm="yes")

    told = [cookie.partition("=")[0] for cookie in answer.headers.get_list("set-cookie") if "Max-Age=0" in cookie]
    assert sorted(told) == [VISITOR_COOKIE, VOICE_COOKIE]
    assert reader.client.cookies[LANGUAGE_COOKIE] == "en"


def test_time_erases_too(reader: Reader, bot: Bot) -> None:
    """Who stays away for longer than the setting says is forgotten by the worker."""
    give(reader)
    with bot.transaction() as session:
        assert Privacy(session).gone(before=now()) != []
    assert upkeep.forget(bot) == 0
    bot = replace(bot, clock=lambda: now() + timedelta(days=31))

    assert upkeep.forget(bot) == 1
    assert lesson(bot) == 0


def test_nobody_is_named_who_was_not_set(reader: Reader) -> None:
    """Without a name and an address the page has no sentence about them."""
    assert "책임지는 이" not in reader.open("/privacy").text


class TestNamed:
    """A deployment that names its operator."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        """Name and address are set."""
        return settings.model_copy(update={"operator": "시인 <협회>", "contact": "us@example.org"})

    def test_the_operator_is_named_with_an_address(self, reader: Reader) -> None:
        """Who keeps what is kept, and how he is reached; as text, whatever is in it."""
        page = reader.open("/privacy").text

        assert "책임지는 이: 시인 &lt;협회&gt; · " in page
        assert '<a href="mailto:us@example.org">us@example.org</a>' in page
