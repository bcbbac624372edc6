"""9. With readers enough, they decide: the version goes on trial, wins, and serves."""

from tests.story.conftest import CROWD, Trip
from tests.web.reader import lines


def test_nothing_is_decided_before_the_readers_have_left(trip: Trip) -> None:
    """Their ticks may still come for an hour."""
    assert trip.on_trial == ["running", "better"]


def test_the_winner_serves(trip: Trip) -> None:
    """The history says that a trial brought it, and the site follows."""
    assert trip.on_trial

    newest = trip.ask("/admin/voices/sibot/history")[0]
    assert (newest["version"], newest["was"], newest["by"]) == (1, 0, "trial")
    trip.wait_for(1)


def test_both_wrote_and_every_poem_was_by_one(trip: Trip) -> None:
    """The figures are there for everybody: who was shown what, and how often it was ticked."""
    assert trip.on_trial
    (shown,) = trip.ask("/voices/sibot/trials")

    assert (shown["state"], shown["reason"]) == ("better", "evidence")
    assert shown["better"] >= 20 > shown["worse"]
    assert CROWD / 2 < shown["visitors"] <= CROWD
    assert min(shown["challenger"]["poems"], shown["champion"]["poems"]) > 5
    assert shown["challenger"]["tick_rate"]["low"] > shown["champion"]["tick_rate"]["high"]


def test_the_page_of_versions_shows_the_trial(trip: Trip) -> None:
    """With its evidence, a chart, and a table that says the same."""
    assert trip.on_trial
    reader = trip.reader()

    page = reader.open("/sibot/versions")
    chart = reader.open("/sibot/versions/rates.svg")

    assert "새 판이 이김" in page.text
    assert "/sibot/versions/rates.svg" in page.text
    assert chart.headers["content-type"].startswith("image/svg+xml")
    assert "<script" not in chart.text
    assert len(lines(reader.open("/sibot"))) == 5
