"""The visitor's path with JavaScript: the same deeds, at once and without leaving the page."""

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, Route, expect

from app.bootstrap import Bot
from app.store.health import Health
from tests.browser.conftest import DESKTOP, NIGHTLY, PHONE, NewPage, Size
from tests.browser.reading import POEM, line, lines, press, saved, teach, ticks, write_another

SMALL_PHONES = [{"width": w, "height": h} for w, h in ((320, 568), (390, 664), (360, 740), (390, 844))]
SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
"""Adds up what moves on a page, taps or not."""
FITS = """
() => [...document.querySelectorAll(".verse .text")].map((text) => getComputedStyle(text)).every((style) => {
  const kept = Math.max(parseFloat(style.minBlockSize) || 0, parseFloat(style.lineHeight));
  return parseFloat(style.blockSize) <= kept + 1;
})
"""
"""Does no line take more rows than are kept for it?"""
SMALL = """
[...document.querySelectorAll(".masthead a, main :is(a, button, label:has(input), input, summary), .foot nav *")]
  .filter((one) => one.checkVisibility() && one.matches("a, button, label, input, summary"))
  .filter((one) => !one.closest("p:not(.colophon, .deeds), label *, .sr-only, [type=hidden]"))
  .map((one) => [one.innerText || one.outerHTML, one.getBoundingClientRect()])
  .filter(([, box]) => box.width < 43.5 || box.height < 43.5)
  .map(([text, box]) => `${text} ${box.width} x ${box.height}`)
"""
"""What is smaller than a finger."""


def test_a_tick_is_kept_at_once(page: Page) -> None:
    """No button: a click is a tick, 되돌리기 takes it back, and a reload knows."""
    page.goto("/sibot")
    expect(page.get_by_role("button", name="고른 행 저장")).to_be_hidden()
    line(page, 1).click()
    line(page, 4).click()
    expect(page.locator("[data-said]")).to_contain_text("골랐습니다")
    press(page, "되돌리기")
    saved(page)

    page.reload()
    assert ticks(page) == [False, True, False, False, False]


def test_a_poem_writes_itself_and_back_brings_the_first(page: Page) -> None:
    """The new poem has an address, its lines are those stored there, and Back shows the first with its ticks."""
    page.goto("/sibot")
    first = lines(page)
    line(page, 0).click()
    saved(page)

    write_another(page)
    second = lines(page)
    assert second != first
    page.reload()
    assert lines(page) == second
    page.go_back()
    expect(page.locator(".verse .text")).to_have_text(first)
    assert ticks(page) == [True, False, False, False, False]
    page.go_forward()
    expect(page.locator(".verse .text")).to_have_text(second)


def test_lines_of_a_streamed_poem_can_be_ticked(page: Page) -> None:
    """What was written without a page load is ticked like any other poem."""
    page.goto("/sibot")
    write_another(page)
    line(page, 2).click()
    saved(page)

    page.goto(page.url)
    assert ticks(page) == [False, False, True, False, False]


def test_whole_lines_are_read_aloud(page: Page) -> None:
    """A screen reader hears each line once, whole."""
    page.goto("/sibot")
    write_another(page)

    aloud = page.locator("[data-aloud]")
    expect(aloud).to_have_attribute("aria-live", "polite")
    assert aloud.locator("p").all_inner_texts() == lines(page)


def where(page: Page) -> list[int]:
    """How far from the top of the window the buttons stand, in pixels."""
    buttons = "[...document.querySelectorAll('#deeds button:not(.tidings *)')]"
    return list(page.evaluate(f"{buttons}.map((one) => Math.round(one.getBoundingClientRect().top))"))


