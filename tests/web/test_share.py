"""What a reader takes with him, and what readers loved: marked everywhere as a machine's."""

import html
import io
import re
from xml.etree import ElementTree as ET

import html5lib
import httpx
import pytest
from PIL import Image

from app.web.http.limits import Rule
from app.web.readers.picture import SIZES, card
from tests.web.conftest import NewClient
from tests.web.reader import Reader, form, lines

ATOM = "{http://www.w3.org/2005/Atom}"


def ticked(reader: Reader, *slots: int) -> httpx.Response:
    """A poem with those lines ticked."""
    ticks = form(reader.open("/sibot"), "/ticks")
    ids = [value for name, value in ticks.boxes if name == "lines"]
    return reader.send(ticks, lines=[ids[slot] for slot in slots])


def test_everything_one_keeps_is_marked(reader: Reader) -> None:
    """Text, data, picture and the page's own head say that a machine wrote it, and which version."""
    page = reader.open("/sibot")
    poem = re.search(r'data-poem="(\w+)"', page.text)
    assert poem is not None
    address = f"/poems/{poem[1]}"

    assert reader.open(f"{address}.txt").text.splitlines()[:-1] == [*lines(page), "", "AI 생성 · 시봇 초판"]
    data = reader.open(f"{address}.json").json()
    assert (data["generator"], data["version"], data["mark"]) == ("AI", 0, "AI 생성 · 시봇 초판")
    assert "AI 생성 · 시봇 초판" in page.text
    head = {
        meta.get("property"): meta.get("content")
        for meta in html5lib.parse(page.text, namespaceHTMLElements=False).iter("meta")
    }
    assert head["og:image"] == f"{reader.client.base_url}{address}.png".replace("//poems", "/poems")
    assert str(head["og:title"]).endswith("AI 생성 · 시봇 초판")


def test_a_humans_words_are_no_title_and_marked_as_his(reader: Reader, new_client: NewClient) -> None:
    """Where an address is shared stands what the bot wrote; text, data and picture name the line that it did not."""
    write = form(reader.open("/sibot"), "/sibot/poems")
    address = reader.send_only(write, prime="이 말은 내가 썼다").headers["location"]
    page = new_client().get(address)
    head = html5lib.parse(page.text, namespaceHTMLElements=False)
    previews = {str(meta.get("property")): str(meta.get("content")) for meta in head.iter("meta")}

    assert str(head.findtext("head/title")).startswith(lines(page)[1])
    assert previews["og:title"] == f"{lines(page)[1]} · AI 생성 · 시봇 초판"
    assert previews["og:description"] == "\n".join(lines(page)[1:])
    assert previews["og:image:alt"].endswith("사람의 말: 1행")
    assert reader.open(f"{address}.txt").text.splitlines()[-2] == "AI 생성 · 시봇 초판 · 사람의 말: 1행"
    assert reader.open(f"{address}.json").json()["mark"] == "AI 생성 · 시봇 초판 · 사람의 말: 1행"
    plain, told = (card(("가", "나"), "시봇", "초판", "AI 생성", by_humans=frozenset(humans)) for humans in ((), (0,)))
    assert plain != told


def test_the_picture_is_a_picture(reader: Reader, new_client: NewClient) -> None:
    """Of the size that others show, in both languages, and shown on other people's pages."""
    address = re.search(r"/poems/\w+\.png", reader.open("/sibot").text)
    assert address is not None
    answers = [reader.open(address[0]), new_client(accept_language="en").get(address[0])]

    for answer in answers:
        assert answer.headers["content-type"] == "image/png"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        assert Image.open(io.BytesIO(answer.content)).size == SIZES["landscape"]
        assert len(answer.content) < 60_000
    assert answers[0].content != answers[1].content


def test_what_caches_keep_for_others_carries_no_cookie(reader: Reader, new_client: NewClient) -> None:
    """A picture, a style sheet: whoever they are handed to must not become the reader for whom they were fetched."""
    page = reader.open("/sibot").text
    asked = re.findall(r"/poems/\w+\.png|/static/[\w.?=]+", page)
    assert len(asked) > 2
    for path in asked:
        answer = new_client().get(path)
        assert answer.headers["cache-control"].startswith("public")
        assert "set-cookie" not in answer.headers
    assert "Cookie" in new_client().get(next(path for path in asked if path.endswith("png"))).headers["vary"]
    assert "set-cookie" in new_client().get("/sibot").headers


def test_only_a_file_under_its_own_hash_is_kept_for_good(reader: Reader) -> None:
    """While a release rolls, a new page may get the old script: a cache must not hold that for a year."""
    address = re.search(r"/static/site\.js\?v=(\w+)", reader.open("/sibot").text)
    assert address is not None
    kept = {
        query: reader.open(f"/static/site.js{query}").headers["cache-control"]
        for query in (f"?v={address[1]}", "", "?v=", "?v=0123456789", f"?v=0123456789&v={address[1]}")
    }

    assert "immutable" in kept.pop(f"?v={address[1]}")
    assert set(kept.values()) == {"public, no-cache"}
    etag = reader.open("/static/site.js?v=0123456789").headers["etag"]
    again = reader.client.get("/static/site.js?v=0123456789", headers={"if-none-match": etag})
    assert (again.status_code, again.headers["cache-control"]) == (304, "public, no-cache")


