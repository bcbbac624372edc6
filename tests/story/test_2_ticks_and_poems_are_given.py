"""2. Visitors tick lines they like and teach poems of their own; a moderator reads those."""

from tests.story.conftest import READERS, TAUGHT, WAITING, Trip
from tests.web.reader import form


def test_ticks_are_kept(trip: Trip) -> None:
    """The boxes are checked when the poem is opened again, at its own address."""
    for reader, poem, _ in trip.ticked[:3]:
        page = reader.open(f"/poems/{poem}")
        checked = [value for name, value in form(page, "/ticks").fields if name == "lines"]
        assert len(checked) == 2


def test_a_tick_is_private(trip: Trip) -> None:
    """Somebody else who opens the poem finds no box checked."""
    _, poem, _ = trip.ticked[0]
    stranger = trip.reader()

    assert [n for n, _ in form(stranger.open(f"/poems/{poem}"), "/ticks").fields if n == "lines"] == []


def test_the_base_has_a_tick_rate(trip: Trip) -> None:
    """Two of five lines of each reader, in the impressions of those whose cookie came back."""
    assert trip.asked.is_success
    base = next(v for v in trip.ask("/voices/sibot/versions") if v["number"] == 0)

    assert base["ticks"] >= 2 * READERS
    assert base["impressions"] >= 5 * READERS
    assert 0 < base["tick_rate"]["low"] < base["tick_rate"]["mean"] < base["tick_rate"]["high"] < 1


def test_an_author_has_a_page_of_his_own(trip: Trip) -> None:
    """With his poem and what became of it."""
    for page, text in zip(trip.taught, (*TAUGHT, WAITING), strict=True):
        assert page.status_code == 200
        assert page.url.path.startswith("/submissions/")
        assert text.splitlines()[0] in page.text


def test_a_moderator_decides(trip: Trip) -> None:
    """Most are approved; one waits."""
    assert trip.taught

    states = {one["text"]: one["status"] for one in trip.ask("/admin/submissions")}
    assert states == dict.fromkeys(TAUGHT, "approved") | {WAITING: "waiting"}
