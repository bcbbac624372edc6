"""What the desk says waits, and the moderation of what readers wove."""

import httpx
import pytest

from app.bootstrap import Bot
from app.store.admins import Audit
from tests.web.conftest import PASSWORD, NewClient
from tests.web.reader import Form, Reader, form, forms
from tests.web.test_pieces import woven
from tests.web.test_share import ticked


@pytest.fixture
def desk(new_client: NewClient, admin_name: str) -> Reader:
    """An admin at the desk."""
    keeper = Reader(new_client())
    keeper.send(form(keeper.open("/desk/login"), "/desk/login"), name=admin_name, password=PASSWORD)
    return keeper


def deciding(page: httpx.Response) -> Form:
    """The form of the first piece."""
    return next(f for f in forms(page) if f.action == "/desk/pieces/decide")


def test_a_woven_piece_waits_and_is_decided(reader: Reader, desk: Reader, bot: Bot, new_client: NewClient) -> None:
    """The desk says that it waits; accepted it is shown to all, put back it is not; the log tells both in words."""
    ticked(reader, 0, 4)
    address = woven(reader).url.path
    assert "읽어 주기를 기다리는 엮은 시 1편" in desk.open("/desk").text

    desk.send(deciding(desk.open("/desk/submissions")), status="approved")
    other = Reader(new_client())
    assert other.open(address).status_code == 200
    assert "엮은 시 1편" not in desk.open("/desk").text
    desk.send(deciding(desk.open("/desk/submissions?status=approved")), status="waiting")
    assert other.open(address).status_code == 404

    with bot.reads(Audit) as audit:
        assert [entry.deed for entry in audit.newest()[:2]] == ["piece.waiting", "piece.approved"]
    log = desk.open("/desk/audit").text
    assert "엮은 시를 받아들임" in log
    assert "엮은 시를 대기로 되돌림" in log


def test_a_maker_reads_why_it_was_declined(reader: Reader, desk: Reader) -> None:
    """In words, as the log does; put back, the reason is gone."""
    ticked(reader, 0, 4)
    address, why = woven(reader).url.path, "지은이의 허락이 있어야"

    desk.send(deciding(desk.open("/desk/submissions")), status="rejected", reason="rights")
    assert why in reader.open(address).text
    assert why in desk.open("/desk/audit").text

    desk.send(deciding(desk.open("/desk/submissions?status=rejected")), status="waiting")
    assert why not in reader.open(address).text


def test_a_third_answer_is_none(reader: Reader, desk: Reader) -> None:
    """A piece is accepted, declined or put back, by an admin; anything else is refused."""
    ticked(reader, 0, 4)
    woven(reader)
    sent = deciding(desk.open("/desk/submissions"))

    assert desk.send_only(sent, status="withdrawn").status_code == 422
    assert desk.send_only(sent, status="approved", ids="nothing").status_code == 404
    token = form(reader.open("/sibot"), "/ticks").filled()["csrf_token"]
    refused = reader.client.post(sent.action, data=sent.filled(status="approved", csrf_token=token))
    assert refused.status_code == 401
    assert "엮은 시 1편" in desk.open("/desk").text
