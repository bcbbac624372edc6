"""The visitor's path with JavaScript off: everything works by links and forms."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, NewPage
from tests.browser.reading import POEM, line, lines, send, teach, ticks, write_another


def test_a_poem_stays_until_another_is_asked_for(plain_page: Page) -> None:
    """A first visit gets five lines; reload brings the same, 다른 시 others, Back the first again."""
    plain_page.goto("/sibot")
    first = lines(plain_page)
    assert len(first) == 5

    plain_page.reload()
    assert lines(plain_page) == first
    permalink = plain_page.get_by_role("link", name="이 시의 주소").get_attribute("href")

    write_another(plain_page)
    assert lines(plain_page) != first
    plain_page.goto(permalink or "")
    assert lines(plain_page) == first
    plain_page.go_back()
    assert lines(plain_page) != first


def test_ticks_are_saved_by_a_button(plain_page: Page) -> None:
    """Ticked lines are ticked at the permalink; unticking and saving takes them back."""
    plain_page.goto("/sibot")
    line(plain_page, 1).click()
    line(plain_page, 3).click()
    send(plain_page, "고른 행 저장")

    expect(plain_page.get_by_role("status").first).to_contain_text("저장했습니다")
    assert ticks(plain_page) == [False, True, False, True, False]
    line(plain_page, 3).click()
    send(plain_page, "고른 행 저장")
    plain_page.reload()
    assert ticks(plain_page) == [False, True, False, False, False]


def test_kept_lines_stay(plain_page: Page) -> None:
    """다른 시 leaves ticked lines where they stood, saved or not, and writes the others anew."""
    plain_page.goto("/sibot")
    line(plain_page, 2).click()
    before = lines(plain_page)

    write_another(plain_page)

    after = lines(plain_page)
    assert after[2] == before[2]
    assert after != before
    assert ticks(plain_page) == [False, False, True, False, False]


def test_first_words_begin_the_poem(plain_page: Page) -> None:
    """The first line begins with the reader's words, says so, and cannot be ticked."""
    plain_page.goto("/sibot")
    plain_page.get_by_text("첫마디·대담함").click()
    plain_page.get_by_label("첫마디").fill("가을")
    write_another(plain_page, "이렇게 쓰기")

    assert lines(plain_page)[0].startswith("가을")
    expect(plain_page.get_by_text("사람이 쓴 첫마디")).to_be_visible()
    assert len(ticks(plain_page)) == 4


def test_a_short_poem_comes_back_with_a_reason(plain_page: Page) -> None:
    """Nothing typed is lost: text, title and consent are still there."""
    plain_page.goto("/sibot/teach")
    plain_page.get_by_label("제목 (없어도").fill("귀가")
    teach(plain_page, "짧은 시")

    expect(plain_page.get_by_role("alert")).to_contain_text("시가 너무 짧습니다")
    expect(plain_page.get_by_label("가르칠 시")).to_have_value("짧은 시")
    expect(plain_page.get_by_label("제목 (없어도")).to_have_value("귀가")
    expect(plain_page.get_by_label("기계가 이 글을 배워도")).to_be_checked()


def test_a_poem_is_taught_and_taken_back(plain_page: Page) -> None:
    """Teaching leads to the author's page, where the poem can be taken back; the box is empty again."""
    teach(plain_page, POEM)
    expect(plain_page).to_have_url(re.compile(r"/submissions/[\w-]+"))
    expect(plain_page.get_by_text("읽기를 기다림")).to_be_visible()
    expect(plain_page.locator(".taught")).to_have_text(POEM)

    send(plain_page, "이 시 거두기")
    expect(plain_page.get_by_text("거둔 시입니다")).to_be_visible()
    plain_page.goto("/sibot/teach")
    expect(plain_page.get_by_label("가르칠 시")).to_have_value("")


def test_others_poems_are_browsed_and_ticked(new_page: NewPage) -> None:
    """A second reader finds the first one's poem, opens it and ticks a line of it."""
    writer = new_page(java_script_enabled=False)
    writer.goto("/sibot")
    writer.reload()
    written = lines(writer)

    guest = new_page(java_script_enabled=False, viewport=DESKTOP)
    guest.goto("/sibot")
    guest.get_by_role("link", name="시 모음", exact=True).click()
    guest.locator("article", has_text=written[0]).get_by_role("link").first.click()
    assert lines(guest) == written
    line(guest, 0).click()
    send(guest, "고른 행 저장")
    guest.get_by_role("link", name="내 행").click()
    expect(guest.get_by_text(written[0])).to_be_visible()
    writer.reload()
    assert ticks(writer) == [False] * 5


def test_pages_speak_english(new_page: NewPage) -> None:
    """The switch changes every word of the page, and is remembered; the poem stays Korean."""
    page = new_page(java_script_enabled=False)
    page.goto("/sibot")
    before = lines(page)
    send(page, "English")

    expect(page.get_by_role("button", name="Another poem")).to_be_visible()
    assert page.locator("html").get_attribute("lang") == "en"
    assert lines(page) == before
    page.goto("/about")
    expect(page.get_by_role("heading", level=1)).to_have_text("What is this bot?")
