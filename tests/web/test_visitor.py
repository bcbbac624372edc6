"""The visitor's path without JavaScript, by the forms that stand on the pages."""

from httpx import Client

from app.bootstrap import Bot
from app.store.poems import Poems
from app.store.visitors import Visitors
from app.web.http.visitors import Keys
from tests.web.conftest import NewClient
from tests.web.reader import Reader, form, lines

POEM = "창밖에 눈이 내리고\n나는 오래 서 있었다"


def test_a_first_visit_gets_a_poem_of_five_lines(reader: Reader) -> None:
    """Nobody has to ask for the first poem."""
    page = reader.open("/")

    assert page.status_code == 200
    assert len(lines(page)) == 5
    assert "AI 생성" in page.text
    assert "초판" in page.text


def test_reloading_shows_the_same_poem(reader: Reader) -> None:
    """GET changes nothing: the poem is there again."""
    first = lines(reader.open("/sibot"))

    assert lines(reader.open("/sibot")) == first
    assert lines(reader.open("/")) == first


def test_another_poem_has_an_address_and_becomes_the_current_one(reader: Reader) -> None:
    """다른 시 writes another poem and goes there; the voice's page shows it from then on."""
    page = reader.open("/sibot")
    answer = reader.send_only(form(page, "/sibot/poems"))

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/poems/")
    second = lines(reader.open(answer.headers["location"]))
    assert second != lines(page)
    assert lines(reader.open("/sibot")) == second


def test_ticks_are_saved_and_can_be_taken_back(reader: Reader) -> None:
    """The ticked set is what was sent, also when it is smaller than before."""
    page = reader.open("/sibot")
    ticks = form(page, "/ticks")
    ids = [value for name, value in ticks.boxes if name == "lines"]

    saved = reader.send(ticks, lines=[ids[1], ids[3]])

    assert [v for n, v in form(saved, "/ticks").fields if n == "lines"] == [ids[1], ids[3]]
    again = reader.send(form(saved, "/ticks"), lines=[ids[3]])
    assert [v for n, v in form(again, "/ticks").fields if n == "lines"] == [ids[3]]
    none = reader.send(form(again, "/ticks"), lines=[])
    assert [v for n, v in form(none, "/ticks").fields if n == "lines"] == []


def test_kept_lines_stay_where_they_stood(reader: Reader) -> None:
    """다른 시 saves the boxes as they are, leaves ticked lines in their places and writes the others anew."""
    page = reader.open("/sibot")
    before = lines(page)
    ids = [value for name, value in form(page, "/ticks").boxes if name == "lines"]

    kept = reader.send(form(page, "/sibot/poems"), lines=[ids[2]])

    after = lines(kept)
    assert after[2] == before[2]
    assert after[0] != before[0]
    assert [v for n, v in form(kept, "/ticks").fields if n == "lines"] == [ids[2]]
    untouched = lines(reader.send(form(kept, "/sibot/poems"), fresh="yes"))
    assert set(untouched).isdisjoint(after)


def test_ticked_lines_are_not_thrown_away_unasked(reader: Reader) -> None:
    """With a seal on every line there is nothing to write: the page says so, and how to begin afresh."""
    page = reader.open("/sibot")
    ids = [value for name, value in form(page, "/ticks").boxes if name == "lines"]

    answer = reader.send(form(page, "/sibot/poems"), lines=ids)

    assert answer.status_code == 422
    assert "모두 새로 쓰기" in answer.text
    assert lines(answer) == lines(page)
    assert [v for n, v in form(answer, "/ticks").fields if n == "lines"] == ids


def test_a_newcomer_is_told_what_to_do_until_his_first_tick(reader: Reader, new_client: NewClient) -> None:
    """What this is, and what the circle is for, stand over the leaf; never again once a line was ticked."""
    page = reader.open("/sibot")
    assert "그 앞의 동그라미를 눌러" in page.text
    assert "press the circle beside it" in Reader(new_client(accept_language="en")).open("/sibot").text

    ids = [value for name, value in form(page, "/ticks").boxes if name == "lines"]
    ticked = reader.send(form(page, "/ticks"), lines=[ids[0]])
    later = reader.send(form(ticked, "/sibot/poems"), fresh="yes")
    for after in (ticked, later):
        assert "그 앞의 동그라미를 눌러" not in after.text


def test_a_poem_begins_with_the_words_one_gives(reader: Reader) -> None:
    """`prime` is the beginning of the first line, and that line cannot be ticked: it is a human's."""
    page = reader.send(form(reader.open("/sibot"), "/sibot/poems"), prime="내 이름은")

    assert lines(page)[0].startswith("내 이름은")
    assert len([b for b in form(page, "/ticks").boxes if b[0] == "lines"]) == 4


