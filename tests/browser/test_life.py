"""What brings a reader back, in a browser: the next lesson in sight, a poem shared, the day's poem, the game."""

import json
import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect
from sqlalchemy import update

from app.bootstrap import Bot, now
from app.domain.guess import ROUND
from app.settings import Settings
from app.store.tables import PoemRow
from tests.browser.conftest import EVERYWHERE, NewPage, Size
from tests.browser.reading import line, lines, press, saved, send, write_another


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """As a site has them by default: a lesson after a hundred new lines, or a day."""
    return settings.model_copy(update={"retrain_after": 100, "retrain_every": 24})


def test_after_a_tick_the_next_lesson_is_in_sight(new_page: NewPage) -> None:
    """At once, without a jump of the page; with another tick there is one line less to go."""
    page = new_page()
    page.goto("/sibot")
    for slot in (0, 1):
        line(page, slot).click()
        place = page.locator("#again").bounding_box()
        saved(page)
        expect(page.locator("#outlook")).to_contain_text(f"고른 행이나 시가 {99 - slot}개 더 모이면")
        assert page.locator("#again").bounding_box() == place


def test_a_poem_is_shared_by_one_button(new_page: NewPage) -> None:
    """Without a way of the browser's own the link is copied; the text carries the address; a friend sees the seals."""
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    page.goto("/sibot")
    line(page, 2).click()
    saved(page)
    written = lines(page)
    press(page, "공유")
    expect(page.get_by_text("주소를 복사했습니다")).to_be_visible()
    address = page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(r"http://[^/]+/poems/\w+", address)
    page.get_by_text("글·그림으로").click()
    press(page, "글 복사")
    expect(page.get_by_text("글을 복사했습니다")).to_be_visible()
    text = page.evaluate("navigator.clipboard.readText()")
    assert text.split("\n") == [*written, "", "AI 생성 · 시봇 초판", address]

    friend = new_page(locale="en-GB")
    friend.goto(address)
    assert lines(friend) == written
    expect(friend.locator(".sealed")).to_have_count(1)
    expect(friend.locator(".edit")).to_have_count(0)
    line(friend, 0).click()
    saved(friend)
    friend.get_by_role("link", name="Have one written for me").click()
    expect(friend.get_by_role("button", name="Another poem")).to_be_visible()
    assert lines(friend) != written


SHARES = """
navigator.canShare = (data) => data.files.every((file) => file.type === "image/png");
navigator.share = async (data) => {
  const files = data.files.map((file) => [file.name, file.size]);
  document.body.dataset.handed = JSON.stringify({ ...data, files });
  if (window.refuse) throw new DOMException("", window.refuse);
};
"""
"""A way of sharing as phones have one; Chromium without a screen has none."""


def test_a_phone_shares_the_picture_with_the_link(new_page: NewPage) -> None:
    """In the reader's own way, with title, link and picture; who thinks better of it finds nothing copied instead."""
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    page.add_init_script(SHARES)
    page.goto("/sibot")
    address = page.get_by_role("link", name="이 시의 주소").evaluate("link => link.href")
    page.evaluate("navigator.clipboard.writeText('old')")

    for refusal in ("", "AbortError", "NotAllowedError"):
        page.evaluate(f"delete document.body.dataset.handed; window.refuse = '{refusal}'")
        press(page, "공유")
        page.locator("[data-handed]").wait_for()
        if refusal != "NotAllowedError":
            assert page.evaluate("navigator.clipboard.readText()") == "old"
    handed = json.loads(page.locator("[data-handed]").get_attribute("data-handed") or "")
    expect(page.get_by_text("주소를 복사했습니다")).to_be_visible()

    assert page.evaluate("navigator.clipboard.readText()") == handed["url"] == address
    [[name, size]] = handed["files"]
    assert name == f"{handed['title']}.png"
    assert handed["title"] in lines(page)
    assert size > 1000


@EVERYWHERE
def test_a_new_day_begins_with_its_poem_and_a_round_of_the_game(
    new_page: NewPage, bot: Bot, script: bool, size: Size
) -> None:
    """The poem of the day stands first, with its date; the game is open, and a round of it ends with a result."""
    page = new_page(java_script_enabled=script, viewport=size)
    page.goto("/sibot")
    old = lines(page)
    with bot.transaction() as session:
        session.execute(update(PoemRow).values(created=now() - timedelta(days=1)))
    page.reload()
    assert lines(page) != old
    page.get_by_role("main").get_by_role("link", name="오늘의 시").click()
    page.go_back()
    write_another(page)
    expect(page.locator("#news")).to_be_hidden()
    page.goto("/sibot/today")
    expect(page.get_by_role("heading", level=1)).to_contain_text("오늘의 시")
    page.get_by_role("contentinfo").get_by_role("link", name="사람일까 봇일까").click()
    for place in range(ROUND):
        expect(page.get_by_text(f"{place + 1} / {ROUND}")).to_be_visible()
        press(page, "봇") if script else send(page, "봇")

    expect(page.get_by_role("heading", name="행을 맞혔습니다")).to_be_visible()
    expect(page.locator("#riddle ol li")).to_have_count(ROUND)