def test_pictures_are_counted(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """To draw one costs as much as to write a poem."""
    address = re.search(r"/poems/\w+\.png", reader.open("/sibot").text)
    assert address is not None
    reader.open("/sibot")
    monkeypatch.setattr("app.web.readers.share.READINGS", Rule("readings", each="2/minute", address="9/minute"))

    assert [reader.client.get(address[0]).status_code for _ in range(3)] == [200, 200, 429]


def test_any_poem_fits_on_a_card() -> None:
    """One line or sixteen, short, long, empty or in no script the font knows."""
    for verse in (("봄",), ("가 나 다 " * 30,) * 16, (), ("",), ("🦉" * 40, "e\u0301")):
        drawn = card(tuple(verse), "아주 긴 이름의 시봇 " * 5, "12판", "AI 생성")
        assert Image.open(io.BytesIO(drawn)).size == SIZES["landscape"]


def test_the_anthology_has_what_readers_ticked(reader: Reader) -> None:
    """Of the week and ever; the feed has the same poem, and every entry says what wrote it."""
    page = ticked(reader, 1, 3)
    loved = lines(page)

    for since in ("week", "ever", "nonsense"):
        shown = html.unescape(reader.open(f"/sibot/anthology?since={since}").text)
        assert loved[1] in shown
        assert "1명이 골랐습니다" in shown
    answer = reader.open("/sibot/anthology.atom")
    assert answer.headers["content-type"].startswith("application/atom+xml")
    entries = ET.fromstring(answer.text).findall(f"{ATOM}entry")
    assert [entry.findtext(f"{ATOM}title") for entry in entries] == [loved[0]]
    assert "AI 생성 · 시봇 초판" in ET.tostring(entries[0], encoding="unicode")


def test_an_empty_anthology_is_a_page_and_a_feed(reader: Reader) -> None:
    """Where nobody has ticked anything."""
    page = reader.open("/sibot/anthology").text
    assert "첫 행을 골라 주세요" in page
    assert "이 다섯 편입니다" not in page  # there are none
    assert ET.fromstring(reader.open("/sibot/anthology.atom").text).findall(f"{ATOM}entry") == []
    assert reader.open("/nobody/anthology.atom").status_code == 404


def test_nobody_is_said_only_of_nobody(new_client: NewClient) -> None:
    """Of readers at one address two count: the third one's tick is on no list, and the page says so and why."""
    readers = [Reader(new_client()) for _ in range(3)]
    for one in readers:
        one.open("/sibot")
        one.open("/sibot")
    ticked(readers[2], 1)

    for since in ("week", "ever"):
        page = readers[0].open(f"/sibot/anthology?since={since}").text
        assert "아무도" not in page
        assert "행을 고른 독자 1명 가운데 0명을 셉니다" in page
        assert "한 곳에서는 하루 두 명까지 셉니다" in page


def test_the_spring_contest_is_the_top_shelf(reader: Reader, new_client: NewClient) -> None:
    """Its old address leads there; first comes the poem that most of its readers liked, and they are counted."""
    by_one = ticked(reader, 0, 1, 2, 3, 4)
    by_two = ticked(Reader(new_client()), 2)
    again(reader, by_two, 3)

    page = html.unescape(reader.open("/sibot/spring").text)

    assert page.index(lines(by_two)[0]) < page.index(lines(by_one)[0])
    assert "읽은 독자 2명 가운데 2명이 골랐습니다" in page
    assert "아직 다섯 편이 모이지 않았습니다" in page
    assert "독자 1명이 1행을 골랐습니다" not in page
    assert reader.client.get("/sibot/poems?sort=loved").headers["location"] == "/sibot/anthology"


def again(reader: Reader, shown: httpx.Response, slot: int) -> httpx.Response:
    """Press the seal of a line where its poem stands among others: once it ticks, then it takes the tick back."""
    poem = re.search(r'data-poem="(\w+)"', shown.text)
    assert poem is not None
    browsed = form(reader.open("/sibot/poems"), f"/{poem[1]}/tick")
    return reader.send(browsed, line=re.findall(r'data-line="(\d+)"', shown.text)[slot])


def test_a_line_is_ticked_where_one_reads_it(reader: Reader, new_client: NewClient) -> None:
    """Among the poems and among the loved ones; pressed twice it is ticked no longer; all see how many did."""
    guest = Reader(new_client())
    guest.open("/sibot")
    shown = ticked(reader, 1)

    page = html.unescape(again(guest, shown, 1).text)
    assert (page.count('aria-pressed="true"'), page.count("2명이 골랐습니다")) == (1, 1)
    loved = html.unescape(guest.open("/sibot/anthology?since=week").text)
    assert (loved.count('aria-pressed="true"'), loved.count("2명이 골랐습니다")) == (2, 2)

    page = html.unescape(again(guest, shown, 1).text)
    assert (page.count('aria-pressed="true"'), page.count("1명이 골랐습니다")) == (0, 1)
    sent = form(guest.open("/sibot/poems"), "/tick")
    sent.fields = [(name, "/\\elsewhere" if name == "next" else value) for name, value in sent.fields]
    assert guest.send_only(sent).headers["location"].startswith("/#poem-")
