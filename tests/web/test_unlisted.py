"""A hidden voice: for admins it is there, for everybody else it is not."""

import re
import time

import httpx
import pytest

from app import actions
from app.bootstrap import Bot
from tests.support.patience import PATIENCE
from tests.web.conftest import NewClient
from tests.web.test_voices import bot, permalink

__all__ = ["bot"]
BROWSED = "/api/v1/voices/bard/poems"
"""Reads no frame, so it is hidden when the engine has heard of it."""
PATHS = (
    *("", "/anthology", "/anthology.atom", "/today.atom", "/poems", "/teach", "/guess", "/versions", "/pieces"),
    *("/about-word", "/weave", "/life"),
)


def until(client: httpx.Client, path: str, status: int) -> None:
    """Wait for what an engine learns within a second."""
    end = time.monotonic() + PATIENCE
    while client.get(path).status_code != status:
        assert time.monotonic() < end, path
        time.sleep(0.05)


@pytest.fixture
def hidden_poem(client: httpx.Client, bot: Bot) -> str:
    """The address of a poem of bard's, which was hidden after it was read."""
    poem = permalink(client.get("/bard"))
    actions.voices.hide(bot, "bard", by="shell")
    until(client, BROWSED, 404)
    return poem


def test_a_hidden_voice_is_in_no_list(client: httpx.Client, hidden_poem: str) -> None:
    """No masthead, no page about the site and no list of the API names it."""
    assert hidden_poem
    for page in ("/sibot", "/about", "/learn", "/sibot/anthology"):
        assert "bard" not in client.get(page).text, page
    assert [voice["slug"] for voice in client.get("/api/v1/voices").json()] == ["sibot"]
    assert 'data-voice="sibot"' in client.get("/", headers={"accept-language": "en"}).text


@pytest.mark.parametrize("path", PATHS)
def test_a_hidden_voices_pages_are_not_there(client: httpx.Client, hidden_poem: str, path: str) -> None:
    """Each answers 404, as for a voice that never was."""
    assert hidden_poem
    assert client.get(f"/bard{path}").status_code == 404


def test_what_it_wrote_and_its_api_are_hidden_too(client: httpx.Client, hidden_poem: str) -> None:
    """A poem by its address in every form, ticks on its lines, the API for reading, writing and teaching."""
    id = hidden_poem.removeprefix("/poems/")
    for path in (hidden_poem, f"{hidden_poem}.txt", f"{hidden_poem}.json", f"/api/v1/poems/{id}"):
        assert client.get(path).status_code == 404, path
    for path in ("poems", "versions", "trials"):
        assert client.get(f"/api/v1/voices/bard/{path}").status_code == 404, path
    assert client.post("/api/v1/voices/bard/poems", json={}).status_code == 404
    sent = {"text": "a line\nand a line\nand a third", "consent": True}
    assert client.post("/api/v1/voices/bard/submissions", json=sent).status_code == 404


def test_an_admin_reads_it(new_client: NewClient, hidden_poem: str, bearer: dict[str, str]) -> None:
    """Pages, poems and masthead are as always; until it is published, for him alone."""
    admin = new_client(**bearer)

    assert admin.get("/bard").status_code == 200
    assert admin.get(hidden_poem).status_code == 200
    assert 'href="/bard' in admin.get("/sibot").text
    assert new_client(authorization="Bearer wrong").get("/bard").status_code == 404


def test_a_published_voice_is_back(client: httpx.Client, hidden_poem: str, bot: Bot) -> None:
    """With all that it ever wrote."""
    actions.voices.publish(bot, "bard", by="shell")
    until(client, BROWSED, 200)

    assert client.get(hidden_poem).status_code == 200
    assert "bard" in client.get("/about").text


def test_a_line_of_a_hidden_voice_is_not_ticked(client: httpx.Client, bot: Bot) -> None:
    """Not by its number either."""
    page = client.get("/bard").text
    line = re.search(r'name="lines?" value="(\d+)"|data-line="(\d+)"', page)
    assert line is not None
    actions.voices.hide(bot, "bard", by="shell")
    until(client, BROWSED, 404)

    said = client.put(f"/api/v1/lines/{line[1] or line[2]}/tick")

    assert said.status_code == 404
