"""Nobody is told which version wrote a poem on trial while its reader may still answer."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import update

from app.bootstrap import Bot, now
from app.domain.version import VersionStatus
from app.store.tables import ImpressionRow, LineRow, PoemRow
from tests.support.world import World
from tests.web.reader import Reader, form

SECRET = "1판"
SHOWN = ("", ".txt", ".json")
"""A poem's own address, and what is made of it."""


@dataclass
class Drawn:
    """A poem that a trial's challenger wrote for this reader just now, all of whose lines he ticked."""

    reader: Reader
    bot: Bot
    poem: str

    def pages(self) -> Iterator[tuple[str, str]]:
        """Every place that shows it, with what is said there."""
        places = [f"/poems/{self.poem}{kind}" for kind in SHOWN]
        places += ["/sibot", "/sibot/poems", "/sibot/poems?sort=loved", "/sibot/anthology", "/sibot/anthology.atom"]
        places += ["/sibot/spring", "/me", "/me/export", f"/api/v1/poems/{self.poem}", "/api/v1/voices/sibot/poems"]
        for place in places:
            answer = self.reader.open(place)
            yield place, answer.text + str(answer.headers)

    def later(self, hours: float) -> None:
        """As if it had been written so long ago."""
        with self.bot.transaction() as session:
            session.execute(
                update(PoemRow).where(PoemRow.id == self.poem).values(created=now() - timedelta(hours=hours))
            )


@pytest.fixture
def drawn(bot: Bot, reader: Reader) -> Drawn:
    """The draw is put into the rows: what the engine draws is tested with the engine."""
    version, _ = World(bot.sessions).version(folder="sibot/1", status=VersionStatus.UNDECIDED)
    reader.open("/sibot")
    page = reader.send(form(reader.open("/sibot"), "/sibot/poems"))
    found = re.search(r'data-poem="(\w+)"', page.text)
    assert found is not None
    poem = found[1]
    boxes = form(page, "/ticks")
    reader.send(boxes, lines=[value for name, value in boxes.boxes if name == "lines"])
    with bot.transaction() as session:
        lines = LineRow.poem_id == poem
        session.execute(update(PoemRow).where(PoemRow.id == poem).values(trial_id=1, version_id=version))
        session.execute(update(LineRow).where(lines).values(version_id=version))
        shown = ImpressionRow.line_id.in_([line.id for line in session.query(LineRow).where(lines)])
        session.execute(update(ImpressionRow).where(shown).values(version_id=version))
    return Drawn(reader, bot, poem)


def test_no_page_tells_who_wrote_a_poem_on_trial(drawn: Drawn) -> None:
    """Neither page, title, preview, text, file, list, feed, export nor header; the poem's page says when it will."""
    for place, said in drawn.pages():
        assert SECRET not in said, place
        assert not re.search(r'"version": ?1\b', said), place
    page = drawn.reader.open(f"/poems/{drawn.poem}").text
    assert "두 판 가운데 하나" in page
    assert "누가 썼는지는 쓴 지 한 시간 뒤에 밝힙니다" in page

    drawn.later(hours=1.1)

    told = dict(drawn.pages())
    assert all(
        SECRET in told[f"/poems/{drawn.poem}{kind}"] or '"version":1' in told[f"/poems/{drawn.poem}{kind}"]
        for kind in SHOWN
    )
    assert '"version":1' in told[f"/api/v1/poems/{drawn.poem}"]


def test_what_would_tell_it_is_not_told_either(drawn: Drawn) -> None:
    """The seed, with which the champion would write the same poem again if it was his, and the log-probabilities."""
    hidden = drawn.reader.open(f"/api/v1/poems/{drawn.poem}").json()
    drawn.later(hours=1.1)
    told = drawn.reader.open(f"/api/v1/poems/{drawn.poem}").json()

    for one, known in ((hidden, False), (told, True)):
        values = [one["version"], one["seed"], *(line[key] for line in one["lines"] for key in ("version", "logprob"))]
        assert all((value is not None) == known for value in values)


def test_counts_and_lists_of_a_version_wait_for_it(drawn: Drawn) -> None:
    """Who looks at them before and after he reads would know: they go on an hour later."""

    def counted() -> tuple[int, int]:
        version = drawn.reader.open("/api/v1/voices/sibot/versions/1").json()
        listed = drawn.reader.open("/api/v1/voices/sibot/poems?version=1").json()["poems"]
        return version["impressions"], len(listed)

    assert counted() == (0, 0)
    drawn.later(hours=1.1)
    assert counted() == (5, 1)
