"""What there is besides poems, in a browser: the network that reads, hello, guessing and weaving."""

import re

from playwright.sync_api import expect

from app.bootstrap import Bot, now
from app.domain.submission import SubmissionStatus
from app.store.submissions import Submissions
from tests.browser.conftest import EVERYWHERE, NewPage, Size
from tests.browser.reading import line, lines, saved, send


@EVERYWHERE
def test_the_network_reads_what_one_types(new_page: NewPage, script: bool, size: Size) -> None:
    """The text comes back with its surprise, and what could follow it."""
    page = new_page(java_script_enabled=script, viewport=size)
    page.goto("/learn")
    page.get_by_label("읽을 글").fill("봄비가 온다")
    page.get_by_role("button", name="읽어 보기").click()

    expect(page.locator(".surprise")).to_have_text("봄비가 온다")
    expect(page.locator(".odds li")).to_have_count(8)
    expect(page.get_by_label("읽을 글")).to_have_value("봄비가 온다")


def test_the_network_reads_along_while_one_types(new_page: NewPage) -> None:
    """No button: what was typed so far comes back with its surprise, and the box keeps what is in it."""
    page = new_page()
    page.goto("/learn")
    page.get_by_label("읽을 글").press_sequentially("봄비가", delay=20)
    expect(page.locator(".surprise")).to_have_text("봄비가")
    expect(page.get_by_label("읽을 글")).to_be_focused()

    page.get_by_label("읽을 글").press_sequentially(" 온다")
    expect(page.locator(".surprise")).to_have_text("봄비가 온다")
    assert page.url.endswith("/learn")


def test_hello_is_watched(new_page: NewPage) -> None:
    """One press, and it goes on by itself until it says ello; another start begins anew."""
    page = new_page()
    page.goto("/learn")
    page.get_by_role("button", name="배우는 것 보기").click()
    expect(page.locator(".said-word")).to_have_text("ello")
    expect(page.get_by_text("배웠습니다. h, e")).to_be_visible()
    assert page.url.endswith("/learn")

    page.get_by_role("button", name="새로 시작하기").click()
    expect(page.get_by_text("0단계")).to_be_visible()


@EVERYWHERE
def test_a_line_is_guessed_at(new_page: NewPage, bot: Bot, script: bool, size: Size) -> None:
    """The answer is told at once, and the next line is there."""
    writer = new_page(java_script_enabled=False)
    writer.goto("/sibot/teach")
    writer.get_by_label("가르칠 시").fill("\n".join(f"사람이 적은 {number}번째 행" for number in range(20)))
    writer.get_by_label("기계가 이 글을 배워도").check()
    writer.get_by_label("한 행씩 떼어").check()
    send(writer, "가르치기")
    with bot.transaction() as session:
        Submissions(session).decide([1], SubmissionStatus.APPROVED, by="keeper", now=now())
    page = new_page(java_script_enabled=script, viewport=size)
    page.goto("/sibot/guess")
    expect(page.get_by_text("아직 아무도 답하지 않았습니다")).to_be_visible()
    page.get_by_role("button", name="사람", exact=True).click()

    expect(page.get_by_text(re.compile("^(맞았습니다|틀렸습니다)"))).to_be_visible()
    expect(page.get_by_text("1행에 답해")).to_be_visible()
    expect(page.get_by_text("봇의 행을 사람 것으로 본 비율")).to_be_visible()
    expect(page.locator(".riddle")).to_be_visible()
    if script:
        expect(page.get_by_role("button", name="사람", exact=True)).to_be_focused()


@EVERYWHERE
def test_what_readers_love_is_found(new_page: NewPage, script: bool, size: Size) -> None:
    """A ticked line stands among the loved, of this week and ever; untick it there, and nobody loves it any more."""
    page = new_page(java_script_enabled=script, viewport=size)
    page.goto("/sibot")
    loved = lines(page)[1]
    line(page, 1).click()
    if script:
        saved(page)
    else:
        send(page, "고른 행 저장")
    page.get_by_role("link", name="사랑받은 시", exact=True).click()
    for tab in ("이번 주", "지금까지 모두"):
        page.get_by_role("link", name=tab, exact=True).click()
        expect(page.locator(".loved")).to_contain_text(loved)
    assert page.request.get(page.get_by_role("link", name="구독").get_attribute("href") or "").ok
    shelf = page.locator(".shelf")
    expect(shelf).to_contain_text(loved)
    seal = shelf.get_by_role("button", name=loved)
    expect(seal).to_have_attribute("aria-pressed", "true")
    seal.click()
    expect(seal).to_have_count(0)  # nobody else loved it


@EVERYWHERE
def test_ticked_lines_are_woven(new_page: NewPage, script: bool, size: Size) -> None:
    """With a script a click on a line gives it the next place; without one the places are typed."""
    page = new_page(java_script_enabled=script, viewport=size)
    page.goto("/sibot")
    for slot in (0, 2, 3):
        line(page, slot).click()
    if script:
        saved(page)
    else:
        send(page, "고른 행 저장")
    written = lines(page)
    page.goto("/sibot/weave")
    for place, text in enumerate((written[3], written[0]), start=1):
        if script:
            page.get_by_text(text, exact=True).click()
        else:
            page.get_by_label(text, exact=True).fill(str(place))
    page.get_by_label("제목").fill("귀가")
    send(page, "이렇게 엮기")

    expect(page.get_by_role("heading", level=1)).to_have_text("귀가")
    assert lines(page) == [written[3], written[0]]
