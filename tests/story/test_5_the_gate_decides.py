"""5. The gate compares the candidate with the base, and says what it found."""

from app.domain.verdict import Scorecard
from app.loop.gate import judge
from tests.story.conftest import Trip


def test_the_run_has_ended_with_a_verdict(trip: Trip) -> None:
    """Admitted, with nothing against it, and everything measured."""
    assert trip.run["state"] == "admitted"
    assert trip.run["version"] == 1
    assert trip.run["progress"] == 1.0
    assert trip.run["verdict"]["admitted"] is True
    assert trip.run["verdict"]["reasons"] == []


def test_the_verdict_follows_from_the_figures(trip: Trip) -> None:
    """Whoever reads the two scorecards comes to the same answer."""
    assert trip.run
    cards = {
        version["number"]: Scorecard(**{name: version["metrics"][name] for name in Scorecard.__slots__})
        for version in trip.ask("/voices/sibot/versions")
    }

    assert judge(cards[0], cards[1]).admitted
