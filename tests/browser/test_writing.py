"""Ways of writing in a browser: a line changed, one line more, keys; with a script and without."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import EVERYWHERE, NewPage, Size
from tests.browser.reading import line, lines, press, ticks


@EVERYWHERE
def test_a_line_more_is_chosen(new_page: NewPage, script: bool, size: Size) -> None:
    """＋ opens a line below the last: three candidates come, and the one that is picked can be ticked like any."""
    page = new_page(java_script_enabled=script, viewport=size)
    page.goto("/sibot")
    before = lines(page)
    page.get_by_role("button", name="한 행 더").click()
    candidates = page.locator("[name=candidate]")
    expect(candidates).to_have_count(3)
    chosen = candidates.nth(2).inner_text()
    with page.expect_navigation():
        candidates.nth(2).click()
    expect(page.locator("[data-editor]")).to_have_count(0)

    assert lines(page) == [*before, chosen]
    line(page, 5).click()
    assert ticks(page)[5]


@EVERYWHERE
def test_a_line_is_changed_in_its_place(new_page: NewPage, script: bool, size: Size) -> None:
    """My words stand where I put them, marked as a human's, and the other lines stay; or the rest is written anew."""
    page = new_page(java_script_enabled=script, viewport=size)
    page.goto("/sibot")
    before = lines(page)
    page.get_by_role("button", name="2행 바꾸기").click()
    expect(page.get_by_label("내 말로 쓰기")).to_have_value(before[1])
    page.get_by_label("내 말로 쓰기").fill("봄이 왔다고 말했다")
    with page.expect_navigation():
        press(page, "이 말로 쓰기")
    expect(page.get_by_text("사람이 쓴 행")).to_be_visible()
    assert lines(page) == [before[0], "봄이 왔다고 말했다", *before[2:]]

    page.get_by_role("button", name="4행 바꾸기").click()
    with page.expect_navigation():
        press(page, "여기서부터 다시 쓰기")
    expect(page.locator(".writing")).to_have_count(0)
    after = lines(page)
    assert after[:3] == [before[0], "봄이 왔다고 말했다", before[2]]
    assert len(after) == 5
    assert after[3] != before[3]
    if script:  # without one, Back leads to the open line
        page.go_back()
        expect(page.locator(".verse .text").nth(3)).to_have_text(before[3])


def test_a_line_is_left_as_it_was(page: Page) -> None:
    """Escape closes it, and gives the focus back to the button that opened it."""
    page.goto("/sibot")
    before = lines(page)
    for name in ("3행 바꾸기", "한 행 더"):
        page.get_by_role("button", name=name).click()
        expect(page.locator("[name=candidate]")).to_have_count(3)
        page.keyboard.press("Escape")
        expect(page.locator("[data-editor]")).to_have_count(0)
        expect(page.get_by_role("button", name=name)).to_be_focused()

    assert lines(page) == before


def test_the_poem_keeps_its_focus_and_its_boldness(page: Page) -> None:
    """After a poem has written itself, the button is still under the finger, and 차분하게 is still chosen."""
    page.goto("/sibot")
    page.get_by_text("첫마디·대담함").click()
    page.get_by_label("차분하게").check()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="다른 시", exact=True).focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="다른 시", exact=True)).to_be_focused()

    expect(page.get_by_label("차분하게")).to_be_checked()


def test_everything_has_a_key(page: Page) -> None:
    """Digits tick lines, letters press buttons, and ? shows which; while one types they are letters."""
    page.goto("/sibot")
    page.keyboard.press("2")
    assert ticks(page) == [False, True, False, False, False]
    page.keyboard.press("2")
    assert ticks(page) == [False] * 5

    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("다른 시")
    expect(page.get_by_role("dialog")).to_contain_text("가르칠 시")
    assert "" not in page.locator("#keys dd").all_inner_texts()
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    expect(page.get_by_label("가르칠 시")).to_be_focused()
    page.keyboard.type("r1 n?")
    expect(page.get_by_label("가르칠 시")).to_have_value("r1 n?")
    page.get_by_role("heading", level=1).click()
    before = lines(page)
    with page.expect_navigation():
        page.keyboard.press("r")
    expect(page.locator(".writing")).to_have_count(0)
    assert lines(page) != before


def test_keys_can_be_switched_off(page: Page) -> None:
    """For those whose tools speak keys of their own; the switch is remembered."""
    page.goto("/sibot")
    page.keyboard.press("?")
    page.get_by_label("단축키를 쓰지 않기").check()
    page.get_by_role("button", name="닫기").click()
    page.reload()
    page.keyboard.press("1")

    assert ticks(page) == [False] * 5


def test_what_happens_with_a_tick_is_said_once(page: Page) -> None:
    """The first tick says that it will be learned; the second only that it is there."""
    page.goto("/sibot")
    line(page, 0).click()
    expect(page.locator("[data-said]")).to_contain_text("앞으로 나올 판이 배웁니다")
    line(page, 1).click()

    expect(page.locator("[data-said]")).to_have_text("골랐습니다.되돌리기")


def test_a_poem_is_copied_with_its_mark(new_page: NewPage) -> None:
    """The clipboard holds the lines, that a machine wrote them, and where they stand."""
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    page.goto("/sibot")
    page.get_by_text("글·그림으로").click()
    press(page, "글 복사")
    expect(page.locator("[data-shared]")).to_contain_text("복사했습니다")

    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.splitlines()[:5] == lines(page)
    address = page.get_by_role("link", name="이 시의 주소").evaluate("link => link.href")
    assert copied.splitlines()[5:] == ["", "AI 생성 · 시봇 초판", address]
