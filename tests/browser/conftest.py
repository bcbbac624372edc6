"""A real browser before a real site: Chromium, wherever it is found; where there is none, one loud line."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, Playwright, expect, sync_playwright
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from app.bootstrap import Bot, now
from app.store.admins import Admins
from tests.browser.reading import MILLISECONDS
from tests.support.databases import Scale

ADMIN, PASSWORD = "keeper", "correct horse battery"
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
NIGHTLY = pytest.mark.nightly
EVERYWHERE = pytest.mark.parametrize(
    ("script", "size"),
    [
        pytest.param(True, PHONE, id="phone"),
        pytest.param(True, DESKTOP, id="desktop", marks=NIGHTLY),
        pytest.param(False, PHONE, id="plain phone", marks=NIGHTLY),
        pytest.param(False, DESKTOP, id="plain desktop"),
    ],
)
"""With a script and without, on a phone and at a desk."""
NewPage = Callable[..., Page]
Size = dict[str, int]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder need a browser."""
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker("browser")


def launch(playwright: Playwright) -> Browser:
    """The system's Chromium, else Playwright's own; skips where neither starts."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        return playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
    except Error as error:
        pytest.skip(f"NO CHROMIUM HERE: the browser tests did not run ({str(error).splitlines()[0]})")


# One browser a module and not a session: while Playwright's loop is open, no other test could run one of its own.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser."""
    expect.set_options(timeout=MILLISECONDS)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def scale() -> Scale:
    """What a page does in a browser does not depend on the servers."""
    return "embedded"


@pytest.fixture
def new_page(chromium: Browser, site: str) -> Iterator[NewPage]:
    """Opens a window of a reader of his own; keywords are Playwright's. Fails when a page's script does."""
    mistakes: list[str] = []
    with ExitStack() as stack:

        def make(**given: object) -> Page:
            wanted = {"base_url": site, "viewport": PHONE, "locale": "ko-KR", "reduced_motion": "reduce"} | given
            context: BrowserContext = stack.enter_context(chromium.new_context(**wanted))  # type: ignore[arg-type]
            context.set_default_timeout(MILLISECONDS)
            page = context.new_page()
            page.on("pageerror", lambda error: mistakes.append(str(error)))
            page.on("console", lambda said: _note(said.type, said.text))
            return page

        def _note(kind: str, text: str) -> None:
            if kind == "error" and "Failed to load resource" not in text:  # a refusal is an answer, not a mistake
                mistakes.append(text)

        yield make
    assert mistakes == []


@pytest.fixture(params=[pytest.param(PHONE, id="phone"), pytest.param(DESKTOP, id="desktop", marks=NIGHTLY)])
def page(new_page: NewPage, request: pytest.FixtureRequest) -> Page:
    """A reader with a phone, then one at a desk."""
    return new_page(viewport=request.param)


@pytest.fixture(params=[pytest.param(PHONE, id="phone", marks=NIGHTLY), pytest.param(DESKTOP, id="desktop")])
def plain_page(new_page: NewPage, request: pytest.FixtureRequest) -> Page:
    """The same without JavaScript."""
    return new_page(viewport=request.param, java_script_enabled=False)


@pytest.fixture
def admin(bot: Bot) -> str:
    """An admin, whose password is PASSWORD."""
    quick = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=1024, parallelism=1),))
    with bot.transaction() as session:
        Admins(session).create(ADMIN, quick.hash(PASSWORD), now())
    return ADMIN