def test_nothing_moves_that_the_reader_did_not_move(new_page: NewPage) -> None:
    """Ticking, writing, a line opened, changed and left: the buttons stay where they are, and so does the page."""
    for size, finger in ((PHONE, True), ({"width": 320, "height": 640}, True), (DESKTOP, False)):
        page = new_page(viewport=size, has_touch=finger, reduced_motion="no-preference")
        page.add_init_script(SHIFTS)
        page.goto("/sibot")
        first = where(page)
        fits = page.evaluate(FITS)
        line(page, 1).click()
        assert where(page) == first
        with page.expect_navigation():
            press(page, "다른 시")
            expect(page.locator(".now")).to_have_count(1)
            assert where(page) == first
        expect(page.locator(".writing")).to_have_count(0)
        fits &= page.evaluate(FITS)
        # A line that takes a row more than is kept for one, as few of our voices' do, moves those below it by that row;
        # on a phone the messages grow upwards.
        assert page.evaluate("window.shifted") < (0.03 if fits else 0.1)
        page.get_by_role("button", name="3행 바꾸기").click()
        assert where(page) == first
        page.locator("[name=candidate]").nth(0).click()
        expect(page.locator("[data-editor]")).to_have_count(0)
        fits &= page.evaluate(FITS)
        page.get_by_role("button", name="5행 바꾸기").click()
        page.get_by_role("link", name="그만두기").click()

        assert where(page) == first
        if not finger:  # on a phone the leaf opens where the line stands, and closes again
            assert page.evaluate("window.shifted") < (0.01 if fits else 0.1)


def test_a_finger_finds_every_target(new_page: NewPage) -> None:
    """On a phone what can be pressed around the leaf is 44 pixels high and wide; links in a sentence are text."""
    for size in (PHONE, {"width": 320, "height": 640}):
        page = new_page(viewport=size, has_touch=True, is_mobile=True)
        page.goto("/sibot")
        page.get_by_role("button", name="2행 바꾸기").click()
        page.locator("[name=candidate]").first.wait_for()
        assert page.evaluate(SMALL) == []


def test_a_line_comes_to_the_page_as_a_hand_writes_it(new_page: NewPage) -> None:
    """Letter after letter, in the place that the whole line will take; who wants no motion has it at once."""
    page = new_page(reduced_motion="no-preference")
    page.goto("/sibot")
    with page.expect_navigation():
        press(page, "다른 시")
        waiting = page.locator(".now .unwritten:not(:empty)")
        expect(waiting).to_have_count(1)
        expect(waiting).to_have_css("visibility", "hidden")
    expect(page.locator(".writing")).to_have_count(0)


def test_kept_lines_stay(page: Page) -> None:
    """다른 시 keeps what is ticked, with its seal; with a seal on every line it asks first."""
    page.goto("/sibot")
    line(page, 3).click()
    saved(page)
    before = lines(page)

    write_another(page)

    after = lines(page)
    assert after[3] == before[3]
    assert after[0] != before[0]
    assert ticks(page) == [False, False, False, True, False]
    for slot in (0, 1, 2, 4):
        line(page, slot).click()
    saved(page)
    press(page, "다른 시")
    expect(page.locator("[data-said]")).to_contain_text("모든 행을 골라 두어서")
    assert lines(page) == after
    with page.expect_navigation():
        press(page, "모두 새로 쓰기")
    expect(page.locator(".writing")).to_have_count(0)
    assert set(lines(page)).isdisjoint(after)


def test_ticks_made_while_one_is_being_saved_are_saved_too(page: Page) -> None:
    """Whoever ticks faster than the server answers loses nothing."""
    page.goto("/sibot")
    held: list[Route] = []
    page.route("**/api/v1/lines/*/tick", lambda route: route.continue_() if held else held.append(route))
    line(page, 0).click()
    while not held:
        page.wait_for_timeout(50)
    for slot in (1, 2):
        line(page, slot).click()
    held[0].continue_()

    saved(page)
    page.reload()
    assert ticks(page) == [True, True, True, False, False]


def test_a_tick_survives_a_lost_connection(page: Page) -> None:
    """Offline the seal is there already; it is saved when the connection is back."""
    page.goto("/sibot")
    page.context.set_offline(True)
    line(page, 2).click()
    expect(page.locator("[data-said]")).to_contain_text("연결이 끊겨 있습니다")

    page.context.set_offline(False)
    saved(page)
    page.reload()
    assert ticks(page) == [False, False, True, False, False]


