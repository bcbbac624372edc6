"""An owner's voices from a shell: added unlisted, published, hidden, removed."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from app.bootstrap import Bot
from app.domain import submission as deed
from app.domain.run import RunState
from app.domain.submission import SubmissionStatus
from app.domain.version import VersionStatus
from app.store.admins import Audit
from app.store.holdings import naming
from app.store.submissions import Submissions
from app.store.tables import RunRow, VersionRow, metadata
from tests.cli.conftest import Shell
from tests.support.world import World

ADD = ("voice", "add", "gil", "--language", "ko", "--title", "길")


@pytest.fixture
def gil(poembot: Shell) -> Iterator[str]:
    """A voice of an owner's."""
    said = poembot(*ADD, "--folder", poembot.folder / "models" / "base" / "sibot")
    assert said.status == 0, said.err
    yield "gil"
    poembot("voice", "remove", "gil", "--yes")


def listed(poembot: Shell) -> dict[str, bool]:
    """Every voice, and whether visitors find it."""
    return {one["slug"]: one["listed"] for one in poembot("voice", "list", "--json").json["voices"]}


def test_a_new_voice_is_a_draft(poembot: Shell, gil: str) -> None:
    """It is not listed until its owner says so; the shipped voice is."""
    assert listed(poembot) == {"sibot": True, gil: False}
    assert "gil                  ko    hidden  own      version 0" in poembot("voice", "list").out

    said = poembot("voice", "publish", gil)

    assert (said.status, said.err.strip()) == (0, "gil: published at /gil")
    assert listed(poembot)[gil]
    assert poembot("voice", "publish", gil).err.strip() == "gil is published already"
    assert poembot("voice", "hide", gil).status == 0
    assert not listed(poembot)[gil]


def test_it_is_audited(poembot: Shell, gil: str, bot: Bot) -> None:
    """Who published and who hid it; what changes nothing is no deed."""
    for deed_ in ("publish", "publish", "hide"):
        poembot("voice", deed_, gil)

    with bot.reads(Audit) as audit:
        deeds = [(entry.who, entry.deed, entry.subject) for entry in audit.newest()][:2]

    assert deeds == [("shell", "voice.hide", gil), ("shell", "voice.publish", gil)]


def test_a_removed_voice_leaves_what_readers_gave(poembot: Shell, gil: str, bot: Bot) -> None:
    """Its network and text leave the shelf, and the slug is free; the export has the reader's poem."""
    World(bot.sessions).visitor("author")
    offer = deed.examine("강가에 앉아\n너를 기다린다\n봄이 온다", None, None, consent=True)
    with bot.transaction() as session:
        submissions, status = Submissions(session), SubmissionStatus.WAITING
        submissions.add(offer, gil, "author", address="", status=status, now=datetime.now(UTC))

    asked = poembot("voice", "remove", gil)
    said = poembot("voice", "remove", gil, "--yes", "--json")

    assert (asked.status, asked.complaint) == (2, "there is no terminal to ask whether you are sure; use --yes")
    assert said.json == {
        "slug": gil,
        "kept_as": (name := said.json["kept_as"]),
        "poems": 0,
        "ticks": 0,
        "submissions": 1,
    }
    assert listed(poembot) == {"sibot": True}
    assert not list((poembot.home / "shelf" / "gil").glob("*/base"))
    again = poembot(*ADD, "--folder", poembot.folder / "models" / "base" / "sibot")
    assert again.status == 0, again.err
    assert poembot("voice", "remove", gil, "--yes", "--json").json["kept_as"] > name > "gil~"
    with bot.reading() as session:
        assert [one.voice for one in Submissions(session).of_visitor("author")] == [name]


def test_a_shipped_voice_is_hidden_and_not_removed(poembot: Shell) -> None:
    """The next command would install it again. A slug that nobody has is an error of one line."""
    refused, unknown = poembot("voice", "remove", "sibot", "--yes"), poembot("voice", "hide", "nobody")

    assert refused.status == unknown.status == 2
    assert "ships with the project" in refused.complaint
    assert "nobody" in unknown.complaint
    assert poembot("voice", "hide", "sibot").status == 0
    assert poembot("db", "upgrade").status == 0
    assert listed(poembot) == {"sibot": False}
    assert poembot("voice", "publish", "sibot").status == 0


def test_what_is_under_way_ends_with_the_voice(poembot: Shell, gil: str, bot: Bot) -> None:
    """A run that waits is cancelled, so that no worker takes it; every version has left the shelf."""
    assert poembot("retrain", gil).status == 0

    assert poembot("voice", "remove", gil, "--yes").status == 0

    assert bot.champions()[0].voice == "sibot"
    with bot.reading() as session:
        states = set(session.scalars(select(RunRow.state).where(RunRow.voice.startswith("gil~"))))
        statuses = set(session.scalars(select(VersionRow.status).where(VersionRow.voice.startswith("gil~"))))
    assert (states, statuses) == ({RunState.CANCELLED}, {VersionStatus.PRUNED})


def test_every_column_that_names_a_voice_is_renamed() -> None:
    """A new table cannot be forgotten: its foreign key says so."""
    named = {f"{table.name}.{column.name}" for table in metadata.sorted_tables for column in naming(table)}
    called = {f"{table.name}.voice" for table in metadata.sorted_tables if "voice" in table.columns}

    assert named == called
