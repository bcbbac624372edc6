"""6. The site loads the new champion beside the old one, and the next poem is by it."""

from tests.story.conftest import Trip
from tests.web.reader import lines


def test_the_next_poems_are_by_version_1(trip: Trip) -> None:
    """Everybody who asks for another poem gets one, and the page says whose it is."""
    for page in trip.swapped:
        assert page.status_code == 200
        assert page.url.path.startswith("/poems/")
        assert "1판" in page.text
        assert len(lines(page)) == 5


def test_the_history_knows(trip: Trip) -> None:
    """What was live from when, and why."""
    assert trip.swapped

    moves = [(move["version"], move["was"]) for move in trip.ask("/admin/voices/sibot/history")]
    assert moves[-2:] == [(1, 0), (0, None)]


def test_older_poems_keep_their_version(trip: Trip) -> None:
    """What version 0 wrote stays version 0's."""
    assert trip.swapped
    _, poem, _ = trip.ticked[0]

    assert trip.ask(f"/poems/{poem}")["version"] == 0
