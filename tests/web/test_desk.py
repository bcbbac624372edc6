"""The desk, by hand and by program: what an admin does, and that it is written down."""

import html
import re
from datetime import timedelta

import httpx
import pytest

from app.bootstrap import Bot, now
from app.domain.gate import Verdict
from app.domain.run import Cause, Phase, Progress, RunState
from app.domain.run_log import Judged, Recited, StepTaken
from app.domain.version import VersionStatus
from app.store.admins import Admins, Audit
from app.store.runs import Runs
from app.store.submissions import Submissions
from app.store.tables import RunLogRow
from app.store.versions import Versions
from tests.support import versions
from tests.support.bots import NotedQueue
from tests.web.conftest import NewClient
from tests.web.reader import Reader, form, forms

POEM = "창밖에 눈이 내리고\n나는 오래 서 있었다"


def deeds(bot: Bot) -> list[tuple[str, str]]:
    """Who did what, newest first."""
    with bot.reading() as session:
        return [(entry.who, entry.deed) for entry in Audit(session).newest()]


@pytest.mark.parametrize("path", ["/desk", "/desk/runs/1", "/desk/submissions", "/desk/audit"])
def test_the_desk_is_closed_to_others(reader: Reader, path: str) -> None:
    """They are shown the door."""
    assert reader.open(path).url.path == "/desk/login"


def test_deeds_are_closed_to_others(reader: Reader, bot: Bot) -> None:
    """A form of ours is not enough, and nothing happens."""
    token = form(reader.open("/desk/login"), "/desk/login").filled()["csrf_token"]

    for path in (
        "/desk/sibot/runs",
        "/desk/sibot/drawer/empty",
        "/desk/sibot/promote",
        "/desk/sibot/rollback",
        "/desk/submissions/decide",
        "/desk/runs/1/cancel",
    ):
        assert reader.client.post(path, data={"csrf_token": token}).status_code == 401
    assert deeds(bot) == []


def test_a_wrong_password_and_an_unknown_name_look_the_same(reader: Reader, admin_name: str) -> None:
    """Same status, same words; the name comes back, the password does not."""
    door = form(reader.open("/desk/login"), "/desk/login")

    wrong = reader.send(door, name=admin_name, password="wrong password")
    unknown = reader.send(door, name="nobody\x00", password="wrong password")

    assert wrong.status_code == unknown.status_code == 401
    assert "이름이나 비밀번호가 맞지 않습니다" in wrong.text
    assert "이름이나 비밀번호가 맞지 않습니다" in unknown.text
    assert f'value="{admin_name}"' in wrong.text
    assert "wrong password" not in wrong.text


def test_logging_out_closes_the_session_everywhere(keeper: Reader, new_client: NewClient) -> None:
    """A copy of the cookie opens nothing any more."""
    copy = new_client()
    copy.cookies.set("desk", keeper.client.cookies["desk"])
    assert copy.get("/desk").status_code == 200

    keeper.send(form(keeper.open("/desk"), "/desk/logout"))

    assert copy.get("/desk").status_code == 303
    assert keeper.open("/desk").url.path == "/desk/login"


def test_a_button_starts_a_run(keeper: Reader, bot: Bot) -> None:
    """The run has a row, it was announced, and a second click finds the same run."""
    page = keeper.send(form(keeper.open("/desk"), "/desk/sibot/runs"))
    again = keeper.send(form(keeper.open("/desk"), "/desk/sibot/runs"))

    assert page.url == again.url
    assert "차례를 기다림" in page.text
    assert isinstance(bot.queue, NotedQueue)
    assert bot.queue.announced[0] == "sibot"
    assert deeds(bot)[0] == ("keeper", "run.start")
    assert [deed for _, deed in deeds(bot)].count("run.start") == 1


def test_a_run_can_be_cancelled(keeper: Reader, bot: Bot) -> None:
    """A queued run ends at once."""
    page = keeper.send(form(keeper.open("/desk"), "/desk/sibot/runs"))
    ended = keeper.send(form(page, "/cancel"))

    assert "멈춤" in ended.text
    assert deeds(bot)[0] == ("keeper", "run.cancel")


