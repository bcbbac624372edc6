"""엮기, by the forms that stand on the pages."""

import re

import httpx
import pytest

from app.bootstrap import Bot, now
from app.domain.submission import SubmissionStatus
from app.store.submissions import Pieces
from tests.web.conftest import NewClient
from tests.web.reader import Reader, form, lines
from tests.web.test_share import ticked


def woven(
    reader: Reader, title: str = "귀가", author: str = "독자", places: tuple[int, ...] = (2, 1)
) -> httpx.Response:
    """A piece of the first ticked lines, each in the place that is given."""
    sent = form(reader.open("/sibot/weave"), "/sibot/pieces")
    names = [name for name, _ in sent.fields if name.startswith("place-")]
    given = {name: str(place) for name, place in zip(names, places, strict=False)}
    return reader.send(sent, title=title, author=author, **given)


def decide(bot: Bot, piece: str, status: SubmissionStatus) -> None:
    """What a moderator does."""
    with bot.transaction() as session:
        Pieces(session).decide([piece], status, by="keeper", now=now())


def test_lines_are_woven_into_a_piece_of_ones_own(reader: Reader, new_client: NewClient, bot: Bot) -> None:
    """In the order that was given, under a title; others see it once it is approved, and who wrote the lines."""
    page = ticked(reader, 0, 4)
    piece = woven(reader)
    address, other = piece.url.path, Reader(new_client())

    assert re.findall(r'class="text" lang="ko">([^<]+)<', piece.text) in (
        [lines(page)[0], lines(page)[4]],
        [lines(page)[4], lines(page)[0]],
    )
    assert "귀가" in piece.text
    assert "나에게만 보입니다" in piece.text
    assert other.open(address).status_code == 404
    assert other.open(f"{address}.png").status_code == 404
    assert reader.open(f"{address}.png").headers["cache-control"] == "no-store"
    assert "귀가" not in other.open("/sibot/pieces").text

    decide(bot, address.rpartition("/")[2], SubmissionStatus.APPROVED)
    shown = other.open(address)
    assert "엮은이 독자" in shown.text
    assert "AI 생성 · 시봇 초판" in shown.text
    assert "거두기" not in shown.text
    assert "귀가" in other.open("/sibot/pieces").text
    assert other.open(f"{address}.png").headers["content-type"] == "image/png"
    assert other.open(f"{address}.png").headers["cache-control"].startswith("public")


def test_the_maker_takes_it_back(reader: Reader, new_client: NewClient, bot: Bot) -> None:
    """It is gone from every list, and no moderator brings it back; nobody else can take it back."""
    ticked(reader, 0, 4)
    piece = woven(reader)
    address = piece.url.path
    decide(bot, address.rpartition("/")[2], SubmissionStatus.APPROVED)
    other = Reader(new_client())
    foreign = form(other.open("/sibot"), "/ticks")
    answer = other.client.post(f"{address}/withdraw", data={"csrf_token": dict(foreign.fields)["csrf_token"]})
    assert answer.status_code == 404

    reader.send(form(reader.open(address), "/withdraw"))

    decide(bot, address.rpartition("/")[2], SubmissionStatus.APPROVED)
    assert other.open(address).status_code == 404
    assert "귀가" not in reader.open("/me").text


@pytest.mark.parametrize(
    ("title", "places", "reason"),
    [
        ("", (1, 2), "제목을 붙여"),
        ("귀가", (1,), "둘에서 열여섯"),
        ("귀" * 101, (1, 2), "너무 깁니다"),
        ("귀\u0007가", (1, 2), "글로 읽을 수 없는"),
        ("010-1234-5678", (1, 2), ""),
    ],
)
def test_what_cannot_be_woven_comes_back(reader: Reader, title: str, places: tuple[int, ...], reason: str) -> None:
    """With the reason, the title and the places still there."""
    ticked(reader, 0, 4)
    answer = woven(reader, title=title, places=places)

    assert answer.status_code == 422
    assert reason in answer.text
    assert 'value="1"' in answer.text


def test_only_ticked_lines_are_woven(reader: Reader, new_client: NewClient) -> None:
    """Somebody else's line, or one he has not ticked, is refused."""
    page = ticked(reader, 0, 1)
    ids = [value for name, value in form(page, "/ticks").boxes if name == "lines"]
    sent = form(reader.open("/sibot/weave"), "/sibot/pieces")

    answer = reader.send(sent, title="귀가", **{f"place-{ids[0]}": "1", f"place-{ids[3]}": "2"})

    assert answer.status_code == 404
    assert "둘은 있어야" in Reader(new_client()).open("/sibot/weave").text
