"""7. The visitor sees that his lines were learned: the promise is kept."""

from tests.story.conftest import TAUGHT, Trip


def test_his_lines_were_learned(trip: Trip) -> None:
    """On his own page stands each line he ticked, and which version learned it."""
    me, _, _ = trip.learned
    _, _, texts = trip.ticked[0]

    for text in texts:
        assert text in me.text
    assert "이 행은 1판이 배웠습니다." in me.text


def test_the_poems_page_says_so_too(trip: Trip) -> None:
    """Under the poem stand those of its lines that were learned."""
    assert trip.learned
    reader, poem, texts = trip.ticked[0]

    page = reader.open(f"/poems/{poem}").text
    learned = page[page.index('id="learned"') :]

    for text in texts:
        assert text in learned
    assert "이 행은 1판이 배웠습니다." in learned


def test_his_poem_was_learned(trip: Trip) -> None:
    """Its page says by which version, and what difference that made."""
    _, submission, _ = trip.learned

    assert TAUGHT[0].splitlines()[0] in submission.text
    assert "이 시는 1판이 배웠습니다." in submission.text
    assert "이 말을 쓸 확률" in submission.text


def test_everybody_can_see_the_versions(trip: Trip) -> None:
    """The base and what was taught, each with its figures."""
    _, _, versions = trip.learned

    assert versions.status_code == 200
    assert 'id="beside"' in versions.text
    numbers = {version["number"] for version in trip.ask("/voices/sibot/versions")}
    assert numbers >= {0, 1}
