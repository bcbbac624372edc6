"""The proof: versions, trials and effects as everybody sees them, and the trial as the admin does."""

from base64 import b64encode
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from xml.etree import ElementTree as ET

import httpx
import pytest
from sqlalchemy import update

from app import actions
from app.actions import submissions
from app.bootstrap import Bot, now
from app.domain.gate import Verdict
from app.domain.lesson import LessonItem
from app.domain.poem import Wish, Writing, WrittenLine
from app.domain.submission import SubmissionStatus
from app.domain.trial import Arm, Evidence
from app.domain.version import VersionStatus
from app.domain.visitor import Visitor
from app.store.admins import Audit
from app.store.submissions import Submissions
from app.store.tables import VersionRow
from app.store.trials import Trials
from app.store.versions import Versions
from app.web.http.visitors import Keys
from tests.web.conftest import NewClient
from tests.web.reader import Reader, form

FEW = Verdict((), ("too_few_readers",))
POEMS = [["봄비가 온다", "창을 닫는다"], ["별만 있다", "아무도 없다"]]


def a_version(bot: Bot, *items: LessonItem, verdict: Verdict = FEW) -> tuple[int, int]:
    """A version that only stands in the table: its row id and number."""
    with bot.transaction() as session:
        versions = Versions(session)
        versions.measured(versions.one("sibot", 0).id, {"bits_per_char": 3.4}, POEMS)
        return versions.add(
            "sibot",
            folder=f"sibot/{len(versions.of_voice('sibot'))}",
            status=VersionStatus.REJECTED if verdict.reasons else VersionStatus.UNDECIDED,
            lesson={"hash": "x", "ticks": 3, "submissions": 1, "visitors": 2},
            metrics={"bits_per_char": 3.5},
            verdict=verdict,
            run=None,
            now=now(),
            items=items,
            samples=[["눈이 온다", "문을 연다"], ["달만 있다", "누가 있다"]],
        )


@pytest.fixture
def trial(bot: Bot) -> int:
    """Version 1 on trial, with some evidence; the trial's number."""
    version, _ = a_version(bot)
    with bot.transaction() as session:
        trials = Trials(session)
        number = trials.start("sibot", version, share=0.3, now=now())
        assert number is not None
        trials.note(number, Evidence(42, Arm(60, 300, 30), Arm(30, 150, 30), [(1.5, 0.9), (6.25, 0.1)]))
    return number


def test_everybody_sees_the_trial_and_the_poems_side_by_side(reader: Reader, bot: Bot, trial: int) -> None:
    """The answer first, then poems of one seed, then figures in words and numbers; the rejected ones' reasons too."""
    a_version(bot, verdict=Verdict(("copies",)))

    page = reader.open("/sibot/versions").text

    first = ("아직 모릅니다: 새로 배운 판을 읽은 독자가 없습니다.", "1판이 쓰던 판과 겨루고", "봄비가 온다", "<table>")
    places = [page.index(told) for told in first]
    assert places == sorted(places)
    assert "별만 있다" not in page
    again = reader.open("/sibot/versions?seed=1").text
    assert "별만 있다" in again
    assert "달만 있다" in again

    for told in (
        "겨루는 중",
        "6.2 대 1",
        "0.1 대 1",
        "30/150",
        "30/300",
        "봄비가 온다",
        "눈이 온다",
        "그대로 옮겨 씁니다",
    ):
        assert told in page


@pytest.mark.parametrize(("language", "told"), [("ko", "판마다 고른 비율"), ("en", "Tick-rate by version")])
def test_the_chart_is_an_image_with_a_title(new_client: NewClient, language: str, told: str) -> None:
    """Drawn on the server, in the reader's language, without a script; it may bring its own style and load nothing."""
    chart = new_client(accept_language=language).get("/sibot/versions/rates.svg")

    assert chart.headers["content-type"].startswith("image/svg+xml")
    assert told in chart.text
    assert "<script" not in chart.text
    policy, drawn = chart.headers["content-security-policy"], ET.fromstring(chart.content)
    styles = [element.text or "" for element in drawn.iter("{http://www.w3.org/2000/svg}style")]
    assert styles
    for style in styles:
        assert f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'" in policy
    assert not any("style" in element.attrib for element in drawn.iter())
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_a_program_sees_it_too(client: httpx.Client, trial: int) -> None:
    """The contract's kind of shape: numbers with their intervals."""
    (shown,) = client.get("/api/v1/voices/sibot/trials").json()

    assert (shown["trial"], shown["state"], shown["reason"], shown["visitors"]) == (trial, "running", None, 42)
    assert shown["challenger"]["tick_rate"]["mean"] == pytest.approx(0.2)
    assert shown["champion"]["impressions"] == 300
    assert client.get("/api/v1/voices/nobody/trials").status_code == 404


