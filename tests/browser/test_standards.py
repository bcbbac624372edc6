"""Every page keeps the standards: axe finds nothing (WCAG 2.2 AA), the HTML is valid, the load is light."""

import re
from collections import Counter
from dataclasses import dataclass, field

import html5lib
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Response

from app.bootstrap import Bot, now
from app.domain.submission import SubmissionStatus
from app.store.submissions import Pieces, Submissions
from tests.browser.conftest import ADMIN, DESKTOP, PASSWORD, PHONE, NewPage
from tests.browser.reading import POEM, line, send, teach

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
LIGHT = 64_000
"""Bytes of a first load, without fonts and images."""
NOWHERE = "/nothing/here"
VISITORS = (
    "/sibot",
    "/sibot/poems",
    "/sibot/anthology?since=week",
    "/sibot/pieces",
    "/sibot/weave",
    "/sibot/versions",
    "/sibot/guess",
    "/learn?text=봄비가 온다",
    "/learn/hello?step=5",
    "/me",
    "/about",
    "/privacy",
    NOWHERE,
    "/desk/login",
)
ADMINS = ("/desk", "/desk/submissions", "/desk/submissions?status=approved", "/desk/audit", "/desk/sibot/trial")


def mistakes(answer: Response | None) -> list[str]:
    """What a strict parser says of a page, and ids that stand twice or lead nowhere."""
    assert answer is not None
    text = answer.text()
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    tree = parser.parse(text)
    told = [f"{answer.url}:{place[0]} {code} {data}" for place, code, data in parser.errors]
    ids = Counter(element.get("id") for element in tree.iter() if element.get("id"))
    if answer.status != (404 if answer.url.endswith(NOWHERE) else 200):
        told.append(f"{answer.url} is answered {answer.status}")
    told += [f"{answer.url} two elements are called {id}" for id, n in ids.items() if n > 1]
    for element in tree.iter():
        for name in ("for", "form", "aria-labelledby", "aria-describedby", "aria-errormessage", "data-live"):
            for id in (element.get(name) or "").split():
                if id not in ids:
                    told.append(f"{answer.url} {name}={id} leads nowhere")
    return told


@dataclass
class Walk:
    """A reader's and an admin's way past every page, with a check at each."""

    page: Page
    checked: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)

    def check(self) -> None:
        """What axe finds here."""
        self.checked.append(self.page.url)
        results = Axe().run(self.page, options=RULES)
        if results.violations_count:
            self.found.append(f"{self.page.url}\n{results.generate_report()}")

    def visit(self, *paths: str) -> None:
        """Go to each, and check what came and what it became."""
        for path in paths:
            self.found += mistakes(self.page.goto(path))
            self.check()


def filled(page: Page, bot: Bot) -> list[str]:
    """A world in which there is something on every page; the addresses that only now are known."""
    page.goto("/sibot")
    for slot in (0, 2):
        line(page, slot).click()
    send(page, "고른 행 저장")
    poem = page.url
    teach(page, POEM)
    given = page.url
    page.goto("/sibot/weave")
    for place, box in enumerate(page.locator("[type=number]").all(), start=1):
        box.fill(str(place))
    page.get_by_label("제목").fill("귀가")
    send(page, "이렇게 엮기")
    with bot.transaction() as session:
        for store, id in ((Submissions(session), 1), (Pieces(session), page.url.rpartition("/")[2])):
            store.decide([id], SubmissionStatus.APPROVED, by="keeper", now=now())  # type: ignore[list-item, attr-defined]
    return [poem, given, page.url]


def sit_down(page: Page) -> None:
    """Log in, whatever the language."""
    page.goto("/desk/login")
    page.locator("[name=name]").fill(ADMIN)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("main form button").click()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("theme", "language", "size"),
    [("light", "ko-KR", PHONE), pytest.param("dark", "en-GB", DESKTOP, marks=pytest.mark.nightly)],
)
def test_every_page_keeps_the_standards(
    *, new_page: NewPage, bot: Bot, admin: str, theme: str, language: str, size: dict[str, int]
) -> None:
    """Axe and a strict parser find nothing, in neither theme, on a phone as on a desktop, in open dialogs too."""
    plain = new_page(java_script_enabled=False)
    addresses = filled(plain, bot)
    page = new_page(color_scheme=theme, locale=language, viewport=size)
    page.context.add_cookies(plain.context.cookies())  # type: ignore[arg-type]
    walk = Walk(page)

    walk.visit(*VISITORS, *addresses)
    page.goto("/sibot")
    page.locator(".edit").nth(1).click()
    page.locator("#own").fill("봄이 왔다고 말했다")
    walk.check()
    with page.expect_navigation():
        page.locator("#go-on").click()
    page.wait_for_selector("text=/human's line|사람이 쓴 행/")
    walk.check()
    page.locator("#next-line").click()
    page.wait_for_selector(".candidates button")
    walk.check()
    page.keyboard.press("Escape")
    page.locator("[popovertarget=ways]").click()
    walk.check()
    page.keyboard.press("Escape")
    page.locator("[data-keys]").click()
    walk.check()
    page.keyboard.press("Escape")
    sit_down(page)
    walk.visit(*ADMINS)
    page.goto("/desk")
    page.locator("form[action='/desk/sibot/runs'] button").click()
    walk.check()

    assert len(walk.checked) > 25
    assert walk.found == []


def test_a_first_load_is_light(new_page: NewPage) -> None:
    """Everything that a first visit fetches, uncompressed, without fonts and images."""
    page = new_page()
    weights: dict[str, int] = {}
    page.on("response", lambda answer: weights.update({answer.url: len(answer.body())}))
    page.goto("/sibot", wait_until="networkidle")
    loaded = {
        re.sub(r"\?.*", "", url): size
        for url, size in weights.items()
        if not url.split("?")[0].endswith((".svg", ".woff2"))
    }

    assert any(url.endswith("site.css") for url in loaded)
    assert any(url.endswith("poem.js") for url in loaded)
    assert sum(loaded.values()) <= LIGHT, loaded
