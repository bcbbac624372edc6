"""8. A version that nobody likes is taken back as quietly as it came."""

from tests.story.conftest import Trip


def test_the_base_serves_again(trip: Trip) -> None:
    """One call, and the next newcomer's poem is by version 0."""
    answer, page = trip.rolled_back

    assert answer == {"champion": 0}
    assert page.status_code == 200
    assert "초판" in page.text
    assert "1판" not in page.text.split("</main>")[0].split("<main")[1]
