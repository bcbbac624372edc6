"""What is on the page with a poem, by the names that a reader finds it under."""

import time

from playwright.sync_api import Locator, Page, expect

from tests.support.patience import PATIENCE

MILLISECONDS = 1000 * PATIENCE
"""What Playwright waits for what must come."""

POEM = "막차에서 내린 사람들이\n저마다 다른 골목으로 흩어진다"


def lines(page: Page) -> list[str]:
    """The lines of the poem in front of the reader."""
    return page.locator(".verse .text").all_inner_texts()


def ticks(page: Page) -> list[bool]:
    """Which of them wear the seal."""
    return [box.is_checked() for box in page.locator(".verse .seal").all()]


def press(page: Page, name: str) -> None:
    """Press a button."""
    page.get_by_role("button", name=name, exact=True).click()


def line(page: Page, slot: int) -> Locator:
    """A line to click on."""
    return page.locator(".verse label").nth(slot)


def send(page: Page, name: str) -> None:
    """Press a button that leads to another address, and wait for what stands there."""
    with page.expect_navigation():
        press(page, name)


def write_another(page: Page, button: str = "다른 시") -> None:
    """Have another poem written, and wait until it stands."""
    send(page, button)
    expect(page.locator(".writing")).to_have_count(0)


def saved(page: Page) -> None:
    """Wait until the server has heard of all ticks; the site's policy lets nobody wait with a script."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if page.evaluate("localStorage.getItem('poembot.ticks') ?? '{}'") == "{}":
            return
        page.wait_for_timeout(50)
    raise AssertionError("there are ticks that the server has not heard of")


def teach(page: Page, text: str) -> None:
    """Fill the box on the page for teaching and send it."""
    if not page.url.endswith("/teach"):
        page.goto("/sibot/teach")
    page.get_by_label("가르칠 시").fill(text)
    page.get_by_label("기계가 이 글을 배워도").check()
    send(page, "가르치기")