def test_a_busy_server_is_no_lost_connection(page: Page) -> None:
    """A tick that the server had no time for waits too, but nobody is told that he is offline."""
    page.goto("/sibot")
    page.route("**/api/v1/lines/*/tick", lambda route: route.fulfill(status=503))
    line(page, 2).click()
    expect(page.locator("[data-said]")).to_contain_text("아직 저장하지 못했습니다")

    page.unroute("**/api/v1/lines/*/tick")
    expect(page.locator("[data-said]")).to_contain_text("밀린 것을 저장했습니다")
    page.reload()
    assert ticks(page) == [False, False, True, False, False]


def test_nothing_is_written_without_a_connection(page: Page) -> None:
    """The poem stays as it is, and the page says why; with the connection back it can be written again."""
    page.goto("/sibot")
    before = lines(page)
    page.context.set_offline(True)
    press(page, "다른 시")
    expect(page.locator("[data-said]")).to_contain_text("연결되지 않습니다")
    assert lines(page) == before

    page.context.set_offline(False)
    write_another(page)
    assert lines(page) != before


def test_a_refusal_says_what_the_server_says(page: Page) -> None:
    """Words that are no text: the reason is on the page, whether one line is asked for or a stream of them."""
    page.goto("/sibot")
    before = lines(page)
    for name in ("이 말로 쓰기", "여기서부터 다시 쓰기"):
        page.get_by_role("button", name="2행 바꾸기").click()
        page.get_by_label("내 말로 쓰기").fill("봄\u202e비")
        press(page, name)
        expect(page.locator("[data-said]")).to_contain_text("글로 읽을 수 없는 문자가 들어 있습니다(U+202E")
        page.keyboard.press("Escape")
        page.locator("[data-said]").evaluate("said => said.replaceChildren()")

    assert lines(page) == before


def test_a_draft_is_never_lost(page: Page) -> None:
    """What was typed is there after a reload, counted as people count; teaching it empties the box."""
    page.goto("/sibot")
    page.locator("summary", has_text="시 가르치기").click()
    box = page.get_by_label("가르칠 시")
    box.fill("눈 👨‍👩‍👧 온다")
    expect(page.locator("[data-counter]")).to_have_text("6자, 10자까지 4자 더")

    page.goto("/sibot/teach")
    expect(box).to_have_value("눈 👨‍👩‍👧 온다")
    teach(page, POEM)
    expect(page).to_have_url(re.compile(r"/submissions/[\w-]+"))
    page.goto("/sibot/teach")
    expect(box).to_have_value("")


def test_a_long_poem_is_counted_before_it_is_sent(page: Page) -> None:
    """How much is too much is said beside the box, and nothing is sent."""
    page.goto("/sibot/teach")
    box = page.get_by_label("가르칠 시")
    box.fill("가" * 5003)

    expect(page.locator("[data-counter]")).to_have_text("5003자, 5,000자까지이니 3자를 줄여 주세요.")
    assert box.evaluate("box => box.validationMessage").startswith("5003자")
    box.fill("가" * 5000)
    assert box.evaluate("box => box.checkValidity()")


def test_a_short_poem_comes_back_with_a_reason(page: Page) -> None:
    """The server's answer is the same with JavaScript."""
    teach(page, "짧은 시")

    expect(page.get_by_role("alert")).to_contain_text("시가 너무 짧습니다")
    expect(page.get_by_label("가르칠 시")).to_have_value("짧은 시")


def test_no_page_is_wider_than_a_small_phone(new_page: NewPage) -> None:
    """At 320 pixels, in both languages, nobody scrolls sideways; nor at a desktop's width."""
    for size in ({"width": 320, "height": 640}, DESKTOP):
        for language in ("ko-KR", "en-GB"):
            page = new_page(viewport=size, locale=language)
            for path in ("/sibot", "/sibot/poems", "/sibot/versions", "/sibot/anthology", "/me", "/about", "/learn"):
                page.goto(path)
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (path, size, language)


