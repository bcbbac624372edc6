"""3. The admin asks for a run: a row is written, and then it is announced."""

from tests.story.conftest import Trip


def test_the_run_has_a_number_at_once(trip: Trip) -> None:
    """Accepted and queued, before any worker has heard of it."""
    assert trip.asked.status_code == 202
    assert trip.asked.json()["state"] == "queued"


def test_it_was_announced(trip: Trip, announced: list[str]) -> None:
    """Once the row was kept."""
    assert trip.asked.is_success

    assert announced[0] == "sibot"


def test_it_is_on_the_list(trip: Trip) -> None:
    """The desk knows it, and who asked."""
    number = trip.asked.json()["run"]

    assert number in [run["run"] for run in trip.ask("/admin/voices/sibot/runs")]