def test_submissions_are_decided_in_bulk(keeper: Reader, reader: Reader, bot: Bot) -> None:
    """Those that were picked, and no others."""
    teach = form(reader.open("/sibot"), "/submissions")
    for n in "가나다":
        reader.send(teach, text=f"{POEM} {n}", consent="yes")
    queue = keeper.open("/desk/submissions")
    boxes = [value for name, value in form(queue, "/decide").boxes if name == "ids"]

    left = keeper.send(form(queue, "/decide"), ids=boxes[:2], status="approved")

    rest = next(one for one in forms(left) if one.action.endswith("/decide") and one.boxes)
    assert [value for name, value in rest.boxes if name == "ids"] == boxes[2:]
    assert [deed for _, deed in deeds(bot)][:2] == ["submission.approved"] * 2
    assert keeper.send(rest, ids=boxes[2:], status="eaten").status_code == 422
    assert keeper.send(rest, ids=["x"], status="approved").status_code == 422


def test_a_bulk_decision_can_be_undone(keeper: Reader, reader: Reader, bot: Bot) -> None:
    """One button puts all of them back where they were, and both deeds are written down."""
    teach = form(reader.open("/sibot"), "/submissions")
    for text in ("새벽 기차는 소금밭을 지나간다", "이런 ㅅㅣㅂㅏㄹ 같은 밤에 비가 온다"):
        reader.send(teach, text=text, consent="yes")
    queue = keeper.open("/desk/submissions")
    boxes = [value for name, value in form(queue, "/decide").boxes if name == "ids"]
    assert "살펴볼 말이 들어 있습니다" in queue.text

    decided = keeper.send(form(queue, "/decide"), ids=boxes, status="approved")
    assert form(decided, "/decide").filled()["ids"] == boxes
    undone = keeper.send(form(decided, "/decide"), status="waiting")

    assert [value for name, value in form(undone, "/decide").boxes if name == "ids"] == boxes
    assert [deed for _, deed in deeds(bot)][:4] == ["submission.waiting"] * 2 + ["submission.approved"] * 2
    assert keeper.open("/desk/submissions?undo=eaten:1,2&status=x").status_code == 200
    assert keeper.open("/desk/submissions?undo=waiting:0,x,99999999999").status_code == 200


def test_the_author_reads_why_it_was_declined(keeper: Reader, reader: Reader, client: httpx.Client) -> None:
    """A usual reason in his language, or the moderator's own words; put back, it is gone; the log has it too."""
    teach = form(reader.open("/sibot"), "/submissions")
    sheets = [str(reader.send(teach, text=f"{POEM} {n}", consent="yes").url.path) for n in "가나"]
    queue = keeper.open("/desk/submissions")
    first, second = [one for one in forms(queue) if one.action.endswith("/decide") and not one.boxes]
    assert "1–2" in queue.text
    assert "2 / 2" in queue.text

    keeper.send(first, status="rejected", reason="rights")
    keeper.send(second, status="rejected", reason="rights", words="같은 시를 이미 읽었어요")

    assert "지은이의 허락이 있어야" in reader.open(sheets[0]).text
    assert "author's permission" in reader.client.get(sheets[0], headers={"accept-language": "en"}).text
    assert "같은 시를 이미 읽었어요" in reader.open(sheets[1]).text
    assert "지은이의 허락이 있어야" in keeper.open("/desk/audit").text
    assert keeper.open("/desk/submissions?status=rejected&every=1").text.count(" checked>") == 2
    back = next(one for one in forms(keeper.open("/desk/submissions?status=rejected")) if one.boxes)
    keeper.send(back, ids=[value for name, value in back.boxes if name == "ids"], status="approved")
    assert "지은이의 허락이 있어야" not in reader.open(sheets[0]).text


