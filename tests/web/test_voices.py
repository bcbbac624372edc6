"""Two voices on one site: whom a visitor meets, how he finds the other, and in which language he is spoken to."""

import re
import shutil
from pathlib import Path

import httpx
import pytest

from app import actions
from app.bootstrap import Bot
from app.store.submissions import Submissions
from app.store.versions import Versions
from tests.web.conftest import NewClient
from tests.web.reader import Reader, form, forms
from tests.web.test_submissions import POEM


@pytest.fixture
def bot(bot: Bot, shipped: Path) -> Bot:
    """The deployment, and a voice that is said to write English."""
    bot.shelf.place(
        Path(shutil.copytree(shipped / "sibot", bot.shelf.scratch() / "base")), key := "bard/bard-tiny/base"
    )
    actions.deployment.install(bot, "bard", title="bard", language="en", base="bard-tiny", folder=key)
    return bot


def voice(page: httpx.Response) -> str:
    """Whose poem stands on a page."""
    found = re.search(r'data-voice="(\w+)"', page.text)
    assert found is not None
    return found[1]


def permalink(page: httpx.Response) -> str:
    """Where that poem has its address."""
    found = re.search(r'href="(/poems/\w+)" data-permalink', page.text)
    assert found is not None
    return found[1]


def test_the_history_names_the_base_that_came(bot: Bot) -> None:
    """A new release of a voice is a move like any other, with its reason."""
    with bot.reads(Versions) as versions:
        assert [(move.by, move.reason) for move in versions.history("bard")] == [("release", "bard-tiny")]


@pytest.mark.parametrize(("header", "met"), [("ko", "sibot"), ("en-GB,ko;q=0.5", "bard"), ("fr", "sibot")])
def test_a_visitor_meets_the_voice_of_his_language(new_client: NewClient, header: str, met: str) -> None:
    """And where no voice speaks it, the deployment's default; the whole frame of a page is that voice's."""
    client = new_client(accept_language=header)

    assert voice(client.get("/")) == met
    assert f'class="brand" href="/{met}"' in client.get("/learn").text
    assert f'href="/{met}/anthology"' in client.get("/about").text


def test_the_voice_one_read_last_greets_one(new_client: NewClient) -> None:
    """Which voice is read and which language the pages speak have nothing to do with one another."""
    client = new_client(accept_language="en")
    page = client.get("/sibot")

    assert voice(client.get("/")) == "sibot"
    assert '<html lang="en">' in page.text
    assert '<html lang="ko">' in client.get("/bard", headers={"accept-language": "ko"}).text
    assert voice(client.get("/")) == "bard"


def test_voices_are_found_from_one_another(client: httpx.Client) -> None:
    """From a page of one to the same page of the other; from a poem to the other's poem."""
    assert 'href="/bard/anthology" lang="en">bard</a>' in client.get("/sibot/anthology?since=ever").text
    assert 'href="/sibot/guess" lang="ko">시봇</a>' in client.get("/bard/guess").text
    assert 'href="/bard" lang="en">bard</a>' in client.get(permalink(client.get("/sibot"))).text
    assert "영어 · 초판" in re.sub(r"<[^>]+>", "", client.get("/about").text)


def test_who_says_nothing_is_spoken_to_in_the_voices_language(new_client: NewClient) -> None:
    """A link preview names no language: a poem's card is marked in the language of the poem."""
    reader = new_client()
    poems = {slug: permalink(reader.get(f"/{slug}")) for slug in ("sibot", "bard")}
    preview = new_client(user_agent="facebookexternalhit/1.1", accept_language="")

    assert "AI-generated · bard version 0" in preview.get(poems["bard"]).text
    assert preview.get(poems["bard"] + ".txt").text.splitlines()[-2] == "AI-generated · bard version 0"
    assert "AI 생성 · 시봇 초판" in preview.get(poems["sibot"]).text


def test_bookmarks_weave_with_each_voice_whose_lines_one_ticked(client: httpx.Client) -> None:
    """Two ticked lines of one voice offer its loom and not the other's; each line is in its language."""
    page = client.get("/bard")
    client.get("/bard")
    for line in re.findall(r'name="lines" value="(\d+)"', page.text)[:2]:
        client.put(f"/api/v1/lines/{line}/tick", headers={"content-type": "application/json"})
    bookmarks = client.get("/me").text

    assert 'href="/bard/weave"' in bookmarks
    assert 'href="/sibot/weave"' not in bookmarks
    assert '<p class="stanza" lang="en">' in bookmarks


def test_the_contest_is_the_promise_of_one(client: httpx.Client) -> None:
    """시봇 promised in 2016 to enter the spring contest; another voice shows its best five and claims nothing."""
    assert "2016년에 한 약속" in client.get("/sibot/anthology").text
    other = client.get("/bard/anthology").text

    assert "가장 나은 다섯 편" in other
    assert "신춘문예" not in other


ENGLISH = "The last bus has gone\nand the street keeps its rain"


@pytest.mark.parametrize(("voice", "text", "other"), [("sibot", ENGLISH, "bard"), ("bard", POEM, "sibot")])
def test_a_poem_in_the_others_language_is_offered_to_the_other(
    reader: Reader, bot: Bot, voice: str, text: str, other: str
) -> None:
    """Before anything is stored; who means it can teach it to this voice all the same."""
    answer = reader.send(form(reader.open(f"/{voice}/teach"), "/submissions"), text=text, title="T", consent="yes")

    assert answer.status_code == 422
    assert "이 시인이 쓰는 말로 된 글이 아닌 듯합니다" in answer.text
    with bot.reading() as session:
        assert Submissions(session).count() == 0
    assert f'formaction="/{other}/submissions"' in answer.text
    elsewhere = next(one for one in forms(answer) if one.action == f"/{other}/submissions")
    assert elsewhere.filled()["text"][0].splitlines() == text.splitlines()
    assert reader.send(elsewhere).status_code == 200
    assert reader.send(form(answer, f"/{voice}/submissions"), anyway="yes").status_code == 200
    with bot.reading() as session:
        assert Submissions(session).count() == 2
