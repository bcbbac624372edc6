"""Ways of writing, by the forms that stand on the pages: a line changed in its place, and one more at the end."""

import re
from datetime import UTC, datetime

import httpx

from app.bootstrap import Bot
from app.store.health import Health
from app.web.http.visitors import Keys
from tests.support.patience import PATIENCE
from tests.web.conftest import NewClient
from tests.web.reader import Reader, form, forms, lines

CANDIDATE = re.compile(r'<button name="candidate" value="([^"]+)"[^>]*>([^<]+)</button>')


def own_form(page: httpx.Response, own: str, place: int, reader: Reader, how: str = "onward") -> httpx.Response:
    """Open a line, and send the form with words of one's own."""
    opened = reader.send(form(page, "/next"), place=str(place))
    typed = next(f for f in forms(opened) if "own" in dict(f.fields))
    assert dict(typed.fields)["place"] == str(place)
    assert dict(typed.fields)["own"] == ([*lines(page), ""][place - 1])
    return reader.send(typed, own=own, how=how)


def test_a_poem_goes_on_from_a_line_of_ones_own(reader: Reader) -> None:
    """What stood before it stays, it is said to be a human's, and what follows is new."""
    page = reader.open("/sibot")
    before = lines(page)

    after = own_form(page, "  봄이  왔다고 말했다 ", 3, reader)

    assert lines(after)[:3] == [*before[:2], "봄이 왔다고 말했다"]
    assert len(lines(after)) == 5
    assert lines(after)[3:] != before[3:]
    assert "사람이 쓴 행" in after.text
    assert len([box for box in form(after, "/ticks").boxes if box[0] == "lines"]) == 4


def test_a_line_of_ones_own_is_continued_at_the_end(reader: Reader) -> None:
    """After the last line there is room for mine, and for one more."""
    page = reader.open("/sibot")

    after = lines(own_form(page, "끝이 아니었다", 6, reader))

    assert after[:6] == [*lines(page), "끝이 아니었다"]
    assert len(after) == 7


def test_a_line_that_is_no_text_comes_back(reader: Reader) -> None:
    """With the reason; what was typed is still there."""
    answer = own_form(reader.open("/sibot"), "가" * 61, 1, reader)

    assert answer.status_code == 422
    assert "60자 안으로" in answer.text
    assert "가" * 61 in answer.text


def test_only_the_line_that_is_changed_changes(reader: Reader) -> None:
    """Own words or a candidate in the place of a line: the others stay, with their seals."""
    page = reader.open("/sibot")
    before = lines(page)
    ids = [value for name, value in form(page, "/ticks").boxes if name == "lines"]
    page = reader.send(form(page, "/ticks"), lines=[ids[4]])

    mine = own_form(page, "가운데는 내 말", 3, reader, how="only")
    choice = reader.send(form(mine, "/next"), place="2")
    offered = CANDIDATE.findall(choice.text)
    theirs = reader.send(form(choice, "/sibot/next"), candidate=offered[0][0])

    assert lines(mine) == [*before[:2], "가운데는 내 말", *before[3:]]
    assert before[1] not in [text for _, text in offered]
    assert lines(theirs) == [before[0], offered[0][1], "가운데는 내 말", *before[3:]]
    assert [v for n, v in form(theirs, "/ticks").fields if n == "lines"] == [ids[4]]


def test_what_is_rewritten_from_a_line_leaves_ticked_lines(reader: Reader) -> None:
    """Lines before it stay, and so does a ticked one after it; the line itself, left as it was, is written anew."""
    page = reader.open("/sibot")
    before = lines(page)
    ids = [value for name, value in form(page, "/ticks").boxes if name == "lines"]
    page = reader.send(form(page, "/ticks"), lines=[ids[3]])

    after = own_form(page, before[1], 2, reader)

    assert [lines(after)[slot] == before[slot] for slot in range(5)] == [True, False, False, True, False]
    assert "사람이 쓴 행" not in after.text


def test_poems_with_a_humans_words_are_not_shown_around(reader: Reader, new_client: NewClient) -> None:
    """Nobody has moderated them: only their address leads to them."""
    page = reader.open("/sibot")
    mine = own_form(page, "아무도 읽지 않은 말", 1, reader)
    primed = reader.send(form(page, "/sibot/poems"), prime="읽지 않은 첫마디")

    others = Reader(new_client())
    assert "읽지 않은" not in others.open("/sibot/poems").text
    assert (
        "읽지 않은"
        not in httpx.get(f"{reader.client.base_url}/sibot", headers={"user-agent": "bot"}, timeout=PATIENCE).text
    )
    assert lines(mine)[0] in others.open(mine.url.path).text
    assert lines(primed)[0] in others.open(primed.url.path).text


def test_the_next_line_is_chosen_among_three(reader: Reader, bot: Bot) -> None:
    """Asking stores nothing; picking makes a poem one line longer, whose new line can be ticked."""
    page = reader.open("/sibot")
    choice = reader.send(form(page, "/next"))
    offered = CANDIDATE.findall(choice.text)
    assert len(offered) == 3
    assert len({text for _, text in offered}) == 3
    with bot.reads(Health) as health:
        assert health.counts("sibot", datetime(2000, 1, 1, tzinfo=UTC))["poems"] == 1

    picked = reader.send(form(choice, "/sibot/next"), candidate=offered[1][0])

    assert lines(picked) == [*lines(page), offered[1][1]]
    assert len([box for box in form(picked, "/ticks").boxes if box[0] == "lines"]) == 6


def test_a_line_nobody_wrote_cannot_be_picked(reader: Reader, new_client: NewClient, bot: Bot) -> None:
    """A candidate is signed, for one visitor and one voice: words of somebody's own do not come in that way."""
    page = reader.open("/sibot")
    token = CANDIDATE.findall(reader.send(form(page, "/next")).text)[0][0]
    choice = form(reader.send(form(page, "/next")), "/sibot/next")

    forged = Keys("x" * 40).sign_candidate(["me", "sibot", [], [1, 1, 1.0, "내 말", -1.0, 1.0], []])
    for bad in ("", "nonsense", forged, token[:-2] + "xx"):
        assert reader.send_only(choice, candidate=bad).status_code == 403

    other = Reader(new_client())
    others = form(other.send(form(other.open("/sibot"), "/next")), "/sibot/next")
    assert other.send_only(others, candidate=token).status_code == 403


def test_how_bold_the_last_poem_was_is_remembered(reader: Reader) -> None:
    """The step that was chosen is the one that is ticked on the next page."""
    page = reader.send(form(reader.open("/sibot"), "/sibot/poems"), temperature="0.56")

    assert re.search(r'value="0.56" checked', page.text)
    assert not re.search(r'value="1.12" checked', page.text)
