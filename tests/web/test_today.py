"""오늘의 시, as its readers meet it: first on the page in the morning, with its date, address, archive and feed."""

import html
from datetime import timedelta
from xml.etree import ElementTree as ET

from sqlalchemy import update

from app.bootstrap import Bot, now
from app.domain.poem import date_of
from app.store.tables import DayRow, PoemRow
from tests.web.conftest import NewClient
from tests.web.reader import Reader, form, lines, poem_of
from tests.web.test_life import learned, ticked

ATOM = "{http://www.w3.org/2005/Atom}"


def yesterday(bot: Bot) -> None:
    """Whatever was written was written a day ago."""
    with bot.transaction() as session:
        session.execute(update(PoemRow).values(created=now() - timedelta(days=1)))


def test_the_next_morning_begins_with_the_poem_of_the_day(reader: Reader, bot: Bot) -> None:
    """With its date, boxes to tick, and the way to the poem he read; once he has another, that one stands there."""
    old = reader.open("/sibot")
    assert "오늘의 시 ·" not in reader.open("/sibot").text
    yesterday(bot)

    morning = reader.open("/sibot")
    today = date_of("ko", now())
    assert f"오늘의 시 · {today.year}년 {today.month}월 {today.day}일" in morning.text
    assert poem_of(morning) != poem_of(old)
    assert [name for name, _ in form(morning, "/ticks").boxes].count("lines") == 5
    assert f'<a href="/poems/{poem_of(old)}">지난번 읽던 시로</a>' in morning.text
    assert lines(reader.open("/")) == lines(morning)
    new = reader.send(form(morning, "/sibot/poems"))
    assert poem_of(reader.open("/sibot")) == poem_of(new)


def test_news_of_his_lines_stand_beside_the_poem_of_the_day(reader: Reader, bot: Bot) -> None:
    """Though that poem was written for him just now, by the version that learned them."""
    _, ids = ticked(reader, 0)
    yesterday(bot)
    number = learned(bot, *ids)

    morning = reader.open("/sibot").text
    assert "오늘의 시 ·" in morning
    assert f"고르신 한 행을 {number}판이 배웠습니다 → 새 판 보기" in morning


def test_every_day_has_an_address_and_a_place_in_the_feed(reader: Reader, bot: Bot, new_client: NewClient) -> None:
    """Who asks first has it chosen; the days before are listed; a crawler chooses nothing."""
    quiet = new_client(user_agent="Googlebot/2.1")
    assert "아직 오늘의 시를 정하지 못했습니다" in quiet.get("/sibot/today").text
    first = html.unescape(reader.open("/sibot/today").text)
    today = date_of("ko", now())
    before = today - timedelta(days=1)
    with bot.transaction() as session:
        session.execute(update(DayRow).values(day=before.isoformat()))
        session.execute(update(PoemRow).values(created=now() - timedelta(days=1)))
    second = html.unescape(reader.open("/sibot/today").text)

    assert first != second
    for day in (before, today):
        page = quiet.get(f"/sibot/today/{day}")
        assert f"{day.year}년 {day.month}월 {day.day}일" in page.text
        assert f'data-share="{reader.client.base_url}/sibot/today/{day}"'.replace("//sibot", "/sibot") in page.text
    feed = ET.fromstring(new_client().get("/sibot/today.atom").text)
    assert [one.findtext(f"{ATOM}id", "").rpartition("/")[2] for one in feed.findall(f"{ATOM}entry")] == [
        today.isoformat(),
        before.isoformat(),
    ]
    for nowhere in ("/sibot/today/2016-12-01", "/sibot/today/soon", "/nobody/today", "/nobody/today.atom"):
        assert reader.open(nowhere).status_code == 404, nowhere
