"""Double clicks, and requests that are sent again: what is done twice is done once."""

from datetime import UTC, datetime

import httpx
import pytest

from app.bootstrap import Bot
from app.store.admins import Audit
from app.store.health import Health
from app.store.submissions import Pieces
from app.web.http.limits import Rule
from app.web.http.visitors import Keys
from tests.support import versions
from tests.web.reader import Reader, form, lines
from tests.web.test_share import ticked
from tests.web.test_writing import CANDIDATE


def poems(bot: Bot) -> int:
    """How many there are."""
    with bot.reads(Health) as health:
        return health.counts("sibot", datetime(2000, 1, 1, tzinfo=UTC))["poems"]


def test_a_version_is_rolled_back_once(keeper: Reader, bot: Bot) -> None:
    """Though there would be somewhere further back to go: the button says from where."""
    first, _ = (versions.add(bot, folder, serves=True) for folder in ("a", "b"))
    button = form(keeper.open("/desk"), "/desk/sibot/rollback")

    assert [keeper.send(button).status_code for _ in range(2)] == [200, 200]
    assert bot.champions()[0].number == first
    with bot.reads(Audit) as audit:
        assert [entry.deed for entry in audit.newest()].count("rollback") == 1
    assert keeper.send(button, serving="x").status_code == 422


def test_a_line_is_picked_once(reader: Reader, bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    """And sent again for ever it is counted like any poem."""
    choice = reader.send(form(reader.open("/sibot"), "/next"))
    token = CANDIDATE.findall(choice.text)[0][0]
    picking = form(choice, "/sibot/next")
    picked = [reader.send(picking, candidate=token) for _ in range(2)]

    assert picked[0].url.path == picked[1].url.path
    assert poems(bot) == 2
    monkeypatch.setattr("app.web.readers.poems.POEMS", Rule("poems", each="1/minute", address="9/minute"))
    assert [reader.send(picking, candidate=token).status_code for _ in range(2)] == [200, 429]


def test_a_line_of_a_version_that_is_gone_cannot_be_picked(reader: Reader, bot: Bot) -> None:
    """An old backup was put back: the form has grown old, and nothing is kept of it."""
    choice = form(reader.send(form(reader.open("/sibot"), "/next")), "/sibot/next")
    keys = Keys(bot.settings.secret())
    visitor = keys.read_visitor(reader.client.cookies["visitor"])
    token = keys.sign_candidate([visitor, "sibot", [], [999, 1, 1.0, "없는 판의 한 행", -1.0, 1.0]])

    assert reader.send(choice, candidate=token).status_code == 403
    assert poems(bot) == 1


def test_a_piece_is_woven_once(reader: Reader, bot: Bot) -> None:
    """The same lines in the same order under the same title; in another order it is another."""
    ticked(reader, 0, 4)
    loom = form(reader.open("/sibot/weave"), "/sibot/pieces")
    places = [name for name, _ in loom.fields if name.startswith("place-")]
    woven = dict(zip(places, "12", strict=False))
    made = [reader.send(loom, title="귀가", author="", **woven).url.path for _ in range(2)]
    other = reader.send(loom, title="귀가", author="", **dict(zip(places, "21", strict=False))).url.path

    assert made[0] == made[1] != other
    with bot.reads(Pieces) as pieces:
        assert pieces.waiting() == 2
    reader.send(form(reader.open(made[0]), "/withdraw"))
    assert reader.send(loom, title="귀가", author="", **woven).url.path != made[0]


def test_a_poem_is_taught_once(reader: Reader, client: httpx.Client) -> None:
    """By form or by program: the same page, the same number, and a second withdrawal is none."""
    teaching = form(reader.open("/sibot"), "/submissions")
    said = {"text": "두 번 누른 시\n한 번만 배운다", "consent": "yes"}
    taught = [reader.send(teaching, **said).url.path for _ in range(2)]
    again = client.post("/api/v1/voices/sibot/submissions", json={**said, "consent": True})
    gone = [client.delete(f"/api/v1{taught[0]}").json()["status"] for _ in range(2)]

    assert {*taught, again.json()["url"]} == {taught[0]}
    assert again.status_code == 200
    assert gone == ["withdrawn", "withdrawn"]


def test_ticks_are_saved_once(reader: Reader, bot: Bot) -> None:
    """The form says what is ticked, not what to turn over."""
    page = reader.open("/sibot")
    boxes = form(page, "/ticks")
    ids = [value for name, value in boxes.boxes if name == "lines"]
    shown = [lines(reader.send(boxes, lines=ids[:2])) for _ in range(2)]

    assert shown[0] == shown[1] == lines(page)
    with bot.reads(Health) as health:
        assert health.counts("sibot", datetime(2000, 1, 1, tzinfo=UTC))["ticks"] == 2
