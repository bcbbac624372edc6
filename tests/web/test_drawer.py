"""Poems from the drawer, over a real connection: on a page, by program, as a stream, and about a word."""

import httpx
import pytest

from app import actions
from app.bootstrap import Bot
from app.store.admins import Audit
from app.store.drafts import Drafts
from app.store.versions import Versions
from tests.support.drafts import drafts
from tests.web.conftest import NewClient
from tests.web.reader import Reader, form, lines
from tests.web.test_stream import CALL, EVENTS, events

DRAFTS = drafts(20)
WORD = DRAFTS[3].texts[2].split()[1]
LIVE = "봄밤"
"""No draft has it."""


@pytest.fixture
def bot(bot: Bot) -> Bot:
    """The bot of the other tests, with a drawer that is full before the engine looks."""
    actions.drafts.put(bot, _version(bot), DRAFTS, passed=1.0)
    return bot


def _version(bot: Bot) -> int:
    with bot.reads(Versions) as versions:
        return versions.champion("sibot").id


def _handed_out(bot: Bot) -> int:
    with bot.reads(Drafts) as store:
        return sum(one.handed_out for one in store.of_version(_version(bot)))


def test_the_first_poem_that_a_reader_sees_lay_in_the_drawer(bot: Bot, reader: Reader) -> None:
    """The next is another; he ticks its lines as those of any poem."""
    first = lines(reader.open("/sibot"))
    page = reader.open("/sibot")
    second = reader.send(form(page, "/sibot/poems"))

    texts = {one.texts for one in DRAFTS}
    assert lines(page) == first
    assert tuple(first) in texts
    assert tuple(lines(second)) in texts - {tuple(first)}
    assert _handed_out(bot) == 2
    ticks = form(second, "/ticks")
    ticked = reader.send(ticks, lines=[value for name, value in ticks.boxes if name == "lines"][:1])
    assert len([name for name, _ in form(ticked, "/ticks").fields if name == "lines"]) == 1


def test_an_admin_sees_the_drawer_and_empties_it(bot: Bot, keeper: Reader) -> None:
    """How many drafts lie there, of how many; then none, and the audit log says who did it."""
    desk = keeper.open("/desk")
    assert "20편" in desk.text

    emptied = keeper.send(form(desk, "/desk/sibot/drawer/empty"))

    assert bot.drafts(_version(bot)) == []
    assert "서랍을 비웠습니다" in emptied.text
    with bot.reads(Audit) as audit:
        assert ("drawer.empty", "sibot") in [(entry.deed, entry.subject) for entry in audit.newest()]


def test_a_program_is_told_that_it_is_drafted(client: httpx.Client) -> None:
    """Its seed would not bring it back, so none is told; who gives a seed is written one."""
    handed, written = (client.post(CALL, json=wish).json() for wish in ({}, {"seed": 5}))

    assert (handed["drafted"], handed["seed"]) == (True, None)
    assert tuple(line["text"] for line in handed["lines"]) in {one.texts for one in DRAFTS}
    assert all(line["tickable"] for line in handed["lines"])
    assert (written["drafted"], written["seed"]) == (False, 5)
    assert client.get(f"/api/v1/poems/{handed['id']}").json() == handed


def test_a_drafted_poem_streams_as_any(client: httpx.Client) -> None:
    """start, text, line, done: all at once, each line whole; the last event is the stored poem."""
    with client.stream("POST", CALL, json={}, headers=EVENTS) as answer:
        heard = list(events(answer))

    assert [name for name, _ in heard] == ["start", *["text", "line"] * 5, "done"]
    assert heard[0][1] == {"version": 0}
    poem = heard[-1][1]
    assert poem["drafted"] is True
    said = [(line["slot"], line["text"]) for line in poem["lines"]]
    assert [(data["slot"], data["delta"]) for name, data in heard if name == "text"] == said
    assert [(data["slot"], data["text"]) for name, data in heard if name == "line"] == said
    assert client.get(f"/api/v1/poems/{poem['id']}").json() == poem


def test_a_poem_about_a_word_by_program(client: httpx.Client) -> None:
    """A draft that has it; when he has seen that, or none has it, a live one that opens with it."""
    wishes = ({"word": WORD}, {"word": WORD}, {"word": LIVE})

    first, again, other = (client.post(CALL, json=wish).json() for wish in wishes)

    assert [one["drafted"] for one in (first, again, other)] == [True, False, False]
    assert [line["text"] for line in first["lines"]] == list(DRAFTS[3].texts)
    assert other["lines"][0]["text"].startswith(LIVE)
    assert other["lines"][0]["primed"]
    with client.stream("POST", CALL, json={"word": LIVE}, headers=EVENTS) as answer:
        assert list(events(answer))[-1][1]["lines"][0]["text"].startswith(LIVE)


def test_a_reader_asks_for_a_poem_about_a_word(reader: Reader, new_client: NewClient) -> None:
    """A form leads to it; opening the form writes nothing, and an empty word is refused in a sentence."""
    page = reader.open(f"/sibot/about-word?word={WORD}")
    asking = form(page, "/sibot/about-word")
    assert ("word", WORD) in asking.fields

    poem = reader.send(asking)
    refused = reader.send_only(asking, word="  ")
    long = reader.send_only(asking, word="가" * 61)

    assert poem.url.path.startswith("/poems/")
    assert lines(poem) == list(DRAFTS[3].texts)
    assert (refused.status_code, long.status_code) == (422, 422)
    assert "낱말을 적어 주세요" in refused.text
    assert new_client().post("/sibot/about-word", data={"word": WORD}).status_code == 403
    assert reader.open("/nobody/about-word").status_code == 404
