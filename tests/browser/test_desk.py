"""The admin's path: sits down at the desk, takes in a poem, starts a run, watches it and stops it."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect

from app.bootstrap import Bot, now
from app.domain.gate import Verdict
from app.domain.version import VersionStatus
from app.store.versions import Versions
from tests.browser.conftest import DESKTOP, PASSWORD, NewPage
from tests.browser.reading import POEM, teach
from worker.runner import Runner


def sit_down(page: Page, admin: str) -> None:
    """Log in."""
    page.goto("/desk")
    expect(page).to_have_url(re.compile("/desk/login"))
    page.get_by_label("이름").fill(admin)
    page.get_by_label("비밀번호").fill(PASSWORD)
    page.get_by_role("button", name="로그인").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("현황")


def strike(page: Page, key: str) -> None:
    """Press a key, once the page listens."""
    page.wait_for_load_state()
    page.keyboard.press(key)


def take_in(page: Page) -> None:
    """Approve the poem that waits."""
    page.get_by_role("link", name="읽어 주기를 기다리는 시 1편").click()
    expect(page.locator(".taught")).to_have_text(POEM)
    page.get_by_label("선택").check()
    page.get_by_role("button", name="선택한 시 받아들이기").click()
    expect(page.get_by_role("status")).to_contain_text("정한 대로 저장했습니다")


@contextmanager
def a_worker(bot: Bot) -> Iterator[None]:
    """A worker who carries out what waits, in a thread of his own."""
    runner = Runner(bot)
    thread = threading.Thread(target=runner.work, name="worker")
    thread.start()
    try:
        yield
    finally:
        runner.stopping.set()
        thread.join(60)


def test_a_wrong_password_is_told(page: Page, admin: str) -> None:
    """The name stays, the desk stays shut."""
    page.goto("/desk/login")
    page.get_by_label("이름").fill(admin)
    page.get_by_label("비밀번호").fill("wrong")
    page.get_by_role("button", name="로그인").click()

    expect(page.get_by_role("alert")).to_contain_text("이름이나 비밀번호가 맞지 않습니다")
    expect(page.get_by_label("이름")).to_have_value(admin)


@pytest.mark.slow
@pytest.mark.parametrize(
    "script", [pytest.param(True, id="script"), pytest.param(False, id="plain", marks=pytest.mark.nightly)]
)
def test_from_a_taught_poem_to_a_new_version(new_page: NewPage, bot: Bot, admin: str, script: bool) -> None:
    """Approve, start, watch, and the run ends by itself before the admin's eyes; the journal knows it all."""
    reader = new_page()
    reader.goto("/sibot")
    teach(reader, POEM)
    page = new_page(viewport=DESKTOP, java_script_enabled=script)
    sit_down(page, admin)
    take_in(page)
    page.get_by_role("link", name="현황").click()
    page.get_by_role("button", name="배우기 시작").click()
    expect(page.get_by_text("차례를 기다림")).to_be_visible()

    with a_worker(bot):
        # without JavaScript the page refreshes itself
        expect(page.get_by_text(re.compile("^끝$"))).to_be_visible()

    expect(page.locator("[data-log]")).to_contain_text("시 1편")
    expect(page.get_by_role("heading", name="심사")).to_be_visible()
    page.get_by_role("link", name="활동 기록").click()
    expect(page.get_by_role("listitem").filter(has_text="배움을 시작하게 함")).to_be_visible()
    reader.reload()
    expect(reader.get_by_text(re.compile("[0-9]+판이 배웠습니다|다음 판이 배웁니다"))).to_be_visible()


def test_a_run_is_stopped_before_it_began(page: Page, admin: str) -> None:
    """A run that nobody has taken up ends at once when it is cancelled."""
    sit_down(page, admin)
    page.get_by_role("button", name="배우기 시작").click()
    page.get_by_text("배움 멈추기", exact=True).click()
    page.get_by_role("button", name="정말 멈추기").click()

    expect(page.locator("[data-state]")).to_have_text("멈춤")


def test_starting_twice_finds_the_run_under_way(page: Page, admin: str) -> None:
    """There is one run at a time, and the second click leads to it."""
    sit_down(page, admin)
    page.get_by_role("button", name="배우기 시작").click()
    first = page.url
    page.get_by_role("link", name="현황").click()
    page.get_by_role("button", name="배우기 시작").click()

    expect(page.get_by_role("status")).to_contain_text("이미 배우고 있습니다")
    assert page.url == first


def test_poems_are_moderated_by_keys(new_page: NewPage, admin: str) -> None:
    """Accept the first with a, decline the next with x, take it back with u; no mouse."""
    reader = new_page()
    for text in (POEM, "우체통이 사라진 자리에\n비둘기가 앉아 있다"):
        reader.goto("/sibot")
        teach(reader, text)
    page = new_page(viewport=DESKTOP)
    sit_down(page, admin)
    strike(page, "m")
    expect(page.locator(".taught")).to_have_count(2)

    strike(page, "a")
    expect(page.locator(".taught")).to_have_count(1)
    strike(page, "x")
    expect(page.locator(".taught")).to_have_count(0)
    strike(page, "u")
    expect(page.locator(".taught")).to_have_text("우체통이 사라진 자리에\n비둘기가 앉아 있다")


def test_leaving_shuts_the_desk(page: Page, admin: str) -> None:
    """After 로그아웃 the desk asks for the password again."""
    sit_down(page, admin)
    page.get_by_role("button", name="로그아웃").click()
    page.goto("/desk/audit")

    expect(page).to_have_url(re.compile("/desk/login"))


def test_a_versions_button_is_seen_on_a_phone(new_page: NewPage, bot: Bot, admin: str) -> None:
    """The table of versions is stacked: what decides about one stands under it, within the window."""
    with bot.transaction() as session:
        Versions(session).add(
            "sibot",
            folder="sibot/1",
            status=VersionStatus.UNDECIDED,
            lesson={"hash": "x"},
            metrics={},
            verdict=Verdict(()),
            run=None,
            now=now(),
            items=(),
            samples=[],
        )
    for width in (320, 390):
        page = new_page(viewport={"width": width, "height": 664})
        sit_down(page, admin)
        button = page.locator(".stack button", has_text="이 판에 맡기기").bounding_box()
        assert button is not None
        assert button["x"] >= 0
        assert button["x"] + button["width"] <= width


def test_lists_keep_the_look_of_the_leaf(new_page: NewPage) -> None:
    """The poem of the day and the poems in a list stand in the frame of the poem's own page, in English too."""
    page = new_page(locale="en-GB")
    page.goto("/sibot")
    kept = "[s.backgroundColor, s.borderTop, s.outline, s.outlineOffset]"
    look = f"one => {{ const s = getComputedStyle(one); return {kept}; }}"
    leaf = page.locator(".leaf").evaluate(look)
    assert page.locator(".seal").first.evaluate("one => getComputedStyle(one, '::after').content") == "none"
    for path in ("/sibot/today", "/sibot/poems"):
        page.goto(path)
        assert page.locator("ol.picks").first.evaluate(look) == leaf