def test_the_queue_is_read_page_by_page(keeper: Reader, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each poem has its place among all, and the next page goes on where this one ends."""
    queue = Submissions.queue
    monkeypatch.setattr(Submissions, "queue", lambda *given, **named: queue(*given, **{"limit": 2} | named))
    teach = form(reader.open("/sibot"), "/submissions")
    for n in "가나다":
        reader.send(teach, text=f"{POEM} {n}", consent="yes")

    page = keeper.open("/desk/submissions").text
    following = re.search(r'rel="next" href="([^"]+)"', page)
    assert following is not None
    last = keeper.open(f"/desk/submissions{html.unescape(following[1])}").text

    assert ("3편 가운데 1–2" in page, "3편 가운데 3–3" in last, 'rel="next"' in last) == (True, True, False)
    assert f"{POEM} 다" in last


@pytest.fixture
def learned(bot: Bot) -> int:
    """A run that ended in version 1, undecided, with what it said; its number."""
    few = Verdict((), ("too_few_readers",))
    with bot.transaction() as session:
        run, _ = Runs(session).start("sibot", Cause.COUNT, now())
        claim = Runs(session).claim(now(), timedelta(seconds=60))
        assert claim is not None
        for entry in (
            StepTaken(10, 30, 2.5),
            StepTaken(20, 30, 2.0),
            Recited(20, ("눈이 온다", "문을 연다")),
            Judged("undecided", ("too_few_readers",)),
        ):
            Runs(session).log(run, entry, now())
        session.add(RunLogRow(run_id=run, at=now(), text="a line of an earlier release"))
        Runs(session).end(claim, RunState.UNDECIDED, now=now())
        store = Versions(session)
        store.measured(store.champion("sibot").id, {}, [["봄비가 온다"], ["별만 있다"]])
        store.add(
            "sibot",
            folder="sibot/made",
            status=VersionStatus.UNDECIDED,
            lesson=versions.LESSON,
            metrics={},
            verdict=few,
            run=run,
            now=now(),
            samples=[["눈이 내린다"], ["달만 있다"]],
        )
    return run


def test_a_verdict_shows_what_it_is_about(keeper: Reader, bot: Bot, learned: int) -> None:
    """On the page of the run and on the first: both versions' poems, and the button that decides."""
    page = keeper.open(f"/desk/runs/{learned}")
    for told in (
        "봄비가 온다",
        "눈이 내린다",
        "심사에서 판단이 보류되었습니다.",
        "a line of an earlier release",
        "문을 연다",
        "이제 할 일",
    ):
        assert told in page.text
    assert "별만 있다" in keeper.open(f"/desk/runs/{learned}?seed=1").text
    assert "step 10 of 30" not in page.text
    assert ">20단계<" in keeper.open(f"/desk/runs/{learned}/loss.svg").text
    overview = keeper.open("/desk").text
    assert "봄비가 온다" in overview
    assert "눈이 내린다" in overview

    keeper.send(form(page, "/desk/sibot/promote"))
    assert bot.champions()[0].number == 1
    assert "이 판이 지금 씁니다" in keeper.open(f"/desk/runs/{learned}").text


def test_the_desk_says_when_it_learns_next(keeper: Reader, bot: Bot) -> None:
    """How much is new, and what is still missing, by the settings of the site."""
    shown = keeper.open("/desk").text

    assert "고른 행과 시가 0개 모였습니다" in shown
    settings = bot.settings
    assert (settings.retrain_after == 0 and settings.retrain_every == 0) == ("저절로 배우지 않게" in shown)


def test_versions_are_promoted_and_rolled_back(keeper: Reader, bot: Bot) -> None:
    """By buttons; the history and the audit log say who."""
    versions.add(bot, "good")
    keeper.send(form(keeper.open("/desk"), "/desk/sibot/promote"))
    assert bot.champions()[0].number == 1

    keeper.send(form(keeper.open("/desk"), "/desk/sibot/rollback"))

    assert bot.champions()[0].number == 0
    assert deeds(bot)[:2] == [("keeper", "rollback"), ("keeper", "promote")]


def test_a_rejected_version_needs_a_reason(keeper: Reader, bot: Bot) -> None:
    """409 on the desk itself, also for an override that gives none; with a reason it serves, and that is kept."""
    number = versions.add(bot, "bad", status=VersionStatus.REJECTED, reasons=["repeats_itself"])
    offer = form(keeper.open("/desk"), "/desk/sibot/promote")

    assert keeper.send(offer).status_code == 409
    assert keeper.send(offer, override="true", reason=" ").status_code == 409
    assert bot.champions()[0].number == 0
    keeper.send(offer, override="true", reason="들어 보니 좋다")
    assert bot.champions()[0].number == number
    with bot.reading() as session:
        assert "들어 보니 좋다" in Audit(session).newest(1)[0].detail
    assert "들어 보니 좋다" in keeper.open("/desk/audit").text


def test_the_admin_api_starts_and_cancels_runs(client: httpx.Client, bearer: dict[str, str]) -> None:
    """202, then 200 with the run under way; cancelled, it has ended."""
    first = client.post("/api/v1/admin/voices/sibot/runs", headers=bearer)
    second = client.post("/api/v1/admin/voices/sibot/runs", headers=bearer)
    run = first.json()["run"]

    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json() == second.json() == {"run": run, "state": "queued"}
    report = client.get(f"/api/v1/admin/runs/{run}", headers=bearer).json()
    assert {"run", "state", "progress", "step", "of", "loss", "log", "version", "verdict"} <= report.keys()
    assert client.post(f"/api/v1/admin/runs/{run}/cancel", headers=bearer).json()["state"] == "cancelled"
    assert client.get("/api/v1/admin/voices/sibot/runs", headers=bearer).json()[0]["state"] == "cancelled"


def test_a_run_is_watched_to_its_end(client: httpx.Client, bot: Bot, bearer: dict[str, str]) -> None:
    """The stream says how far it has come, and stops when it has ended."""
    run = client.post("/api/v1/admin/voices/sibot/runs", headers=bearer).json()["run"]
    seen = []
    with client.stream("GET", f"/api/v1/admin/runs/{run}/stream", headers=bearer) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for row in answer.iter_lines():
            if row.startswith("data: "):
                seen.append(httpx.Response(200, content=row.removeprefix("data: ")).json()["state"])
                if len(seen) == 1:
                    _train(bot)
    assert seen[0] == "queued"
    assert seen[-1] == "failed"
    assert client.head(f"/api/v1/admin/runs/{run}/stream", headers=bearer).status_code == 200
    assert client.get("/api/v1/admin/runs/77/stream", headers=bearer).status_code == 404


def _train(bot: Bot) -> None:
    with bot.transaction() as session:
        claim = Runs(session).claim(now(), timedelta(seconds=60))
        assert claim is not None
        Runs(session).report(claim, Progress(phase=Phase.TRAINING, step=1, of=4, loss=float("nan")))
    with bot.transaction() as session:
        Runs(session).end(claim, RunState.FAILED, error="no electricity", now=now())


def test_the_admin_api_promotes_and_rolls_back(client: httpx.Client, bot: Bot, bearer: dict[str, str]) -> None:
    """200 with the champion; a rejected version 409, unless overridden with a reason; nothing to undo 409."""
    good, bad = (
        versions.add(bot, "good"),
        versions.add(bot, "bad", status=VersionStatus.REJECTED, reasons=["copies"]),
    )
    call = "/api/v1/admin/voices/sibot/{}".format

    assert client.post(call("rollback"), headers=bearer).status_code == 409
    assert client.post(call("promote"), json={"version": 99}, headers=bearer).status_code == 404
    assert client.post(call("promote"), json={"version": good}, headers=bearer).json() == {"champion": good}
    assert client.post(call("promote"), json={"version": bad}, headers=bearer).status_code == 409
    override = {"version": bad, "override": True}
    assert client.post(call("promote"), json=override, headers=bearer).status_code == 409
    overridden = client.post(call("promote"), json=override | {"reason": "why not"}, headers=bearer)
    assert overridden.json() == {"champion": bad}
    assert client.post(call("rollback"), headers=bearer).json() == {"champion": good}
    history = client.get(call("history"), headers=bearer).json()
    assert [(move["was"], move["version"]) for move in history] == [(bad, good), (good, bad), (0, good), (None, 0)]
    assert {move["by"] for move in history[:3]} == {"keeper"}


def test_the_admin_api_moderates(client: httpx.Client, reader: Reader, bearer: dict[str, str]) -> None:
    """The queue by status; approve and reject."""
    reader.send(form(reader.open("/sibot"), "/submissions"), text=POEM, consent="yes")
    waiting = client.get("/api/v1/admin/submissions?status=waiting", headers=bearer).json()

    call = f"/api/v1/admin/submissions/{waiting[0]['id']}"
    assert client.post(f"{call}/approve", headers=bearer).json()["status"] == "approved"
    assert client.post(f"{call}/reject", headers=bearer).json()["status"] == "rejected"
    refused = client.post(f"{call}/reject", headers=bearer, json={"reason": "hurtful"}).json()
    assert (refused["status"], refused["reason"]) == ("rejected", "hurtful")
    assert client.get("/api/v1/admin/submissions?status=waiting", headers=bearer).json() == []
    assert client.post("/api/v1/admin/submissions/999/approve", headers=bearer).status_code == 404
    assert client.get("/api/v1/admin/submissions?status=eaten", headers=bearer).status_code == 422


def test_the_admin_api_is_read_page_by_page(client: httpx.Client, reader: Reader, bearer: dict[str, str]) -> None:
    """As many as are asked for; submissions from after one."""
    for n in "가나다":
        reader.send(form(reader.open("/sibot"), "/submissions"), text=f"{POEM} {n}", consent="yes")
        run = client.post("/api/v1/admin/voices/sibot/runs", headers=bearer).json()["run"]
        client.post(f"/api/v1/admin/runs/{run}/cancel", headers=bearer)

    def ids(call: str, name: str) -> list[int]:
        return [one[name] for one in client.get(f"/api/v1/admin/{call}", headers=bearer).json()]

    first, second, third = ids("submissions", "id")
    assert ids("submissions?limit=2", "id") == [first, second]
    assert ids(f"submissions?after={first}&limit=1", "id") == [second]
    assert ids(f"submissions?after={second}", "id") == [third]
    assert ids("voices/sibot/runs?limit=2", "run") == [run, run - 1]


def test_a_token_for_looking_changes_nothing(client: httpx.Client, bot: Bot, admin_name: str) -> None:
    """It reads what an admin may read; every deed is refused, and nothing is written down."""
    with bot.transaction() as session:
        token = {"authorization": f"Bearer {Admins(session).new_token(admin_name, now(), 'read')}"}

    assert client.get("/api/v1/admin/voices/sibot/history", headers=token).status_code == 200
    refused = client.post("/api/v1/admin/voices/sibot/runs", headers=token)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert deeds(bot) == []


def test_a_better_hash_is_kept_at_the_next_login(keeper: Reader, bot: Bot, admin_name: str) -> None:
    """The quick hash of these tests is replaced by argon2 at full strength, once its password was given."""
    with bot.reading() as session:
        assert "m=65536" in (Admins(session).password_of(admin_name) or "")
    assert keeper.open("/desk").status_code == 200


def test_a_new_password_closes_the_sessions(keeper: Reader, bot: Bot, admin_name: str) -> None:
    """Sessions live in the database: whoever had the old password is out at once."""
    with bot.transaction() as session:
        Admins(session).create(admin_name, "another hash", now())

    assert keeper.client.get("/desk").status_code == 303


def test_a_wrong_token_is_not_made_up_for_by_a_cookie(keeper: Reader) -> None:
    """Who says who he is must be right about it."""
    call = "/api/v1/admin/voices/sibot/history"

    assert keeper.client.get(call).status_code == 200
    refused = keeper.client.get(call, headers={"authorization": "Bearer nonsense"})
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"


def test_a_version_that_was_never_a_number_is_shown(keeper: Reader, client: httpx.Client, bot: Bot) -> None:
    """What could not be measured is not there, and is no error on a page."""
    broken = {"bits_per_char": 3.5, "distinct": float("nan")}
    versions.add(bot, "bad", status=VersionStatus.REJECTED, reasons=["not_finite"], metrics=broken)

    assert client.get("/api/v1/voices/sibot/versions").json()[0]["metrics"] == {"bits_per_char": 3.5}
    assert keeper.open("/desk").status_code == 200
    assert client.get("/sibot/versions").status_code == 200