def test_impressions_are_the_same_with_a_script(page: Page, bot: Bot) -> None:
    """A poem written by stream makes an impression of each line, as one by form does."""
    page.goto("/sibot")
    write_another(page)
    page.reload()

    with bot.reading() as session:
        assert Health(session).counts("sibot", datetime(2000, 1, 1, tzinfo=UTC))["impressions"] == 10


SEEN = """
() => {
  const bar = document.querySelector("#deeds").getBoundingClientRect();
  const said = [...document.querySelectorAll("main > .flash, [data-said] > *, #outlook > p")];
  const boxes = said.map((one) => one.getBoundingClientRect());
  return boxes.length > 0 && boxes.every((box) => box.top >= 0 && box.right <= innerWidth && box.bottom <= bar.top + 1);
}
"""
"""Is every message in the window, above the bar with the buttons?"""


@pytest.mark.parametrize("size", SMALL_PHONES, ids=str)
@pytest.mark.parametrize("language", ["ko-KR", pytest.param("en-GB", marks=NIGHTLY)])
@pytest.mark.parametrize("script", [True, False])
def test_messages_are_seen_on_a_phone(new_page: NewPage, size: Size, language: str, script: bool) -> None:
    """What a tick brought about is read without scrolling; so is a reason why nothing was written."""
    page = new_page(viewport=size, locale=language, has_touch=True, java_script_enabled=script)
    page.goto("/sibot")
    line(page, 1).click()
    if script:
        page.locator("[data-said] button").wait_for()
        page.locator("#outlook > p").wait_for()
        assert page.evaluate(SEEN)
        page.context.set_offline(True)
        page.locator("#again").click()
        expect(page.locator("[data-said]")).to_have_text(re.compile("연결되지 않습니다|cannot be reached"))
    else:
        with page.expect_navigation():
            page.locator("button.unscripted").click()
        expect(page.locator(".flash")).to_be_visible()
    assert page.evaluate(SEEN)


def box(page: Page, name: str) -> dict[str, float]:
    """Where an element stands in the window."""
    return dict(page.locator(name).evaluate("one => one.getBoundingClientRect().toJSON()"))


@pytest.mark.parametrize("size", SMALL_PHONES[:2], ids=str)
def test_an_open_line_stays_within_the_leaf(new_page: NewPage, size: Size) -> None:
    """On a phone the editor keeps within the frame and says what its proposals are; its × is beside the text."""
    page = new_page(viewport=size, has_touch=True)
    page.goto("/sibot")
    page.locator(".edit").nth(4).click()
    expect(page.locator(".candidates")).to_contain_text("제안")

    leaf, editor, above = box(page, ".leaf"), box(page, ".editor"), box(page, ".verse > li:nth-child(4)")
    assert leaf["left"] <= editor["left"]
    assert above["bottom"] - 1 <= editor["top"]
    assert editor["bottom"] <= leaf["bottom"]
    padding = page.locator("#own").evaluate("own => parseFloat(getComputedStyle(own).paddingRight)")
    assert padding >= box(page, "[data-close]")["width"]


@pytest.mark.parametrize("size", SMALL_PHONES[:2], ids=str)
def test_every_line_stands_on_a_rule(new_page: NewPage, size: Size) -> None:
    """A row for each line, half a row above and below; and it is said why a line has no circle."""
    page = new_page(viewport=size, has_touch=True)
    page.goto("/sibot")
    page.locator(".edit").nth(1).click()
    page.locator("#own").fill("봄이 왔다고 말했다")
    with page.expect_navigation():
        press(page, "이 말로 쓰기")
    expect(page.locator("[data-said]")).to_contain_text("배우지 않아서")

    row = page.locator(".verse").evaluate("verse => parseFloat(getComputedStyle(verse).lineHeight)")
    assert [round(box(page, f".verse > li:nth-child({n})")["height"] / row, 1) for n in range(1, 6)] == [1.0] * 5
    assert round(box(page, ".verse")["height"] / row, 1) == 6