def test_a_beginning_that_is_too_long_comes_back(reader: Reader) -> None:
    """Nothing typed is lost: the poem stays, the beginning stands in its field, the answer is 422."""
    page = reader.open("/sibot")
    answer = reader.send(form(page, "/sibot/poems"), prime="가" * 61)

    assert answer.status_code == 422
    assert "가" * 61 in answer.text
    assert lines(answer) == lines(page)


def test_a_shared_poem_is_read_and_ticked_by_others(reader: Reader, new_client: NewClient, bot: Bot) -> None:
    """Who opens somebody else's permalink is shown its lines, and may tick them for himself."""
    reader.open("/sibot")
    address = reader.send_only(form(reader.open("/sibot"), "/sibot/poems")).headers["location"]
    other = Reader(new_client())
    other.open("/about")

    page = other.open(address)
    ids = [value for name, value in form(page, "/ticks").boxes if name == "lines"]
    other.send(form(page, "/ticks"), lines=[ids[0]])

    assert [v for n, v in form(other.open(address), "/ticks").fields if n == "lines"] == [ids[0]]
    assert [v for n, v in form(reader.open(address), "/ticks").fields if n == "lines"] == []


def test_a_visitor_has_returned_once_his_cookie_came_back(reader: Reader, bot: Bot) -> None:
    """The first request makes the visitor, the second makes him count."""
    reader.open("/sibot")
    with bot.reading() as session:
        poem = Poems(session).newest("sibot")
        assert poem is not None
    visitor = _visitor(reader, bot)
    with bot.reading() as session:
        assert not Visitors(session).has_returned(visitor)

    reader.open("/sibot")

    with bot.reading() as session:
        assert Visitors(session).has_returned(visitor)


def test_teaching_leads_to_a_private_page_with_withdrawal(reader: Reader) -> None:
    """A submission has a page, and can be taken back from there."""
    page = reader.open("/sibot")
    taught = reader.send(form(page, "/submissions"), text=POEM, title="눈", author="", consent="yes")

    assert taught.status_code == 200
    assert "/submissions/" in str(taught.url)
    assert "창밖에 눈이 내리고" in taught.text
    assert "AI 생성" not in taught.text
    assert "no-store" in taught.headers["cache-control"]

    gone = reader.send(form(taught, "/withdraw"))
    assert "거둔 시입니다" in gone.text


def test_browsing_shows_what_others_were_shown(reader: Reader, new_client: NewClient) -> None:
    """Poems of visitors who came back are there, newest first, for everyone."""
    mine = lines(reader.open("/sibot"))
    reader.open("/sibot")

    page = Reader(new_client()).open("/sibot/poems")

    assert all(line in page.text for line in mine)
    assert Reader(new_client()).open("/sibot/poems?sort=loved&version=0&cursor=abc").status_code == 200


def test_bookmarks_hold_what_one_ticked_and_taught(reader: Reader) -> None:
    """/me shows this visitor's lines and poems, and nobody else's."""
    page = reader.open("/sibot")
    ids = [value for name, value in form(page, "/ticks").boxes if name == "lines"]
    reader.send(form(page, "/ticks"), lines=[ids[0]])
    reader.send(form(page, "/submissions"), text=POEM, title="첫눈 오던 날", consent="yes")

    me = reader.open("/me")

    assert lines(page)[0] in me.text
    assert lines(page)[1] not in me.text
    assert "첫눈 오던 날" in me.text


def test_the_language_is_the_browsers_until_it_is_chosen(client: Client) -> None:
    """Accept-Language decides, then the switch does; voice and language are independent."""
    page = client.get("/sibot", headers={"accept-language": "en-GB,en;q=0.9"})
    assert '<html lang="en">' in page.text

    switched = client.post(
        "/language", data=form(page, "/language").filled(lang="ko", next="/sibot"), follow_redirects=True
    )

    assert '<html lang="ko">' in switched.text
    assert '<html lang="ko">' in client.get("/about", headers={"accept-language": "en"}).text


def test_a_poem_can_be_had_as_text(reader: Reader) -> None:
    """poem.txt is the poem and says that a machine wrote it."""
    answer = reader.send_only(form(reader.open("/sibot"), "/sibot/poems"))
    text = reader.open(answer.headers["location"] + ".txt")

    assert text.headers["content-type"].startswith("text/plain")
    assert text.text.splitlines()[:5] == lines(reader.open(answer.headers["location"]))
    assert "AI 생성" in text.text


def _visitor(reader: Reader, bot: Bot) -> str:
    visitor = Keys(bot.settings.secret()).read_visitor(reader.client.cookies["visitor"])
    assert visitor is not None
    return visitor
