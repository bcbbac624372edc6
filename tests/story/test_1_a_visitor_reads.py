"""1. A visitor opens the page and finds a poem, written there and then by the base voice."""

from tests.story.conftest import READERS, Trip
from tests.web.reader import lines


def test_everybody_gets_a_poem_of_his_own(trip: Trip) -> None:
    """Five lines of Korean, nobody's the same."""
    poems = ["\n".join(lines(first)) for _, first, _ in trip.first_pages]

    assert all(first.status_code == 200 for _, first, _ in trip.first_pages)
    assert all(len(poem.splitlines()) == 5 for poem in poems)
    assert len(set(poems)) == READERS
    syllables = sum("가" <= c <= "힣" for poem in poems for c in poem)
    assert syllables > 0.8 * sum(not c.isspace() for poem in poems for c in poem)


def test_it_is_there_again(trip: Trip) -> None:
    """Reloading shows the same poem; nothing is written for asking twice."""
    for _, first, again in trip.first_pages:
        assert lines(again) == lines(first)


def test_the_page_says_who_wrote_it(trip: Trip) -> None:
    """A machine, version 0."""
    for _, first, _ in trip.first_pages:
        assert "AI 생성" in first.text
        assert "초판" in first.text