def test_the_desk_shows_it_live_and_can_end_it(keeper: Reader, bot: Bot, trial: int) -> None:
    """A chart, a table, how near it is; ending it is written down, and twice is once."""
    page = keeper.open("/desk/sibot/trial")

    assert 'data-live="trial"' in page.text
    assert "<progress" in page.text
    assert "30%" in page.text
    chart = keeper.open("/desk/sibot/trial.svg")
    assert chart.headers["content-type"].startswith("image/svg+xml")
    assert "unsafe" not in chart.headers["content-security-policy"]
    assert " style=" not in chart.text
    assert 'viewBox="0 0 380 300"' in keeper.open("/desk/sibot/trial.svg?narrow=1").text
    assert "정말 그만두기" in page.text
    assert "겨루기가 결론 없이 끝나고" in page.text
    assert "봄비가 온다" in page.text
    assert "눈이 온다" in page.text
    ending = form(page, "/trial/stop")
    assert "관리자가 그만두게 했습니다" in keeper.send(ending).text
    keeper.send(ending)
    with bot.reads(Audit) as audit:
        assert [entry.deed for entry in audit.newest()].count("trial.stop") == 1


def test_the_desk_says_who_is_counted_and_when(
    keeper: Reader, reader: Reader, bot: Bot, trial: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all who were given poems by the two; and when the next one's hour is over."""
    at = now() - timedelta(minutes=20)
    monkeypatch.setattr(Trials, "begun", lambda _self, _trial: [(at, True), (at, False)])
    page = keeper.open("/desk/sibot/trial").text

    assert "두 판의 시를 받은 독자 2명 가운데 42명을 셌습니다" in page
    assert f'<time datetime="{(at + timedelta(hours=1)).isoformat(timespec="seconds")}">' in page


def test_the_desk_says_that_there_was_none(keeper: Reader) -> None:
    """Before the first."""
    assert "아직 겨룬 판이 없습니다" in keeper.open("/desk/sibot/trial").text
    assert keeper.client.get("/desk/sibot/trial.svg").status_code == 404


def test_a_trial_is_the_admins_to_end(reader: Reader, client: httpx.Client, bearer: dict[str, str], trial: int) -> None:
    """By program too; nobody else's."""
    assert reader.open("/desk/sibot/trial").url.path == "/desk/login"
    assert client.post("/api/v1/admin/voices/sibot/trial/stop").status_code == 401

    ended = client.post("/api/v1/admin/voices/sibot/trial/stop", headers=bearer)

    assert (ended.json()["state"], ended.json()["reason"]) == ("stopped", "admin")
    assert client.post("/api/v1/admin/voices/sibot/trial/stop", headers=bearer).json() is None


def test_the_admin_may_choose_an_undecided_version(client: httpx.Client, bearer: dict[str, str], trial: int) -> None:
    """Without overriding anything: that is what undecided means. Its trial has ended then."""
    answer = client.post("/api/v1/admin/voices/sibot/promote", headers=bearer, json={"version": 1})

    assert answer.json() == {"champion": 1}
    assert client.get("/api/v1/voices/sibot/trials").json()[0]["reason"] == "promoted"


def test_a_version_that_was_pushed_through_says_so_for_ever(
    reader: Reader, client: httpx.Client, bearer: dict[str, str], bot: Bot
) -> None:
    """While it serves, when another does, and when its folder is gone: what the gate said is not rounded up."""
    version, _ = a_version(bot, verdict=Verdict(("copies",)))
    asked = {"version": 1, "override": True, "reason": "the quotations are wanted"}
    assert client.post("/api/v1/admin/voices/sibot/promote", headers=bearer, json=asked).is_success

    told = "심사를 통과하지는 않았지만 관리자가 이 판에 시를 맡겼습니다."
    serves = reader.open("/sibot/versions").text
    assert "지금 쓰는 1판은 심사를 통과하지 못했습니다. 그래도 관리자가 이 판에 시를 맡겼습니다." in serves
    assert told in serves
    client.post("/api/v1/admin/voices/sibot/rollback", headers=bearer)
    with bot.transaction() as session:
        session.execute(update(VersionRow).where(VersionRow.id == version).values(status=VersionStatus.PRUNED))
    after = reader.open("/sibot/versions").text
    assert "심사를 통과하지 않고 관리자가 한때 시를 맡겼던 판입니다. 지금은 쓰지 않습니다." in after
    assert "지금 쓰는 판: 초판" in after
    assert "통과하지 못함" in after
    assert "관리자가 정해서" in after


def test_a_page_speaks_of_the_version_that_wrote_its_poem(reader: Reader, bot: Bot, trial: int) -> None:
    """In a trial that is not always the champion: title and label name one version, or none while untold."""
    reader.open("/sibot")
    mine = Keys(bot.settings.secret()).read_visitor(reader.client.cookies["visitor"])
    assert mine is not None
    line = WrittenLine(slot=0, text="눈이 온다", logprob=-9.0, chance=1.0)
    written = Writing("sibot", _id(bot, 1), 7, 0.8, (line,), trial=trial)
    pages = []
    for hours in (0, 2):
        then = replace(bot, clock=partial(_ago, hours))
        poem = actions.poems.store(then, Wish(), written, by=Visitor(mine, returned=True, address=""))
        pages.append(reader.open(f"/poems/{poem.id}").text)

    assert ["1판" in page for page in pages] == [False, True]
    assert ["두 판 가운데 하나" in page for page in pages] == [True, False]
    assert not any("초판" in page for page in pages)


def _ago(hours: int) -> datetime:
    return now() - timedelta(hours=hours)


def _id(bot: Bot, number: int) -> int:
    with bot.reads(Versions) as versions:
        return versions.one("sibot", number).id


def test_a_line_tells_what_difference_it_made(reader: Reader, bot: Bot) -> None:
    """On its poem's page, and on the page of who ticked it: which version learned it, and to what effect."""
    reader.open("/sibot")
    page = reader.open("/sibot")
    boxes = form(page, "/ticks")
    line = _first_line(page)
    poem = reader.send(boxes, lines=[str(line)])
    assert 'id="learned"' not in poem.text
    a_version(bot, LessonItem("line", line, 1.0, 0.7419))

    told = "이 행은 1판이 배웠습니다. 이 판이 이 말을 쓸 확률은 바탕의 2.1배입니다."
    assert told in reader.open(str(poem.url.path)).text
    assert told in reader.open("/me").text


def _first_line(page: httpx.Response) -> int:
    return int(page.text.split('<li data-line="')[1].split('"')[0])


def test_a_line_that_gained_nothing_says_so(reader: Reader, bot: Bot) -> None:
    """No success is claimed that was not measured."""
    reader.open("/sibot")
    page = reader.open("/sibot")
    a_version(bot, LessonItem("line", _first_line(page), 1.0, -0.2))

    assert "이 말을 쓸 확률은 아직 바탕보다 높지 않습니다." in reader.open("/sibot").text


@pytest.fixture
def withdrawn(bot: Bot) -> tuple[str, int]:
    """A poem that version 1 was taught, and that was withdrawn then; its token, and version 1."""
    text, author = "밤비가 지나간 골목에\n우산 하나 남아 있다", Visitor("author", returned=True, address="")
    given, _ = submissions.teach(bot, "sibot", by=author, text=text, consent=True)
    submissions.decide(bot, [given.id], SubmissionStatus.APPROVED, by="admin")
    _, number = a_version(bot, LessonItem("poem", given.id, 2.0, 0.1))
    with bot.transaction() as session:
        Submissions(session).withdraw(given.token, now())
    return given.token, number


def test_what_was_withdrawn_says_when_it_is_gone(reader: Reader, bot: Bot, withdrawn: tuple[str, int]) -> None:
    """When it was last taught; that the version that serves still knows it; and since when none does."""
    token, number = withdrawn
    never = reader.open(f"/submissions/{token}").text
    _promote(bot, number, 1)
    serves = reader.open(f"/submissions/{token}").text
    _promote(bot, 0, 2)
    gone = reader.open(f"/submissions/{token}").text

    assert "에 나온 1판입니다." in never
    assert "독자를 만난 적이 없습니다" in never
    assert "지금 쓰는 판에는 아직 남아 있습니다" in serves
    assert "그때부터 남아 있지 않습니다" in gone


def _promote(bot: Bot, number: int, hours: int) -> None:
    with bot.transaction() as session:
        Versions(session).promote("sibot", number, by="admin", reason="", now=now() + timedelta(hours=hours))
